// Random faults of every kind, random bounds and filters, for comparing the engine with the reference.
#pragma once

#include <vector>

#include "sim/arith/engine.h"
#include "sim/core/random.h"

namespace fluence::test {

// One to three layers struck, each by one to three kinds of fault that it can suffer. `golden` gives the
// codes that some of the forced outputs repeat.
std::vector<arith::LayerFault> random_faults(const workloads::Graph& graph, const arith::GoldenRun& golden,
                                             RandomStream& stream);

// Clamping or zeroing bounds on about half of the layers, often narrow enough to act.
std::vector<arith::OutputBounds> random_bounds(const workloads::Graph& graph, RandomStream& stream);

// Medians and jump filters, always on or after a detection, on two in three layers each.
std::vector<arith::LayerFilters> random_filters(const workloads::Graph& graph, RandomStream& stream);

}  // namespace fluence::test
