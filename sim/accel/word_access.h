// How a unit of the detailed machine reaches the words of one memory: one at a time, directly where the
// codec grants it, otherwise by a transaction each.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <tlm>

#include "sim/accel/burst.h"
#include "sim/core/memory.h"

namespace fluence::accel {

class WordAccess {
  public:
    // Keeps a reference to `socket`; connect() once it is bound.
    WordAccess(tlm::tlm_initiator_socket<>& socket, int word_bytes)
        : socket_(socket), word_bytes_(word_bytes) {}

    void connect() {
        describe(payload_, tlm::TLM_READ_COMMAND, 0, word_.data(), word_bytes_);
        tlm::tlm_dmi access;
        cells_ = socket_->get_direct_mem_ptr(payload_, access) && access.is_read_write_allowed()
                     ? access.get_dmi_ptr()
                     : nullptr;
    }
    int word_bytes() const { return word_bytes_; }

    // The word's bytes; good until the next call.
    const std::uint8_t* read(std::int64_t word) {
        if (cells_ != nullptr) {
            return cells_ + word * word_bytes_;
        }
        transfer(tlm::TLM_READ_COMMAND, word);
        return word_.data();
    }
    void write(std::int64_t word, const std::uint8_t* data) {
        if (cells_ != nullptr) {
            std::memcpy(cells_ + word * word_bytes_, data, static_cast<std::size_t>(word_bytes_));
            return;
        }
        std::memcpy(word_.data(), data, static_cast<std::size_t>(word_bytes_));
        transfer(tlm::TLM_WRITE_COMMAND, word);
    }
    // One byte of the word that it lies in.
    std::uint8_t byte(std::int64_t address) {
        return cells_ != nullptr ? cells_[address] : read(address / word_bytes_)[address % word_bytes_];
    }

  private:
    void transfer(tlm::tlm_command command, std::int64_t word) {
        describe(payload_, command, word * word_bytes_, word_.data(), word_bytes_);
        sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
        socket_->b_transport(payload_, delay);
        if (!payload_.is_response_ok()) {
            throw std::logic_error(std::string(socket_.name()) + ": " + payload_.get_response_string() +
                                   " at word " + std::to_string(word));
        }
    }

    tlm::tlm_initiator_socket<>& socket_;
    int word_bytes_;
    std::uint8_t* cells_ = nullptr;
    tlm::tlm_generic_payload payload_;
    std::array<std::uint8_t, kMaxWordBits / 8> word_{};
};

}  // namespace fluence::accel
