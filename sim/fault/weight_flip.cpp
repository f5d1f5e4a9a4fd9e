// Traiola et al.: one random bit of one random stored weight, from the beginning of the inference on. It lies
// wrong in its DRAM word, wherever a policy's plan puts it, so that the codes of the memories see it.
#include "sim/fault/layer_choice.h"
#include "sim/fault/registry.h"

namespace fluence::fault {

std::vector<SiteClass> weight_sites(const FaultModelConfig& config, const workloads::Graph& graph,
                                    const std::vector<SiteClass>&) {
    constexpr int kWeightBits = 8;
    const auto has_macs = [](const workloads::Layer& layer) { return layer.has_macs(); };
    std::vector<SiteClass> sites;
    for (const LayerId id : chosen_layers(config, graph, has_macs, has_macs, "has weights")) {
        sites.push_back({SiteKind::weight, static_cast<std::int64_t>(graph.layer(id).weights.size()),
                         kWeightBits, static_cast<std::int32_t>(index_of(id)), 1});
    }
    return sites;
}

}  // namespace fluence::fault
