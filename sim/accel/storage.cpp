#include "sim/accel/storage.h"

#include <cstring>

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

}  // namespace fluence::accel
