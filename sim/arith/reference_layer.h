// One layer of reference_run(): plain loops over output elements.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/arith/engine.h"

namespace fluence::arith {

// The layer's output codes. `tensors`: by tensor; the layer's inputs are read. `bounds`: null for none.
// `products`: sums of products without bias modulo 2³² by flat output element, where the caller has them
// already (LayerFault::operands do not touch them); null: from the inputs, as `sums` says.
Codes reference_layer(const workloads::Graph& graph, LayerId layer, const std::vector<Codes>& tensors,
                      const LayerFault& fault, const SumRule& sums, const OutputBounds* bounds,
                      const LayerFilters& filters, const std::vector<std::uint32_t>* products);

}  // namespace fluence::arith
