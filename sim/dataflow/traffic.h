// Buffer words that a fold or a vector pass reads and writes, in closed form. Every use counts once: an
// operand that enters a row or column of the array, a row of stationary weights (its words side by side), an
// accumulator. Padding is not read.
#pragma once

#include <cstdint>

#include "sim/dataflow/memory_map.h"
#include "traces/timeline.h"
#include "workloads/graph.h"

namespace fluence::dataflow {

struct BufferTraffic {
    std::int64_t reads = 0, writes = 0;
};

BufferTraffic fold_traffic(const workloads::Graph& graph, DataflowKind dataflow, const MemoryMap& map,
                           const traces::Fold& fold);
BufferTraffic pass_traffic(const workloads::Graph& graph, const traces::VectorPass& pass);

}  // namespace fluence::dataflow
