#include "sim/accel/storage.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>

namespace fluence::accel {

bool Storage::transfer(tlm::tlm_generic_payload& payload) {
    const std::uint64_t address = payload.get_address();
    const std::uint64_t bytes = payload.get_data_length();
    if (bytes > cells_.size() || address > cells_.size() - bytes) {
        payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
        return false;
    }
    if (payload.is_write()) {
        std::memcpy(cells_.data() + address, payload.get_data_ptr(), bytes);
    } else {
        std::memcpy(payload.get_data_ptr(), cells_.data() + address, bytes);
    }
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
    return true;
}

bool Storage::grant(tlm::tlm_dmi& access) {
    access.init();
    access.set_dmi_ptr(cells_.data());
    access.set_start_address(0);
    access.set_end_address(cells_.size() - 1);
    access.set_granted_access(tlm::tlm_dmi::DMI_ACCESS_READ_WRITE);
    return !cells_.empty();
}

void Storage::flip(std::int64_t byte, std::uint8_t mask) {
    std::uint8_t& cell = cells_.at(static_cast<std::size_t>(byte));
    cell = static_cast<std::uint8_t>(cell ^ mask);
}

void Storage::restore(const std::vector<std::uint8_t>& cells) {
    if (cells.size() != cells_.size()) {
        throw std::logic_error("a memory of " + std::to_string(cells_.size()) + " bytes cannot hold " +
                               std::to_string(cells.size()));
    }
    std::copy(cells.begin(), cells.end(), cells_.begin());  // in place: others have direct access
}

}  // namespace fluence::accel
