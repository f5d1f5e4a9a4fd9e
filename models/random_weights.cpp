#include "models/random_weights.h"

#include <ATen/ATen.h>
#include <torch/types.h>

#include <map>
#include <stdexcept>

namespace fluence::models {
namespace {

// A channel that hardly varies over the images counts as if it had this part of the layer's deviation.
constexpr double kLeastDeviation = 0.05;

class Normaliser {
  public:
    Normaliser(Network& network, const FloatGraph& graph) : graph_(graph), state_(state_of(network)) {}

    // What takes the place of an operator's values.
    at::Tensor operator()(const FloatOp& op, const at::Tensor& values) {
        const bool weights = op.kind == FloatOpKind::conv || op.kind == FloatOpKind::linear;
        if (op.kind != FloatOpKind::affine && (!weights || has_norm(op))) {
            return values;
        }
        const at::Tensor mean = values.mean(at::IntArrayRef{0, 2, 3});
        const at::Tensor own = (values - broadcast(mean)).square().mean(at::IntArrayRef{0, 2, 3}).sqrt();
        const double least = own.mean().item<double>() * kLeastDeviation;
        const at::Tensor deviation = own.clamp_min(least > 0 ? least : 1);
        if (op.kind == FloatOpKind::affine) {
            // Of what the norm reads: values = weight · x + bias.
            tensor(op.name + ".running_mean").copy_((mean - op.bias) / op.weight);
            tensor(op.name + ".running_var").copy_((deviation / op.weight).square());
            return (values - broadcast(mean)) / broadcast(deviation);
        }
        at::Tensor weight = tensor(op.name + ".weight");
        std::vector<std::int64_t> rows(static_cast<std::size_t>(weight.dim()), 1);
        rows[0] = -1;
        weight.div_(deviation.reshape(rows));
        const auto bias = state_.find(op.name + ".bias");
        if (bias == state_.end()) {
            return values / broadcast(deviation);
        }
        bias->second.sub_(mean).div_(deviation);
        return (values - broadcast(mean)) / broadcast(deviation);
    }

  private:
    static at::Tensor broadcast(const at::Tensor& channels) { return channels.reshape({1, -1, 1, 1}); }

    bool has_norm(const FloatOp& op) const {
        for (const FloatOp& reader : graph_.ops) {
            if (reader.kind == FloatOpKind::affine && reader.inputs[0] == op.output) {
                return true;
            }
        }
        return false;
    }
    at::Tensor& tensor(const std::string& name) {
        const auto found = state_.find(name);
        if (found == state_.end()) {
            throw std::logic_error("the network has no \"" + name + "\"");
        }
        return found->second;
    }

    const FloatGraph& graph_;
    std::map<std::string, at::Tensor> state_;
};

}  // namespace

void tell_norms_apart(Network& network) {
    const torch::NoGradGuard no_gradients;
    for (const auto& item : network.named_buffers()) {
        if (item.key().find("running_mean") != std::string::npos) {
            at::Tensor(item.value()).normal_();
        }
    }
}

void normalise_weights(Network& network, const FloatGraph& graph, const at::Tensor& images) {
    const torch::NoGradGuard no_gradients;
    Normaliser normalise(network, graph);
    evaluate_adjusted(graph, images,
                      [&](const FloatOp& op, const at::Tensor& values) { return normalise(op, values); });
}

}  // namespace fluence::models
