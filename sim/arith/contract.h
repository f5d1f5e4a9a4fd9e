// Checks of what callers hand to the engine. A broken rule is a bug of the caller, not bad user input:
// std::invalid_argument names it.
#pragma once

#include <vector>

#include "sim/arith/engine.h"

namespace fluence::arith {

// One entry a layer or none; one bound a channel or none; lo ≤ hi, codes of the output's format.
void check_bounds(const workloads::Graph& graph, const std::vector<OutputBounds>& bounds);

// One entry a layer or none.
void check_filters(const workloads::Graph& graph, const std::vector<LayerFilters>& filters);

// A register of 2 to 32 bits; unless sums are exact, one list of folds a layer: ascending and up to K where
// there are MACs, empty elsewhere.
void check_sums(const workloads::Graph& graph, const SumRule& sums);

// Codes of the input tensor's format, one an element.
void check_image(const workloads::Graph& graph, const Codes& image);

// Indices inside their tensors; accumulators and disturbed outputs only where there are MACs, operands only
// where there are none; codes of the tensor's format.
void check_layer_fault(const workloads::Graph& graph, const LayerFault& fault);
// The same of each; layers ascending.
void check_faults(const workloads::Graph& graph, const std::vector<LayerFault>& faults);

}  // namespace fluence::arith
