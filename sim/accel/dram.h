// Off-chip memory: words with their check bits behind a fixed latency. Bandwidth is the DMA's port's.
#pragma once

#include <tlm_utils/simple_target_socket.h>

#include <systemc>

#include "sim/accel/clock.h"
#include "sim/accel/interfaces.h"
#include "sim/accel/storage.h"

namespace fluence::accel {

class Dram : public sc_core::sc_module, public Cells {
  public:
    // A read delivers its word `latency` cycles after the cycle it is made in; a write is in place one
    // edge later than that.
    tlm_utils::simple_target_socket<Dram> socket;

    Dram(const sc_core::sc_module_name& name, std::int64_t bytes, Cycle latency, const Clock& clock);

    void flip(std::int64_t byte, std::uint8_t mask) override { storage_.flip(byte, mask); }
    // Stored words, check bits and what upsets left included.
    const std::vector<std::uint8_t>& cells() const { return storage_.cells(); }
    void restore(const std::vector<std::uint8_t>& cells) { storage_.restore(cells); }

  private:
    bool get_direct_mem_ptr(tlm::tlm_generic_payload& payload, tlm::tlm_dmi& access);
    void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
    unsigned transport_dbg(tlm::tlm_generic_payload& payload);

    Storage storage_;
    Cycle latency_;
    const Clock& clock_;
};

}  // namespace fluence::accel
