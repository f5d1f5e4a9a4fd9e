// How a machine's array adds up the products of each layer of a network.
#pragma once

#include "sim/arith/sum_rule.h"
#include "sim/core/accelerator_config.h"
#include "workloads/graph.h"

namespace fluence::fault {

// Engines, and the resolver, of the machine add as this says. Folds are those of its tile plan. Throws
// InputError where the machine cannot run the network.
arith::SumRule sum_rule(const workloads::Graph& graph, const AcceleratorConfig& config);

}  // namespace fluence::fault
