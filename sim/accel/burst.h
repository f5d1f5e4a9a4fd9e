// One TLM transaction over a run of bytes, as every initiator of the machine issues it.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <tlm>

#include "sim/accel/clock.h"

namespace fluence::accel {

inline void describe(tlm::tlm_generic_payload& payload, tlm::tlm_command command, std::int64_t address,
                     std::uint8_t* data, std::int64_t bytes) {
    payload.set_command(command);
    payload.set_address(static_cast<sc_dt::uint64>(address));
    payload.set_data_ptr(data);
    payload.set_data_length(static_cast<unsigned>(bytes));
    payload.set_streaming_width(static_cast<unsigned>(bytes));
    payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
}

// Moves the bytes and returns the delay that the targets annotated, in cycles.
template <class Socket>
Cycle burst(Socket& socket, const Clock& clock, tlm::tlm_command command, std::int64_t address,
            std::uint8_t* data, std::int64_t bytes) {
    tlm::tlm_generic_payload payload;
    describe(payload, command, address, data, bytes);
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    socket->b_transport(payload, delay);
    if (!payload.is_response_ok()) {
        throw std::logic_error(std::string(socket.name()) + ": " + payload.get_response_string() +
                               " at byte " + std::to_string(address));
    }
    return clock.cycles(delay);
}

// The same outside of time, for the host.
template <class Socket>
void debug_burst(Socket& socket, tlm::tlm_command command, std::int64_t address, std::uint8_t* data,
                 std::int64_t bytes) {
    tlm::tlm_generic_payload payload;
    describe(payload, command, address, data, bytes);
    if (socket->transport_dbg(payload) != static_cast<unsigned>(bytes)) {
        throw std::logic_error(std::string(socket.name()) + ": debug access to byte " +
                               std::to_string(address));
    }
}

}  // namespace fluence::accel
