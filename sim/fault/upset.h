// An upset: bits of one storage site inverted at the edge that begins one cycle.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/core/memory.h"
#include "traces/timeline.h"

namespace fluence::fault {

enum class SiteKind {
    pe_weight,         // unit = row·C + column; 8 bits; the register the MAC multiplies with
    pe_weight_shadow,  // the same; exists with shadow weights
    pe_activation,     // 8 bits
    pe_psum,           // unit = row·C + column, row < WeightStationaryMap::psum_rows(); 32 bits
    weight_buffer,     // unit = word of the buffer (both halves); data bits, then check bits
    activation_buffer,
    output_buffer,
    dram,    // unit = word of dataflow::MemoryMap
    neuron,  // unit = flat element of the output of layer `layer`; not timed
};
inline constexpr int kSiteKindCount = 9;
const char* name_of(SiteKind kind);
SiteKind site_kind_named(const std::string& name);  // throws std::out_of_range

struct Upset {
    SiteKind site = SiteKind::pe_weight;
    std::int64_t unit = 0;
    std::int32_t layer = -1;  // neuron only
    traces::Cycle cycle = 0;  // 0 for neuron
    WordBits bits;            // the bits to invert
};

// Why an upset changed nothing.
enum class DeadReason {
    none,    // it is not dead
    absent,  // the struck cell does not exist under this policy (a check bit, say)
    idle,    // the site holds no value: no data yet, a bubble, a row or column that the fold does not use
    overwritten,  // the value is not read again before the site is written anew
    never_read,   // the value is not read again, and the site not written again
    padding,      // the struck bits belong to no value
    corrected,    // a code corrected it on every read
    no_effect,    // it was used, and the arithmetic absorbed it (times zero, equal code …)
};
inline constexpr int kDeadReasonCount = 8;
const char* name_of(DeadReason reason);

}  // namespace fluence::fault
