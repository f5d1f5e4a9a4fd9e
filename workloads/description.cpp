#include "workloads/description.h"

namespace fluence::workloads {
namespace {

nlohmann::ordered_json extents(const Shape& shape) {
    return {shape.channels, shape.height, shape.width};
}

Shape shape_of(const nlohmann::json& extents) {
    return {extents.at(0), extents.at(1), extents.at(2)};
}

}  // namespace

Counts counts_of(const NetworkDescription& network) {
    Counts counts;
    for (const LayerDescription& layer : network.layers) {
        if (layer.kind == name_of(OpKind::conv)) {
            ++counts.conv_layers;
            counts.feature_maps += layer.output.channels;
            counts.neurons += layer.output.elements();
        }
        counts.macs += layer.macs;
        counts.parameters += layer.parameters;
    }
    return counts;
}

NetworkDescription describe(const Graph& graph) {
    NetworkDescription network;
    network.name = graph.name;
    network.input = graph.tensor(graph.input).shape;
    network.classes = graph.tensor(graph.logits).shape.channels;
    for (const Layer& layer : graph.layers) {
        LayerDescription row;
        row.name = layer.name;
        row.kind = name_of(layer.kind);
        row.input = graph.tensor(layer.inputs.at(0)).shape;
        row.output = graph.tensor(layer.output).shape;
        row.window = layer.window;
        row.groups = layer.groups;
        row.macs = layer.has_macs() ? gemm_shape(graph, layer).macs() : 0;
        row.parameters = static_cast<std::int64_t>(layer.weights.size() + layer.bias.size());
        network.layers.push_back(std::move(row));
    }
    return network;
}

nlohmann::ordered_json to_json(const NetworkDescription& network) {
    const Counts counts = counts_of(network);
    nlohmann::ordered_json json = {{"name", network.name},
                                   {"input", extents(network.input)},
                                   {"classes", network.classes},
                                   {"conv_layers", counts.conv_layers},
                                   {"feature_maps", counts.feature_maps},
                                   {"neurons", counts.neurons},
                                   {"macs", counts.macs},
                                   {"parameters", counts.parameters}};
    if (network.trained_parameters >= 0) {
        json["trained_parameters"] = network.trained_parameters;
    }
    json["layers"] = nlohmann::ordered_json::array();
    for (const LayerDescription& layer : network.layers) {
        json["layers"].push_back({{"name", layer.name},
                                  {"kind", layer.kind},
                                  {"input", extents(layer.input)},
                                  {"output", extents(layer.output)},
                                  {"kernel", {layer.window.kernel_h, layer.window.kernel_w}},
                                  {"stride", {layer.window.stride_h, layer.window.stride_w}},
                                  {"groups", layer.groups},
                                  {"macs", layer.macs},
                                  {"parameters", layer.parameters}});
    }
    return json;
}

NetworkDescription description_of(const nlohmann::json& json) {
    NetworkDescription network;
    network.name = json.at("name");
    network.input = shape_of(json.at("input"));
    network.classes = json.at("classes");
    network.trained_parameters = json.value("trained_parameters", network.trained_parameters);
    for (const nlohmann::json& row : json.at("layers")) {
        LayerDescription layer;
        layer.name = row.at("name");
        layer.kind = row.at("kind");
        layer.input = shape_of(row.at("input"));
        layer.output = shape_of(row.at("output"));
        layer.window.kernel_h = row.at("kernel").at(0);
        layer.window.kernel_w = row.at("kernel").at(1);
        layer.window.stride_h = row.at("stride").at(0);
        layer.window.stride_w = row.at("stride").at(1);
        layer.groups = row.at("groups");
        layer.macs = row.at("macs");
        layer.parameters = row.at("parameters");
        network.layers.push_back(std::move(layer));
    }
    return network;
}

}  // namespace fluence::workloads
