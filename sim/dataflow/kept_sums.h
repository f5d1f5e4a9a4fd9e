// Duplicated filters in the vector unit (docs/policies/flr.md): the memory of the sums that wait for those of
// the copy, and the comparators.
//
// The accumulator of element i of a pass, read in cycle t and decoded in d cycles, is at edge t + 1 + d
//   of a channel with a copy   written to the word of its pixel, counted inside the pass
//   of the copy                compared with that word: at this edge the two, bit by bit exclusive or, go to
//                              the register of lane i mod lanes, and in the cycle that begins there an alarm
//                              is raised where it is not zero
// Elements of one edge take their turns in order, so that a copy beside its original meets what that one
// writes. A copy follows its channel with no other one of that pixel between them, so that one word a pixel
// is enough; where the copy is the first channel of the next pass, that pass has the same pixels.
#pragma once

#include <cstdint>

#include "sim/core/accelerator_config.h"
#include "traces/timeline.h"
#include "workloads/graph.h"

namespace fluence::dataflow {

inline constexpr int kKeptSumBits = 32;

// A pixel each of the network's largest tile, or of as many as fit one half of the output buffer with C
// channels.
std::int64_t kept_sum_words(const workloads::Graph& graph, const AcceleratorConfig& config);

// The edge at which an accumulator is kept or compared.
inline traces::Cycle kept_at(const traces::VectorPass& pass, std::int64_t element, int decode) {
    return pass.read_cycle(element) + 1 + decode;
}

}  // namespace fluence::dataflow
