// The delta engine against a full re-execution by the reference.
#pragma once

#include <vector>

#include "sim/arith/engine.h"

namespace fluence::test {

// FaultyRun by its definition, from all tensors of both runs (restricted_values and filtered_values aside).
arith::FaultyRun differences(const workloads::Graph& graph, const std::vector<workloads::Codes>& golden,
                             const std::vector<workloads::Codes>& faulty);

// engine.propagate(golden, faults) is what reference_run() makes of the same. `golden`: the engine's run of
// `image`; `bounds`, `sums` and `filters`: those of the engine.
void expect_exact(arith::Engine& engine, const std::vector<arith::OutputBounds>& bounds,
                  const arith::GoldenRun& golden, const workloads::Codes& image,
                  const std::vector<arith::LayerFault>& faults, const arith::SumRule& sums = {},
                  const std::vector<arith::LayerFilters>& filters = {});

}  // namespace fluence::test
