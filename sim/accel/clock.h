// Cycles and SystemC time. A cycle is a whole, even number of picoseconds, so that cycle numbers are exact.
#pragma once

#include <systemc>

#include "traces/timeline.h"

namespace fluence::accel {

using traces::Cycle;

class Clock {
  public:
    explicit Clock(double mhz);

    sc_core::sc_time span(Cycle cycles) const {
        return sc_core::sc_time::from_value(period_.value() * static_cast<sc_dt::uint64>(cycles));
    }
    // Cycles in a span that is a whole number of them.
    Cycle cycles(const sc_core::sc_time& span) const;
    // The first clock edge that has not passed.
    Cycle next_edge() const;

    // Suspend the calling process until edge `cycle`; where that is past, until the next edge.
    void wait_until(Cycle cycle) const;
    // Until the middle of `cycle`, when all that happens at its edge has happened.
    void wait_until_middle(Cycle cycle) const;

  private:
    void wait_for(const sc_core::sc_time& moment) const;

    sc_core::sc_time period_;
};

}  // namespace fluence::accel
