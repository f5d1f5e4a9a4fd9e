// The clock of the detailed machine: one process that drives all units through each cycle in which one of
// them has something to do, and lets upsets strike in between.
#pragma once

#include <systemc>
#include <vector>

#include "sim/accel/clock.h"
#include "sim/accel/interfaces.h"

namespace fluence::accel {

class Sequencer : public sc_core::sc_module, public Halt {
  public:
    // Called in the order of binding.
    sc_core::sc_port<ClockedUnit, 0> units;
    // Where upsets come from; driven between the edge of a cycle and its reads.
    sc_core::sc_port<ClockedUnit> upsets;

    SC_HAS_PROCESS(Sequencer);
    Sequencer(const sc_core::sc_module_name& name, const Clock& clock);

    // Drives cycle t too, which has not begun.
    void wake(Cycle t);
    void halt() override { halted_ = true; }
    bool halted() const { return halted_; }

  private:
    void tick();
    Cycle next() const;

    const Clock& clock_;
    sc_core::sc_event woken_;
    bool halted_ = false;
};

}  // namespace fluence::accel
