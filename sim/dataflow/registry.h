// The dataflows an accelerator can be configured with (array.dataflow).
#pragma once

#include <vector>

#include "sim/dataflow/tile_plan.h"

namespace fluence::dataflow {

struct Dataflow {
    const char* name;
    const char* summary;
    TilePlan (*plan)(const workloads::Graph& graph, const AcceleratorConfig& config, const MemoryMap& map,
                     const PlanOptions& options);
};

const std::vector<Dataflow>& dataflows();
// Throws InputError listing the valid names.
const Dataflow& dataflow_of(const AcceleratorConfig& config);

}  // namespace fluence::dataflow
