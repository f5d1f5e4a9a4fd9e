// A timeline that conforms to traces/timeline.h for any graph and machine: the plan's work in its order,
// each piece as early as its inputs allow or, by random pauses, later.
#pragma once

#include "sim/core/accelerator_config.h"
#include "sim/core/random.h"
#include "sim/protect/policy.h"
#include "traces/timeline.h"
#include "workloads/graph.h"

namespace fluence::test {

// Throws InputError where a tile does not fit the machine's buffers.
traces::Timeline random_schedule(const workloads::Graph& graph, const AcceleratorConfig& config,
                                 const protect::Policy& policy, RandomStream& random);

}  // namespace fluence::test
