#include "models/equalise.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace fluence::models {
namespace {

constexpr int kRounds = 20;  // over all layers, at most

bool has_weights(const FloatOp& op) {
    return op.kind == FloatOpKind::conv || op.kind == FloatOpKind::linear;
}

// The only operator that reads the output, where it has weights; otherwise null.
FloatOp* layer_behind(FloatGraph& graph, const FloatOp& op) {
    if (graph.uses(op.output) == 1) {
        for (FloatOp& other : graph.ops) {
            if (other.inputs == std::vector<int>{op.output}) {
                return has_weights(other) ? &other : nullptr;
            }
        }
    }
    return nullptr;
}

// Weights as group × output channel of the group × input channel of the group × place in the window.
at::Tensor by_input_channel(const FloatOp& op, std::int64_t channels) {
    return op.weight.reshape({op.groups, op.weight.size(0) / op.groups, channels / op.groups, -1});
}

at::Tensor largest_by_input_channel(const FloatOp& op, std::int64_t channels) {
    return by_input_channel(op, channels).abs().amax({1, 3}).reshape({-1}).contiguous();
}

at::Tensor largest_by_output_channel(const FloatOp& op) {
    return op.weight.flatten(1).abs().amax(1).contiguous();
}

// `out`, `in`: the channel's largest weights in front and behind.
double factor_of(double out, double in, double reach, const FloatOp& front) {
    if (!(out > 0 && in > 0) || (front.relu && reach >= front.ceiling)) {
        return 1;
    }
    double exponent = std::round(std::log2(in / out) / 2);
    if (front.relu && reach > 0) {
        exponent = std::min(exponent, std::floor(std::log2(front.ceiling / reach)));
    }
    return std::ldexp(1.0, static_cast<int>(exponent));
}

void multiply(FloatOp& front, FloatOp& behind, const std::vector<double>& by_channel) {
    const at::Tensor factors = at::tensor(at::ArrayRef<double>(by_channel), at::kDouble);
    const auto channels = static_cast<std::int64_t>(by_channel.size());
    front.weight = (front.weight.flatten(1) * factors.unsqueeze(1)).reshape(front.weight.sizes());
    front.bias = front.bias * factors;
    const at::Tensor of_inputs = factors.reshape({behind.groups, 1, channels / behind.groups, 1});
    behind.weight = (by_input_channel(behind, channels) / of_inputs).reshape(behind.weight.sizes());
}

// Whether a channel was multiplied.
bool equalise_layers(FloatOp& front, FloatOp& behind, std::vector<double>& reach, std::vector<double>& mean) {
    const at::Tensor out = largest_by_output_channel(front);
    const at::Tensor in = largest_by_input_channel(behind, out.size(0));
    std::vector<double> factors;
    for (std::size_t c = 0; c < reach.size(); ++c) {
        const double factor = factor_of(out.data_ptr<double>()[c], in.data_ptr<double>()[c], reach[c], front);
        reach[c] *= factor;
        mean[c] *= factor;
        factors.push_back(factor);
    }
    multiply(front, behind, factors);
    return std::any_of(factors.begin(), factors.end(), [](double factor) { return factor != 1; });
}

}  // namespace

void observe(const FloatGraph& graph, const at::Tensor& batch, ChannelStatistics& statistics) {
    statistics.reach.resize(graph.shapes.size());
    statistics.mean.resize(graph.shapes.size());
    statistics.images += batch.size(0);
    const double weight = static_cast<double>(batch.size(0)) / static_cast<double>(statistics.images);
    evaluate(graph, batch, [&](int tensor, const at::Tensor& values) {
        std::vector<double>& reach = statistics.reach[static_cast<std::size_t>(tensor)];
        std::vector<double>& mean = statistics.mean[static_cast<std::size_t>(tensor)];
        const at::Tensor largest = values.abs().amax({0, 2, 3}).to(at::kDouble).contiguous();
        const at::Tensor means = values.to(at::kDouble).mean({0, 2, 3}).contiguous();
        reach.resize(static_cast<std::size_t>(largest.numel()));
        mean.resize(reach.size());
        for (std::size_t c = 0; c < reach.size(); ++c) {
            reach[c] = std::max(reach[c], largest.data_ptr<double>()[c]);
            mean[c] += weight * (means.data_ptr<double>()[c] - mean[c]);
        }
    });
}

void equalise(FloatGraph& graph, ChannelStatistics& statistics, std::vector<std::string>& report) {
    std::vector<bool> multiplied(graph.ops.size());
    bool again = true;
    for (int round = 0; again && round < kRounds; ++round) {
        again = false;
        for (std::size_t i = 0; i < graph.ops.size(); ++i) {
            FloatOp& front = graph.ops[i];
            FloatOp* behind = has_weights(front) ? layer_behind(graph, front) : nullptr;
            const auto tensor = static_cast<std::size_t>(front.output);
            if (behind != nullptr &&
                equalise_layers(front, *behind, statistics.reach[tensor], statistics.mean[tensor])) {
                multiplied[i] = true;
                again = true;
            }
        }
    }
    for (std::size_t i = 0; i < graph.ops.size(); ++i) {
        if (multiplied[i]) {
            report.push_back(graph.ops[i].name + ": channels multiplied, and divided in " +
                             layer_behind(graph, graph.ops[i])->name);
        }
    }
}

}  // namespace fluence::models
