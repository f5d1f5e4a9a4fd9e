#include "models/quantised_network.h"

#include <ATen/ATen.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/types.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "models/fixed_point.h"
#include "models/random_weights.h"
#include "models/script_graph.h"
#include "sim/core/error.h"

namespace fluence::models {
namespace {

using workloads::DataFormat;
using workloads::NumberFormat;

constexpr double kRangeDecay = 0.995;  // a batch
constexpr double kLeastScale = 1e-30;  // of a channel whose weights are all 0

bool has_weights(const FloatOp& op) {
    return op.kind == FloatOpKind::conv || op.kind == FloatOpKind::linear;
}

// Operators with the names of their modules. Norms that are equal in all numbers are one constant to
// TorchScript and lose their names, so these come from a network whose norms differ.
FloatGraph named_graph(Network& network, const std::string& name, const workloads::Shape& input,
                       int classes) {
    std::vector<std::string> report;
    FloatGraph graph = ScriptModule::of(network, name, input).graph(input, report);
    const std::shared_ptr<Network> distinct = make_network(name, input, classes);
    tell_norms_apart(*distinct);
    const FloatGraph names = ScriptModule::of(*distinct, name, input).graph(input, report);
    for (std::size_t i = 0; i < graph.ops.size(); ++i) {
        graph.ops[i].name = names.ops.at(i).name;
    }
    return graph;
}

// Of every row.
torch::Tensor power_of_two_scales(const torch::Tensor& rows) {
    const torch::Tensor lowest = rows.amin(1).to(torch::kCPU, torch::kDouble);
    const torch::Tensor highest = rows.amax(1).to(torch::kCPU, torch::kDouble);
    std::vector<double> scales;
    for (std::int64_t i = 0; i < rows.size(0); ++i) {
        scales.push_back(power_of_two_scale(lowest[i].item<double>(), highest[i].item<double>(), kFxp8Bits));
    }
    return torch::tensor(scales, torch::kDouble).to(rows.options());
}

// `rounded` where values are used, the values' own gradient.
torch::Tensor straight_through(const torch::Tensor& values, const torch::Tensor& rounded) {
    return values + (rounded - values).detach();
}

}  // namespace

QuantisedNetwork::QuantisedNetwork(const std::string& network, const std::string& weights,
                                   const workloads::Shape& input, int classes, Rounding rounding,
                                   bool non_negative_input)
    : Network("QuantisedNetwork"),
      network_(make_network(network, input, classes)),
      rounding_(std::move(rounding)) {
    load_weights(*network_, weights);
    graph_ = named_graph(*network_, network, input, classes);
    const FloatGraph unfolded = graph_;
    std::vector<std::string> report;
    fold(graph_, weights, report);
    formats_ = tensor_formats(graph_, non_negative_input, rounding_.format, weights);
    find_layers(unfolded);
    ranges_ = register_buffer(
        "ranges", torch::zeros({static_cast<std::int64_t>(graph_.shapes.size()), 2}, torch::kDouble));
}

void QuantisedNetwork::find_layers(const FloatGraph& unfolded) {
    std::map<std::string, std::string> norms;  // by layer
    for (const FloatOp& op : unfolded.ops) {
        const int before = op.kind == FloatOpKind::affine ? unfolded.producer(op.inputs[0]) : -1;
        if (before >= 0) {
            norms[unfolded.ops[static_cast<std::size_t>(before)].name] = op.name;
        }
    }
    const std::map<std::string, torch::Tensor> state = state_of(*network_);
    for (std::size_t i = 0; i < graph_.ops.size(); ++i) {
        const FloatOp& op = graph_.ops[i];
        if (!has_weights(op)) {
            continue;
        }
        if (state.count(op.name + ".weight") == 0) {
            throw InputError(network_->name(), op.name,
                             "has weights that are no parameters of the network, and cannot be fine-tuned");
        }
        const std::string number = std::to_string(layers_.size());
        layers_.push_back({i, op.name, norms[op.name],
                           register_parameter("weight" + number, op.weight.to(torch::kFloat).clone()),
                           register_parameter("bias" + number, op.bias.to(torch::kFloat).clone())});
    }
}

torch::Tensor QuantisedNetwork::forward(torch::Tensor x) {
    FloatGraph graph = graph_;
    for (const Layer& layer : layers_) {
        graph.ops[layer.op].weight = rounded_weight(layer.weight);
        graph.ops[layer.op].bias = layer.bias;
    }
    return evaluate_adjusted(graph, rounded(graph_.input, x),
                             [&](const FloatOp& op, const torch::Tensor& values) {
                                 return moves_codes(op_kind(op.kind)) ? values : rounded(op.output, values);
                             });
}

torch::Tensor QuantisedNetwork::rounded_weight(const torch::Tensor& weight) const {
    const torch::Tensor fixed = weight.detach();
    const bool powers_of_two = rounding_.format == DataFormat::fxp8;
    const bool one_scale = powers_of_two && !rounding_.channel_scales;
    const torch::Tensor rows = one_scale ? fixed.reshape({1, -1}) : fixed.flatten(1);
    std::vector<std::int64_t> each(static_cast<std::size_t>(fixed.dim()), 1);
    each[0] = -1;
    const torch::Tensor scale =
        (powers_of_two ? power_of_two_scales(rows) : (rows.abs().amax(1) / kMaxS8).clamp_min(kLeastScale))
            .reshape(each);
    return straight_through(weight, torch::round(fixed / scale) * scale);
}

torch::Tensor QuantisedNetwork::rounded(int tensor, const torch::Tensor& values) {
    const NumberFormat format = formats_[static_cast<std::size_t>(tensor)];
    if (format == NumberFormat::s32) {
        return values;
    }
    const double scale = activation_scale(follow(tensor, values), format, rounding_.format);
    const torch::Tensor kept =
        values.clamp(lowest_code(format, rounding_.format) * scale, workloads::max_code(format) * scale);
    return straight_through(kept, torch::floor(kept / scale + 0.5) * scale);  // halves up, as a shift rounds
}

Range QuantisedNetwork::follow(int tensor, const torch::Tensor& values) {
    const torch::NoGradGuard no_gradients;
    const auto stored = [&](int which) { return ranges_[tensor][which].item<double>(); };
    Range range{stored(0), stored(1)};
    if (is_training()) {
        range.lo = std::min(range.lo * kRangeDecay, values.min().item<double>());
        range.hi = std::max(range.hi * kRangeDecay, values.max().item<double>());
        ranges_[tensor][0] = range.lo;
        ranges_[tensor][1] = range.hi;
    }
    return range;
}

const Network& QuantisedNetwork::unfolded() {
    const torch::NoGradGuard no_gradients;
    std::map<std::string, torch::Tensor> state = state_of(*network_);
    const auto modules = network_->named_modules();
    for (const Layer& layer : layers_) {
        state.at(layer.name + ".weight").copy_(layer.weight);
        if (layer.norm.empty()) {
            state.at(layer.name + ".bias").copy_(layer.bias);
            continue;
        }
        if (const auto bias = state.find(layer.name + ".bias"); bias != state.end()) {
            bias->second.zero_();
        }
        const double epsilon = modules[layer.norm]->as<torch::nn::BatchNorm2dImpl>()->options.eps();
        state.at(layer.norm + ".weight").fill_(1);
        state.at(layer.norm + ".bias").copy_(layer.bias);
        state.at(layer.norm + ".running_mean").zero_();
        state.at(layer.norm + ".running_var").fill_(1 - epsilon);
    }
    return *network_;
}

}  // namespace fluence::models
