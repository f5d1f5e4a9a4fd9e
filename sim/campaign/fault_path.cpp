#include "sim/campaign/fault_path.h"

#include <algorithm>
#include <map>

namespace fluence::campaign {
namespace {

using Paths = std::map<std::size_t, LayerPath>;  // by layer

LayerPath& path_of(Paths& paths, LayerId layer) {
    LayerPath& path = paths[index_of(layer)];
    path.layer = static_cast<std::int32_t>(layer);
    return path;
}

std::vector<LayerPath> in_order(const Paths& paths) {
    std::vector<LayerPath> ordered;
    ordered.reserve(paths.size());
    for (const auto& [layer, path] : paths) {
        ordered.push_back(path);
    }
    return ordered;
}

void add_change(LayerPath& path, const CodeChange& change) {
    ++path.changed;
    if (path.first_changes.size() < kShownChanges) {
        path.first_changes.push_back(change);
    }
}

}  // namespace

std::vector<LayerPath> layer_paths(const workloads::Graph& graph, const arith::GoldenRun& golden,
                                   const TracedInference& inference) {
    Paths paths;
    for (const arith::LayerFault& fault : inference.resolution.faults) {
        LayerPath& path = path_of(paths, fault.layer);
        path.sums = static_cast<std::int64_t>(fault.accumulators.size());
        path.operands = static_cast<std::int64_t>(fault.operands.size());
        path.parameters = static_cast<std::int64_t>(fault.parameters.size());
        path.flipped_outputs = static_cast<std::int64_t>(fault.outputs.size());
        path.disturbed_outputs = static_cast<std::int64_t>(fault.disturbed.size());
        path.forced_outputs = static_cast<std::int64_t>(fault.forced.size());
        for (std::size_t i = 0; i < std::min(fault.accumulators.size(), kShownChanges); ++i) {
            path.first_sums.push_back({fault.accumulators[i].index, fault.accumulators[i].delta});
        }
    }
    for (const LayerChanges& changes : inference.layers) {
        const workloads::Codes& codes = golden.tensors[index_of(graph.layer(changes.layer).output)];
        std::vector<arith::ValueChange> values = changes.values;
        std::sort(values.begin(), values.end(),
                  [](const auto& a, const auto& b) { return a.index < b.index; });
        LayerPath& path = path_of(paths, changes.layer);
        for (const arith::ValueChange& value : values) {
            add_change(path, {value.index, codes[static_cast<std::size_t>(value.index)], value.code});
        }
    }
    return in_order(paths);
}

std::vector<LayerPath> layer_paths(const workloads::Graph& graph, const arith::GoldenRun& golden,
                                   const std::vector<workloads::Codes>& tensors) {
    Paths paths;
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        const std::size_t output = index_of(graph.layers[i].output);
        const workloads::Codes& codes = golden.tensors[output];
        for (std::size_t e = 0; e < std::min(codes.size(), tensors[output].size()); ++e) {
            if (codes[e] != tensors[output][e]) {
                add_change(path_of(paths, layer_id(i)),
                           {static_cast<std::int64_t>(e), codes[e], tensors[output][e]});
            }
        }
    }
    return in_order(paths);
}

}  // namespace fluence::campaign
