#include "sim/accel/dram.h"

namespace fluence::accel {

Dram::Dram(const sc_core::sc_module_name& name, std::int64_t bytes, Cycle latency, const Clock& clock)
    : sc_module(name), socket("socket"), storage_(bytes), latency_(latency), clock_(clock) {
    socket.register_b_transport(this, &Dram::b_transport);
    socket.register_transport_dbg(this, &Dram::transport_dbg);
    socket.register_get_direct_mem_ptr(this, &Dram::get_direct_mem_ptr);
}

void Dram::b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    storage_.transfer(payload);
    delay += clock_.span(latency_ + (payload.is_write() ? 1 : 0));
}

unsigned Dram::transport_dbg(tlm::tlm_generic_payload& payload) {
    return storage_.transfer(payload) ? payload.get_data_length() : 0;
}

bool Dram::get_direct_mem_ptr(tlm::tlm_generic_payload&, tlm::tlm_dmi& access) {
    return storage_.grant(access);
}

}  // namespace fluence::accel
