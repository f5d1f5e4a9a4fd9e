#include "models/integer_network.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdlib>

namespace fluence::models {
namespace {

using workloads::Layer;
using workloads::OpKind;
using workloads::Window;

constexpr double kExactInFloat = 1 << 24;  // integers up to here, and so all partial sums, are exact floats

at::Tensor longs(const std::vector<std::int64_t>& values) {
    return at::tensor(at::ArrayRef<std::int64_t>(values), at::kLong).reshape({1, -1, 1, 1});
}

constexpr double kLargestCode = 255;
constexpr int kNibbleBits = 4;
constexpr double kLargestNibble = 15;

// The largest Σ|weight| of a layer's output channels.
double largest_weight_sum(const Layer& layer, std::size_t channels) {
    const std::size_t per_channel = layer.weights.size() / channels;
    double largest = 0;
    for (std::size_t n = 0; n < channels; ++n) {
        double sum = 0;
        for (std::size_t k = 0; k < per_channel; ++k) {
            sum += std::abs(int{layer.weights[n * per_channel + k]});
        }
        largest = std::max(largest, sum);
    }
    return largest;
}

at::Tensor wrap32(const at::Tensor& values) {
    return values.to(at::kInt).to(at::kLong);
}

at::Tensor clamped(const Layer& layer, const at::Tensor& values) {
    return values.clamp(layer.clamp_lo, layer.clamp_hi).to(at::kInt);
}

// Σ over the window, padding counted as 0.
at::Tensor window_sum(const Window& w, const at::Tensor& x) {
    return at::avg_pool2d(x.to(at::kDouble), {w.kernel_h, w.kernel_w}, {w.stride_h, w.stride_w},
                          {w.pad_h, w.pad_w}, false, true, 1)
        .to(at::kLong);
}

// (m·acc + 2^(s−1)) >> s, arithmetic; s = 0 adds and shifts nothing.
at::Tensor rescale(const at::Tensor& acc, const at::Tensor& m, const at::Tensor& rounding,
                   const at::Tensor& s) {
    return at::bitwise_right_shift(acc * m + rounding, s);
}

}  // namespace

IntegerNetwork::IntegerNetwork(const workloads::Graph& graph) : graph_(graph) {
    for (const Layer& layer : graph.layers) {
        parameters_.push_back(parameters_of(layer));
    }
}

IntegerNetwork::Parameters IntegerNetwork::parameters_of(const Layer& layer) const {
    Parameters p;
    std::vector<std::int64_t> rounding;
    for (const std::uint8_t s : layer.shift) {
        rounding.push_back(s == 0 ? 0 : std::int64_t{1} << (s - 1));
    }
    p.multiplier = longs({layer.multiplier.begin(), layer.multiplier.end()});
    p.shift = longs({layer.shift.begin(), layer.shift.end()});
    p.rounding = longs(rounding);
    if (layer.has_macs()) {
        const auto channels = static_cast<std::int64_t>(layer.bias.size());
        const double sum = largest_weight_sum(layer, layer.bias.size());
        const bool in_float = sum * kLargestNibble <= kExactInFloat;
        p.by_nibbles = in_float && sum * kLargestCode > kExactInFloat;
        std::vector<double> values(layer.weights.begin(), layer.weights.end());
        const at::Tensor flat = at::tensor(at::ArrayRef<double>(values), in_float ? at::kFloat : at::kDouble);
        p.weight = layer.kind == OpKind::linear
                       ? flat.reshape({channels, -1})
                       : flat.reshape({channels, -1, layer.window.kernel_h, layer.window.kernel_w});
        p.bias = longs({layer.bias.begin(), layer.bias.end()});
    }
    return p;
}

at::Tensor IntegerNetwork::accumulate(const Layer& layer, const Parameters& p, const at::Tensor& x) const {
    if (p.by_nibbles) {
        const at::Tensor high = products(layer, p, at::bitwise_right_shift(x, kNibbleBits));
        const at::Tensor low = products(layer, p, at::bitwise_and(x, (1 << kNibbleBits) - 1));
        return wrap32(high * (1 << kNibbleBits) + low + p.bias);
    }
    return wrap32(products(layer, p, x) + p.bias);
}

// Sums of products in the weights' type, in which all of them are exact.
at::Tensor IntegerNetwork::products(const Layer& layer, const Parameters& p, const at::Tensor& x) const {
    const Window& w = layer.window;
    const at::Tensor values = x.to(p.weight.scalar_type());
    if (layer.kind == OpKind::linear) {
        return at::matmul(values.flatten(1), p.weight.t()).reshape({x.size(0), -1, 1, 1}).to(at::kLong);
    }
    return wanted(layer, at::conv2d(reached(layer, values, 0), p.weight, {}, {w.stride_h, w.stride_w},
                                    {w.pad_h, w.pad_w}, {w.dilation_h, w.dilation_w}, layer.groups))
        .to(at::kLong);
}

// The input with as much padding behind, on top of the window's, as its last windows need.
at::Tensor IntegerNetwork::reached(const Layer& layer, const at::Tensor& x, double padding) const {
    const Window& w = layer.window;
    const workloads::Shape& out = graph_.tensor(layer.output).shape;
    const auto more = [](std::int64_t outputs, std::int64_t stride, std::int64_t reach, std::int64_t extent,
                         std::int64_t pad) {
        return std::max<std::int64_t>(0, (outputs - 1) * stride + reach - extent - 2 * pad);
    };
    const std::int64_t down =
        more(out.height, w.stride_h, std::int64_t{w.kernel_h - 1} * w.dilation_h + 1, x.size(2), w.pad_h);
    const std::int64_t right =
        more(out.width, w.stride_w, std::int64_t{w.kernel_w - 1} * w.dilation_w + 1, x.size(3), w.pad_w);
    return down == 0 && right == 0 ? x : at::constant_pad_nd(x, {0, right, 0, down}, padding);
}

// Without the windows that the padding behind would allow and the layer does not have.
at::Tensor IntegerNetwork::wanted(const Layer& layer, const at::Tensor& y) const {
    const workloads::Shape& out = graph_.tensor(layer.output).shape;
    return y.slice(2, 0, out.height).slice(3, 0, out.width);
}

at::Tensor IntegerNetwork::execute(std::size_t index, const std::vector<at::Tensor>& tensors) const {
    const Layer& layer = graph_.layers[index];
    const Parameters& p = parameters_[index];
    const auto input = [&](std::size_t i) -> const at::Tensor& { return tensors[index_of(layer.inputs[i])]; };
    const Window& w = layer.window;
    const at::Tensor& x = input(0);
    switch (layer.kind) {
        case OpKind::conv:
        case OpKind::linear:
            return clamped(layer, rescale(accumulate(layer, p, x), p.multiplier, p.rounding, p.shift));
        case OpKind::max_pool:  // 8-bit codes: exact in float; Torch pads with minus infinity
            return wanted(layer, at::max_pool2d(reached(layer, x.to(at::kFloat), -kExactInFloat),
                                                {w.kernel_h, w.kernel_w}, {w.stride_h, w.stride_w},
                                                {w.pad_h, w.pad_w}, {w.dilation_h, w.dilation_w})
                                     .to(at::kInt));
        case OpKind::avg_pool:
            return clamped(layer, rescale(wanted(layer, window_sum(w, reached(layer, x, 0))), p.multiplier,
                                          p.rounding, p.shift));
        case OpKind::add: {
            const at::Tensor acc =
                input(0).to(at::kLong) * layer.multiplier[0] + input(1).to(at::kLong) * layer.multiplier[1];
            return clamped(layer, at::bitwise_right_shift(acc + p.rounding, p.shift));
        }
        case OpKind::concat: {
            std::vector<at::Tensor> parts;
            for (std::size_t i = 0; i < layer.inputs.size(); ++i) {
                const auto one = [&](const at::Tensor& values) {
                    return values.select(1, static_cast<std::int64_t>(i));
                };
                parts.push_back(rescale(input(i).to(at::kLong), one(p.multiplier).unsqueeze(1),
                                        one(p.rounding).unsqueeze(1), one(p.shift).unsqueeze(1)));
            }
            return clamped(layer, at::cat(parts, 1));
        }
        case OpKind::flatten:
            return x.reshape({x.size(0), -1, 1, 1});
        case OpKind::subsample:
            break;
    }
    at::Tensor kept = x.slice(2, 0, x.size(2), w.stride_h).slice(3, 0, x.size(3), w.stride_w);
    if (layer.groups != 1) {
        kept = kept.reshape({x.size(0), layer.groups, -1, kept.size(2), kept.size(3)})
                   .transpose(1, 2)
                   .reshape(kept.sizes());
    }
    return at::constant_pad_nd(kept, {0, 0, 0, 0, layer.channels_before, layer.channels_after}, 0);
}

at::Tensor IntegerNetwork::run(
    const at::Tensor& codes,
    const std::function<void(TensorId tensor, const at::Tensor& codes)>& visit) const {
    std::vector<at::Tensor> tensors(graph_.tensors.size());
    std::vector<std::size_t> last_use(graph_.tensors.size(), graph_.layers.size());
    for (std::size_t i = 0; i < graph_.layers.size(); ++i) {
        for (const TensorId input : graph_.layers[i].inputs) {
            last_use[index_of(input)] = i;
        }
    }
    const auto keep = [&](TensorId tensor, at::Tensor values) {
        if (visit) {
            visit(tensor, values);
        }
        tensors[index_of(tensor)] = std::move(values);
    };
    keep(graph_.input, codes);
    for (std::size_t i = 0; i < graph_.layers.size(); ++i) {
        keep(graph_.layers[i].output, execute(i, tensors));
        for (const TensorId input : graph_.layers[i].inputs) {
            if (last_use[index_of(input)] == i) {
                tensors[index_of(input)].reset();
            }
        }
    }
    return tensors[index_of(graph_.logits)].flatten(1);
}

}  // namespace fluence::models
