// Marks on weights, as the words of DRAM hold them.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/dataflow/memory_map.h"

namespace fluence::dataflow {

// By layer, by index into Layer::weights; empty for layers without marks.
using MarkedWeights = std::vector<std::vector<bool>>;

bool holds_weights(const MemoryMap& map, std::int64_t word);
// Bit i: byte i of the word is a weight with a mark.
std::uint32_t marked_bytes(const MemoryMap& map, const MarkedWeights& marked, std::int64_t word);

}  // namespace fluence::dataflow
