// ReLU check (Amarnath et al.: "y divisible by x"): behind ReLU y ∈ {0, x}, and y = 0 exactly where x ≤ 0,
// with x the requantised value in front of ReLU (limited to the largest code, where the format ends).
//
// What it sees in this machine: every change of y between ReLU and the comparator, which are the flips and
// replacements of finished codes of layers with unsigned outputs (faults of neurons). What it cannot see:
// anything that changes x, because y follows it: upsets of the array, of the memories, of parameters.
#pragma once

#include "sim/arith/fault_effect.h"
#include "sim/protect/policy.h"
#include "workloads/graph.h"

namespace fluence::protect {

// An activation function stands behind layers whose codes are unsigned: convolutions, linear layers,
// additions.
bool has_relu(const workloads::Graph& graph, const workloads::Layer& layer);

// Whether the check differs in the layer that `fault` strikes.
bool relu_check_detects(const workloads::Graph& graph, const arith::LayerFault& fault);

}  // namespace fluence::protect
