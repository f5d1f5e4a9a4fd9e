// An on-chip buffer of two halves: single-cycle words with their check bits. A word read in cycle t is
// sampled at edge t+1; a word written in cycle t is in place at edge t+1.
#pragma once

#include <tlm_utils/simple_target_socket.h>

#include <systemc>

#include "sim/accel/clock.h"
#include "sim/accel/interfaces.h"
#include "sim/accel/storage.h"

namespace fluence::accel {

class SramBuffer : public sc_core::sc_module, public Cells {
  public:
    tlm_utils::simple_target_socket<SramBuffer> socket;

    SramBuffer(const sc_core::sc_module_name& name, std::int64_t bytes, const Clock& clock);

    void flip(std::int64_t byte, std::uint8_t mask) override { storage_.flip(byte, mask); }

  private:
    bool get_direct_mem_ptr(tlm::tlm_generic_payload& payload, tlm::tlm_dmi& access);
    void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
    unsigned transport_dbg(tlm::tlm_generic_payload& payload);

    Storage storage_;
    const Clock& clock_;
};

}  // namespace fluence::accel
