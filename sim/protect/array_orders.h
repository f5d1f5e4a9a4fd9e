// The output channels of each layer in the order in which they take the array's columns (for
// dataflow::MemoryMap): as protected PEs rank them (ppe.h), or with copies beside them (duplication.h); a
// policy has one of the two parts. Empty: as they come.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/core/accelerator_config.h"
#include "sim/protect/policy.h"
#include "workloads/graph.h"

namespace fluence::protect {

// Throws InputError where the machine, the network and the policy do not go together.
std::vector<std::vector<std::int32_t>> array_orders(const Policy& policy, const workloads::Graph& graph,
                                                    const AcceleratorConfig& config);

}  // namespace fluence::protect
