// Upsets that a test writes down.
#pragma once

#include <cstddef>
#include <cstdint>

#include "traces/upset.h"

namespace fluence::test {

// One bit at the beginning of a cycle.
inline traces::Upset upset(traces::SiteKind site, std::int64_t unit, traces::Cycle cycle, int bit) {
    traces::Upset upset;
    upset.site = site;
    upset.unit = unit;
    upset.cycle = cycle;
    upset.bits.set(static_cast<std::size_t>(bit));
    return upset;
}

}  // namespace fluence::test
