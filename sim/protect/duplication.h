// Duplicated filters (FLR; Mahmoud et al., HarDNN): the output channels that a plan names are computed twice,
// in neighbouring columns (positions of the layer's GEMM), each from a copy of the filter's weights of its
// own in DRAM. The vector unit keeps a channel's accumulators until those of its copy come, and compares all
// their 32 bits; a difference is a detection that knows pixel and channel. The copy's accumulators go nowhere
// else.
//
// All groups of a layer have the same number of positions. A group with fewer planned channels than another
// one duplicates its first other ones besides.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/arith/fault_effect.h"
#include "sim/core/accelerator_config.h"
#include "sim/cost/area_tree.h"
#include "sim/protect/policy.h"
#include "workloads/graph.h"

namespace fluence::protect {

// The channels of a layer that are computed twice, by output channel; empty for none.
std::vector<bool> duplicated_channels(const Policy& policy, const workloads::Graph& graph, LayerId layer);

// By layer: the output channels in the order of the positions, group by group, each that is duplicated twice;
// empty where nothing is (dataflow::ChannelOrders).
std::vector<std::vector<std::int32_t>> duplicated_orders(const Policy& policy, const workloads::Graph& graph);

// The policy with its plan looked up once for this network, so that nobody does it again.
Policy with_choices(Policy policy, const workloads::Graph& graph);

struct DuplicationVerdict {
    bool detected = false;    // accumulators of a channel and its copy differ
    bool suppressed = false;  // outputs were zeroed for it
};
// Compares in one struck layer; under a policy with zero-on-detection adds the forced zeros of the located
// outputs to `fault` (not in the layer of the logits).
DuplicationVerdict apply_duplication(const Policy& policy, const workloads::Graph& graph,
                                     arith::LayerFault& fault);

// A memory of the sums of one channel, one a pixel that fits a half of the output buffer, comparators in the
// lanes and the channel of each column.
cost::AreaNode duplication_area(const AcceleratorConfig& config);

}  // namespace fluence::protect
