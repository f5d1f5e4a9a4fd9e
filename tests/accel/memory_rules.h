// What every timeline keeps to in its memories, by brute force over every single access: written from
// traces/timeline.h, sim/dataflow/space_time.h and BufferConfig alone.
#pragma once

#include "sim/core/accelerator_config.h"
#include "traces/timeline.h"
#include "workloads/graph.h"

namespace fluence::test {

// No bank of a buffer is accessed by more users than it has ports in any cycle.
void check_buffer_ports(const AcceleratorConfig& config, const traces::Timeline& timeline);

// Whatever a fold or pass reads from the weight or activation buffer is what its load, or the stores of a
// kept load, put there; nothing else is written there in between.
void check_buffer_contents(const AcceleratorConfig& config, const traces::Timeline& timeline);

// DRAM moves no fewer words than each layer's unique ones, and none of a kept tensor; the run is no shorter
// than MACs, folds and DRAM's bandwidth allow.
void check_traffic_and_bounds(const workloads::Graph& graph, const AcceleratorConfig& config,
                              const traces::Timeline& timeline);

}  // namespace fluence::test
