#include "sim/fault/layer_choice.h"

#include <algorithm>

#include "sim/core/error.h"

namespace fluence::fault {

void parse_layers(JsonObject& object, FaultModelConfig& config) {
    if (object.has("layers")) {
        config.layers = object.text_list("layers");
    }
}

void write_layers(const FaultModelConfig& config, nlohmann::json& value) {
    value["layers"] = config.layers;
}

std::vector<LayerId> chosen_layers(const FaultModelConfig& config, const workloads::Graph& graph,
                                   const LayerProperty& possible, const LayerProperty& by_default,
                                   const char* what) {
    std::string valid;
    std::vector<LayerId> chosen;
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        const workloads::Layer& layer = graph.layers[i];
        if (!possible(layer)) {
            continue;
        }
        valid += (valid.empty() ? "" : ", ") + layer.name;
        const bool named =
            std::find(config.layers.begin(), config.layers.end(), layer.name) != config.layers.end();
        if (config.layers.empty() ? by_default(layer) : named) {
            chosen.push_back(layer_id(i));
        }
    }
    for (const std::string& name : config.layers) {
        const bool known = std::any_of(chosen.begin(), chosen.end(),
                                       [&](LayerId layer) { return graph.layer(layer).name == name; });
        if (!known) {
            throw InputError("", "fault_model.layers", "\"" + name + "\" names no layer that " + what, valid);
        }
    }
    return chosen;
}

}  // namespace fluence::fault
