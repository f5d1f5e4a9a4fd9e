#include "models/describe.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <filesystem>

#include "models/registry.h"
#include "models/script_graph.h"
#include "sim/core/error.h"

namespace fluence::models {
namespace {

using workloads::LayerDescription;
using workloads::NetworkDescription;
using workloads::Shape;

LayerDescription description_of(const FloatGraph& graph, const FloatOp& op) {
    LayerDescription row;
    row.name = op.name;
    row.kind = name_of(op_kind(op.kind));
    row.input = graph.shapes[static_cast<std::size_t>(op.inputs[0])];
    row.output = graph.shapes[static_cast<std::size_t>(op.output)];
    row.window = op.window;
    row.groups = op.groups;
    if (op.weight.defined()) {
        row.parameters = op.weight.numel() + op.bias.numel();
        row.macs = op.weight.numel() * row.output.plane();
    }
    return row;
}

ScriptModule module_of(const std::string& model, const Shape& input, int classes) {
    if (is_network(model)) {
        return ScriptModule::from_registry(model, "", input, classes);
    }
    if (!std::filesystem::is_regular_file(model)) {
        network_info(model);  // says which networks there are
    }
    return ScriptModule::load(model);
}

}  // namespace

NetworkDescription describe_model(const std::string& model, const Shape& input, int classes) {
    const at::NoGradGuard no_gradients;
    const bool listed = is_network(model);
    Shape shape = input;
    if (shape.channels == 0) {
        if (!listed) {
            if (!std::filesystem::is_regular_file(model)) {
                network_info(model);
            }
            shape = ScriptModule::load(model).declared_input();
        } else {
            shape = network_info(model).input;
        }
        if (shape.channels == 0) {
            throw InputError(model, "--input", "is missing: the file does not say which images it takes",
                             "CHANNELSxHEIGHTxWIDTH, for instance 3x32x32");
        }
    }
    if (listed && classes == 0) {
        classes = network_info(model).classes;
    }
    const ScriptModule module = module_of(model, shape, classes);
    std::vector<std::string> report;
    FloatGraph graph = module.graph(shape, report);
    fold(graph, module.source(), report);

    NetworkDescription network;
    network.name = listed ? model : std::filesystem::path(model).stem().string();
    network.input = shape;
    network.classes = graph.shapes[static_cast<std::size_t>(graph.logits)].channels;
    network.trained_parameters = module.parameters();
    for (const FloatOp& op : graph.ops) {
        network.layers.push_back(description_of(graph, op));
    }
    return network;
}

}  // namespace fluence::models
