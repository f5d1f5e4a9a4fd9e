// For how many cycles the machine's clock stands while it recovers from a word whose error is detected and
// not corrected (DueAction); not at all where it aborts. L and B are DRAM's latency and bytes a cycle, E the
// bytes of its word, d_x the decode cycles of memory x.
#pragma once

#include "sim/core/accelerator_config.h"
#include "sim/protect/policy.h"

namespace fluence::protect {

// One word of `buffer` comes from DRAM, is written and read again: L + d_dram + 1 + 1 + d_buffer.
Cycles refetch_cycles(const AcceleratorConfig& config, const PolicyTiming& timing, Memory buffer);

// All sums of one output-buffer word, of `terms` products together, each with its weight's and its
// activation's word from DRAM; the word is written and read again: L + d_dram + ⌈2·terms·E/B⌉ + 1 + 1 +
// d_output. Sums of blocks that are drained already, but not overwritten, are among them.
Cycles recompute_cycles(const AcceleratorConfig& config, const PolicyTiming& timing, std::int64_t terms);

// RegisterAction::recompute in cycle `now`: from the edge `begin` at which the oldest fold that the array has
// not finished began to that cycle, both included: now − begin + 1. Nothing where no fold is in work.
inline Cycles replay_cycles(std::int64_t begin, std::int64_t now) {
    return Cycles(now - begin + 1);
}

}  // namespace fluence::protect
