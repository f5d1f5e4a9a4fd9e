// FxP-Flip of Mahmoud et al.: one random bit of one random stored layer output.
#include <algorithm>

#include "sim/core/error.h"
#include "sim/fault/registry.h"

namespace fluence::fault {
namespace {

// Whether the layer stores codes of its own.
bool stores_outputs(const workloads::Layer& layer) {
    return layer.kind != workloads::OpKind::flatten;
}

bool struck(const FaultModelConfig& config, const workloads::Graph& graph, const workloads::Layer& layer) {
    if (config.layers.empty()) {
        return layer.has_macs() && layer.output != graph.logits;
    }
    return std::find(config.layers.begin(), config.layers.end(), layer.name) != config.layers.end();
}

void check_names(const FaultModelConfig& config, const workloads::Graph& graph) {
    std::string valid;
    for (const workloads::Layer& layer : graph.layers) {
        if (stores_outputs(layer)) {
            valid += (valid.empty() ? "" : ", ") + layer.name;
        }
    }
    for (const std::string& name : config.layers) {
        const bool known = std::any_of(
            graph.layers.begin(), graph.layers.end(),
            [&](const workloads::Layer& layer) { return layer.name == name && stores_outputs(layer); });
        if (!known) {
            throw InputError("", "fault_model.layers", "\"" + name + "\" names no layer that stores outputs",
                             valid);
        }
    }
}

}  // namespace

void parse_neuron_flip(JsonObject& object, FaultModelConfig& config) {
    if (object.has("layers")) {
        config.layers = object.text_list("layers");
    }
}

void write_neuron_flip(const FaultModelConfig& config, nlohmann::json& value) {
    value["layers"] = config.layers;
}

std::vector<SiteClass> neuron_flip_sites(const FaultModelConfig& config, const workloads::Graph& graph,
                                         const std::vector<SiteClass>&) {
    check_names(config, graph);
    std::vector<SiteClass> sites;
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        const workloads::Layer& layer = graph.layers[i];
        if (struck(config, graph, layer)) {
            const workloads::TensorInfo& output = graph.tensor(layer.output);
            const int width = workloads::width_bits(output.format);
            // A neuron is as likely as any other, however wide its code is.
            sites.push_back({SiteKind::neuron, output.shape.elements(), width, static_cast<std::int32_t>(i),
                             1.0 / width});
        }
    }
    return sites;
}

}  // namespace fluence::fault
