#include "sim/accel/clock.h"

#include <algorithm>
#include <cmath>

// The SystemC library has a main() of its own that calls this one; programs here bring theirs.
int sc_main(int, char**) {
    return 0;
}

namespace fluence::accel {
namespace {

constexpr double kPicosecondsOfOneMhz = 1e6;

sc_core::sc_time period_of(double mhz) {
    const auto half =
        std::max<sc_dt::uint64>(1, static_cast<sc_dt::uint64>(std::llround(kPicosecondsOfOneMhz / 2 / mhz)));
    return sc_core::sc_time(static_cast<double>(2 * half), sc_core::SC_PS);
}

}  // namespace

Clock::Clock(double mhz) : period_(period_of(mhz)) {}

Cycle Clock::cycles(const sc_core::sc_time& span) const {
    return static_cast<Cycle>(span.value() / period_.value());
}

Cycle Clock::next_edge() const {
    return static_cast<Cycle>((sc_core::sc_time_stamp().value() + period_.value() - 1) / period_.value());
}

void Clock::wait_until(Cycle cycle) const {
    wait_for(span(std::max(cycle, next_edge())));
}

void Clock::wait_until_middle(Cycle cycle) const {
    wait_for(span(cycle) + sc_core::sc_time::from_value(period_.value() / 2));
}

void Clock::wait_for(const sc_core::sc_time& moment) const {
    if (moment > sc_core::sc_time_stamp()) {
        sc_core::wait(moment - sc_core::sc_time_stamp());
    }
}

}  // namespace fluence::accel
