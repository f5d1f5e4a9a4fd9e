#include "sim/accel/sram_buffer.h"

namespace fluence::accel {

SramBuffer::SramBuffer(const sc_core::sc_module_name& name, std::int64_t bytes, const Clock& clock)
    : sc_module(name), socket("socket"), storage_(bytes), clock_(clock) {
    socket.register_b_transport(this, &SramBuffer::b_transport);
    socket.register_transport_dbg(this, &SramBuffer::transport_dbg);
    socket.register_get_direct_mem_ptr(this, &SramBuffer::get_direct_mem_ptr);
}

void SramBuffer::b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    storage_.transfer(payload);
    delay += clock_.span(1);
}

unsigned SramBuffer::transport_dbg(tlm::tlm_generic_payload& payload) {
    return storage_.transfer(payload) ? payload.get_data_length() : 0;
}

bool SramBuffer::get_direct_mem_ptr(tlm::tlm_generic_payload&, tlm::tlm_dmi& access) {
    return storage_.grant(access);
}

}  // namespace fluence::accel
