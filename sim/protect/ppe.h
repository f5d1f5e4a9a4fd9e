// Protected PEs (Schorn, Guntoro, Ascheid, Automatic Generation of Efficient Accelerators for Reliable
// Inference …: PPE and PE arrays): the first columns of the array, 0 … P − 1, have codes in their registers,
// and the least resilient neurons are computed there.
//
// Mapping. A column of a weight- or output-stationary array computes an output channel, so that neurons go to
// columns by channel. A layer's channels, ranked by resilience inside their group, take the positions of the
// group column by column: first column 0 of all its n_folds, then column 1 … A split of any width so has the
// lowest ranks, and a change of the split moves nothing. Folds are those of the unpermuted layer: no column
// stays idle for it, and no cycle is added.
//
// Isolation. Activations move right and leave the region towards unprotected columns; weights and moving sums
// stay in their column. So nothing that an unprotected PE's data registers hold comes into the region. Sums
// that are drained by shifting leave through the drain registers to their right, which have the region's code
// in all columns.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/core/accelerator_config.h"
#include "sim/protect/policy.h"
#include "workloads/graph.h"

namespace fluence::protect {

// P of an array with `cols` columns while it works on a layer; the largest, whose PEs have the hardware.
int protected_columns(const PpePart& part, int cols, const std::string& layer);
int protected_columns(const PpePart& part, int cols);

// The code in the registers of an array with `cols` columns that serve `column`; and whether it is looked at
// while the array works on a layer. Columns of the widest split have the region's code and no other.
const RegisterPart& register_part(const Policy& policy, RegisterRole role, std::int64_t column, int cols);
bool is_checked(const Policy& policy, std::int64_t column, int cols, const std::string& layer);

// The channels of a layer by their place, group by group (dataflow::ChannelOrders); empty where they take the
// columns as they come: without a ppe part, and in layers without MACs.
std::vector<std::int32_t> channel_order(const Policy& policy, const workloads::Graph& graph, LayerId layer,
                                        int cols);
// Of all layers. Throws InputError where the machine, the network and the policy do not go together.
std::vector<std::vector<std::int32_t>> channel_orders(const Policy& policy, const workloads::Graph& graph,
                                                      const AcceleratorConfig& config);

// Which neurons (stored outputs of layers with MACs) are computed on protected PEs; none without a ppe part.
class ProtectedNeurons {
  public:
    ProtectedNeurons(const Policy& policy, const workloads::Graph& graph, const AcceleratorConfig& config);

    // All pixels of a channel are computed in one column.
    bool covers(LayerId layer, std::int64_t channel) const {
        const std::vector<bool>& channels = covered_[index_of(layer)];
        return !channels.empty() && channels[static_cast<std::size_t>(channel)];
    }

  private:
    std::vector<std::vector<bool>> covered_;  // by layer and channel
};

}  // namespace fluence::protect
