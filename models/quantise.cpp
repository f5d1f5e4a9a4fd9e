#include "models/quantise.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "models/fixed_point.h"
#include "sim/core/error.h"

namespace fluence::models {
namespace {

using workloads::DataFormat;
using workloads::Layer;
using workloads::NumberFormat;
using workloads::OpKind;
using workloads::TensorInfo;

constexpr std::int32_t kLeastFxp8 = -128;
constexpr int kAddBits = 22;    // multipliers of an addition: 8-bit codes times 2^22 stay far inside 32 bits
constexpr int kLogitBits = 12;  // logits that an addition makes: 2^-12 of the larger input scale
constexpr double kMaxFactor = 1 << (kAddBits - 2);  // from accumulator to output; usually far below 1
constexpr double kMaxBias = 1 << 30;                // leaves room for the sum of products

// The logits and what they are a flattened copy of.
std::vector<int> logits_chain(const FloatGraph& graph, const std::string& source) {
    std::vector<int> chain = {graph.logits};
    for (;;) {
        const int producer = graph.producer(chain.back());
        const FloatOp* op = producer < 0 ? nullptr : &graph.ops[static_cast<std::size_t>(producer)];
        if (op == nullptr || op->kind != FloatOpKind::flatten) {
            break;
        }
        chain.push_back(op->inputs[0]);
    }
    for (const int tensor : chain) {
        const int producer = graph.producer(tensor);
        if (producer < 0 || graph.uses(tensor) != 1 ||
            (graph.ops[static_cast<std::size_t>(producer)].kind == FloatOpKind::max_pool ||
             graph.ops[static_cast<std::size_t>(producer)].kind == FloatOpKind::subsample ||
             graph.ops[static_cast<std::size_t>(producer)].kind == FloatOpKind::shuffle)) {
            throw InputError(source, "forward", "ends in values that are no 32-bit logits",
                             "a linear layer, a convolution, an average pooling or an addition at the end");
        }
    }
    return chain;
}

// m·2^k with a shift of s + k is m with a shift of s: takes out what all multipliers have in common, so that
// powers of two become shifts alone.
void reduce(std::vector<std::int32_t>& multipliers, std::uint8_t& shift) {
    std::int32_t bits = 0;
    for (const std::int32_t m : multipliers) {
        bits |= m;
    }
    while (bits != 0 && bits % 2 == 0 && shift > 0) {
        for (std::int32_t& m : multipliers) {
            m /= 2;
        }
        bits /= 2;
        --shift;
    }
}

at::Tensor fxp8_codes(const at::Tensor& weight, double scale) {
    return (weight / scale).round().clamp(kLeastFxp8, kMaxS8);
}

// Half of it, and so on, while the error of what then saturates is less than what finer steps save.
double least_squares_scale(const at::Tensor& weight, double scale) {
    const auto error = [&](double candidate) {
        return (fxp8_codes(weight, candidate) * candidate - weight).square().sum().item<double>();
    };
    while (error(scale / 2) < error(scale)) {
        scale /= 2;
    }
    return scale;
}

class Quantiser {
  public:
    Quantiser(const FloatGraph& from, const std::vector<Range>& ranges, const std::string& source,
              const Rounding& rounding)
        : from_(from), ranges_(ranges), source_(source), rounding_(rounding) {}

    workloads::Graph run(bool non_negative_input) {
        formats_ = tensor_formats(from_, non_negative_input, rounding_.format, source_);
        to_.name = from_.name;
        to_.tensors.resize(from_.shapes.size());
        to_.input = tensor_id(static_cast<std::size_t>(from_.input));
        to_.logits = tensor_id(static_cast<std::size_t>(from_.logits));
        define(from_.input, "input");
        for (const FloatOp& op : from_.ops) {
            to_.layers.push_back(layer(op));
        }
        return std::move(to_);
    }

  private:
    bool fixed_point_format() const { return rounding_.format == DataFormat::fxp8; }
    TensorInfo& info(int tensor) { return to_.tensors[static_cast<std::size_t>(tensor)]; }
    [[noreturn]] void fail(const FloatOp& op, const std::string& reason) const {
        throw InputError(source_, op.place, "\"" + op.name + "\" " + reason);
    }

    void define(int tensor, const std::string& name);
    void define_output(const FloatOp& op, OpKind kind);
    Layer layer(const FloatOp& op);
    void weights(const FloatOp& op, Layer& layer);
    double weight_scale(const at::Tensor& weight, const at::Tensor& bias, double input_scale) const;
    double power_of_two_weight_scale(const at::Tensor& weight, double least) const;
    double mean_error(const FloatOp& op, std::int64_t n, const std::int8_t* codes, double scale) const;
    void check_finite(const FloatOp& op) const;
    void requantise(const FloatOp& op, Layer& layer);
    static void reduce_factors(Layer& layer);
    void clamp(const FloatOp& op, Layer& layer);

    const FloatGraph& from_;
    const std::vector<Range>& ranges_;
    const std::string& source_;
    const Rounding& rounding_;
    workloads::Graph to_;
    std::vector<NumberFormat> formats_;  // by tensor
    std::vector<double> channel_scale_;  // s_in·s_w of the layer at hand
};

void Quantiser::define(int tensor, const std::string& name) {
    TensorInfo& t = info(tensor);
    t.name = name;
    t.shape = from_.shapes[static_cast<std::size_t>(tensor)];
    t.format = formats_[static_cast<std::size_t>(tensor)];
    t.scale = t.format == NumberFormat::s32
                  ? 1
                  : activation_scale(ranges_[static_cast<std::size_t>(tensor)], t.format, rounding_.format);
}

void Quantiser::define_output(const FloatOp& op, OpKind kind) {
    define(op.output, op.name);
    if (moves_codes(kind)) {
        info(op.output).scale = info(op.inputs[0]).scale;
    }
}

Layer Quantiser::layer(const FloatOp& op) {
    Layer layer = structure_of(op);
    define_output(op, layer.kind);
    if (layer.has_macs()) {
        weights(op, layer);
    }
    if (!moves_codes(layer.kind)) {
        requantise(op, layer);
        clamp(op, layer);
    }
    return layer;
}

// Of the weights that have one scale, wide enough for their biases.
double Quantiser::weight_scale(const at::Tensor& weight, const at::Tensor& bias, double input_scale) const {
    const double least = bias.abs().max().item<double>() / (input_scale * kMaxBias);
    if (fixed_point_format()) {
        return power_of_two_weight_scale(weight, least);
    }
    const double scale = std::max(weight.abs().max().item<double>() / kMaxS8, least);
    return std::isnormal(scale) ? scale : 1;
}

double Quantiser::power_of_two_weight_scale(const at::Tensor& weight, double least) const {
    const double widest =
        power_of_two_scale(weight.min().item<double>(), weight.max().item<double>(), kFxp8Bits);
    const double scale = rounding_.means.empty() ? widest : least_squares_scale(weight, widest);
    int exponent = 0;
    least = std::frexp(least, &exponent) == 0 ? 0 : std::ldexp(1.0, exponent);
    return std::max(scale, least);
}

// What the rounding of an output channel's weights adds to its sum, in the mean of the calibration images.
double Quantiser::mean_error(const FloatOp& op, std::int64_t n, const std::int8_t* codes,
                             double scale) const {
    if (rounding_.means.empty()) {
        return 0;
    }
    const std::vector<double>& means = rounding_.means[static_cast<std::size_t>(op.inputs[0])];
    const std::int64_t channels = static_cast<std::int64_t>(means.size()) / op.groups;  // of a group
    const std::int64_t first = n / (op.weight.size(0) / op.groups) * channels;
    const at::Tensor row = op.weight[n].contiguous();
    const std::int64_t taps = row.numel() / channels;
    double sum = 0;
    for (std::int64_t k = 0; k < row.numel(); ++k) {
        sum += (codes[k] * scale - row.data_ptr<double>()[k]) *
               means[static_cast<std::size_t>(first + k / taps)];
    }
    return sum;
}

void Quantiser::check_finite(const FloatOp& op) const {
    if (!op.weight.isfinite().all().item<bool>() || !op.bias.isfinite().all().item<bool>()) {
        fail(op, "has a NaN or an infinite weight");
    }
}

void Quantiser::weights(const FloatOp& op, Layer& layer) {
    check_finite(op);
    const double input_scale = info(op.inputs[0]).scale;
    const at::Tensor rows = op.weight.reshape({op.weight.size(0), -1}).contiguous();
    const auto per_channel = static_cast<std::size_t>(rows.size(1));
    const double* w = rows.data_ptr<double>();
    const at::Tensor offsets = op.bias.contiguous();
    const bool one_scale = fixed_point_format() && !rounding_.channel_scales;
    const double layer_scale = one_scale ? weight_scale(op.weight, op.bias, input_scale) : 0;
    channel_scale_.clear();
    for (std::int64_t n = 0; n < rows.size(0); ++n, w += per_channel) {
        double taps = 0;
        double offset = offsets.data_ptr<double>()[n];
        const double scale = one_scale ? layer_scale : weight_scale(rows[n], offsets[n], input_scale);
        for (std::size_t k = 0; k < per_channel; ++k) {
            const double code = std::clamp<double>(std::nearbyint(w[k] / scale), kLeastFxp8, kMaxS8);
            taps += std::abs(code);
            layer.weights.push_back(static_cast<std::int8_t>(code));
        }
        offset -= mean_error(op, n, layer.weights.data() + layer.weights.size() - per_channel, scale);
        const double bias = std::nearbyint(offset / (input_scale * scale));
        if (taps * 255 + std::abs(bias) > std::numeric_limits<std::int32_t>::max()) {
            fail(op, "sums more products than a 32-bit accumulator holds");
        }
        layer.bias.push_back(static_cast<std::int32_t>(bias));
        channel_scale_.push_back(input_scale * scale);
    }
}

// The factors from accumulator to output code, and the output's scale where it is free (logits).
void Quantiser::requantise(const FloatOp& op, Layer& layer) {
    TensorInfo& out = info(op.output);
    const bool logits = out.format == NumberFormat::s32;
    std::vector<double> factors;
    if (layer.has_macs()) {
        factors = channel_scale_;
    } else if (layer.kind == OpKind::avg_pool) {
        factors = {info(op.inputs[0]).scale / (static_cast<double>(op.window.kernel_h) * op.window.kernel_w)};
    } else {
        for (const int input : op.inputs) {
            factors.push_back(info(input).scale);
        }
    }
    const double largest = *std::max_element(factors.begin(), factors.end());
    if (logits) {
        out.scale = layer.kind == OpKind::add || layer.kind == OpKind::concat
                        ? std::ldexp(largest, -kLogitBits)
                        : largest;
    }
    if (largest / out.scale >= kMaxFactor) {
        fail(op,
             "makes activations on the calibration images that are tiny beside its weights; are these images "
             "of the right data set?");
    }
    const FixedPoint shared = fixed_point(largest / out.scale, kAddBits);
    for (const double factor : factors) {
        if (layer.kind == OpKind::add) {
            layer.multiplier.push_back(
                static_cast<std::int32_t>(std::llround(std::ldexp(factor / out.scale, shared.shift))));
            continue;
        }
        const FixedPoint own = fixed_point(factor / out.scale);
        layer.multiplier.push_back(own.multiplier);
        layer.shift.push_back(own.shift);
    }
    if (layer.kind == OpKind::add) {
        layer.shift = {shared.shift};
    }
    if (fixed_point_format()) {
        reduce_factors(layer);
    }
}

void Quantiser::reduce_factors(Layer& layer) {
    if (layer.kind == OpKind::add) {
        reduce(layer.multiplier, layer.shift[0]);
        return;
    }
    for (std::size_t i = 0; i < layer.multiplier.size(); ++i) {
        std::vector<std::int32_t> one = {layer.multiplier[i]};
        reduce(one, layer.shift[i]);
        layer.multiplier[i] = one[0];
    }
}

void Quantiser::clamp(const FloatOp& op, Layer& layer) {
    const NumberFormat format = info(op.output).format;
    layer.clamp_lo = op.relu ? 0 : lowest_code(format, rounding_.format);
    layer.clamp_hi = workloads::max_code(format);
    if (op.relu) {
        const double ceiling = std::nearbyint(op.ceiling / info(op.output).scale);
        layer.clamp_hi = static_cast<std::int32_t>(std::min<double>(layer.clamp_hi, ceiling));
    }
}

}  // namespace

bool moves_codes(OpKind kind) {
    return kind == OpKind::max_pool || kind == OpKind::flatten || kind == OpKind::subsample;
}

std::vector<NumberFormat> tensor_formats(const FloatGraph& graph, bool non_negative_input, DataFormat format,
                                         const std::string& source) {
    const bool may_be_unsigned = format != DataFormat::fxp8;
    const std::vector<int> logits = logits_chain(graph, source);
    std::vector<NumberFormat> formats(graph.shapes.size(), NumberFormat::s8);
    const auto of = [&](int tensor) -> NumberFormat& { return formats[static_cast<std::size_t>(tensor)]; };
    of(graph.input) = non_negative_input && may_be_unsigned ? NumberFormat::u8 : NumberFormat::s8;
    for (const FloatOp& op : graph.ops) {
        const OpKind kind = op_kind(op.kind);
        const bool has_weights = kind == OpKind::conv || kind == OpKind::linear;
        const bool from_unsigned =
            !has_weights && std::all_of(op.inputs.begin(), op.inputs.end(),
                                        [&](int input) { return of(input) == NumberFormat::u8; });
        const bool is_unsigned = may_be_unsigned && (op.relu || from_unsigned);
        if (moves_codes(kind)) {
            of(op.output) = of(op.inputs[0]);
        } else if (std::find(logits.begin(), logits.end(), op.output) != logits.end()) {
            of(op.output) = NumberFormat::s32;
        } else {
            of(op.output) = is_unsigned ? NumberFormat::u8 : NumberFormat::s8;
        }
    }
    return formats;
}

double activation_scale(const Range& range, NumberFormat tensor, DataFormat format) {
    if (format == DataFormat::fxp8) {
        return power_of_two_scale(range.lo, range.hi, kFxp8Bits);
    }
    const double reach =
        tensor == NumberFormat::u8 ? range.hi : std::max(std::abs(range.lo), std::abs(range.hi));
    const double scale = reach / (tensor == NumberFormat::u8 ? workloads::max_code(tensor) : kMaxS8);
    return std::isnormal(scale) ? scale : 1;  // a tensor that is 0 throughout
}

std::int32_t lowest_code(NumberFormat tensor, DataFormat format) {
    return tensor == NumberFormat::s8 && format != DataFormat::fxp8 ? -kMaxS8 : workloads::min_code(tensor);
}

Layer structure_of(const FloatOp& op) {
    Layer layer;
    layer.name = op.name;
    layer.kind = op_kind(op.kind);
    for (const int input : op.inputs) {
        layer.inputs.push_back(tensor_id(static_cast<std::size_t>(input)));
    }
    layer.output = tensor_id(static_cast<std::size_t>(op.output));
    layer.window = op.window;
    layer.groups = op.groups;
    layer.channels_before = op.channels_before;
    layer.channels_after = op.channels_after;
    return layer;
}

void calibrate(const FloatGraph& graph, const at::Tensor& batch, std::vector<Range>& ranges) {
    ranges.resize(graph.shapes.size());
    evaluate(graph, batch, [&](int tensor, const at::Tensor& values) {
        Range& range = ranges[static_cast<std::size_t>(tensor)];
        range.lo = std::min(range.lo, values.min().item<double>());
        range.hi = std::max(range.hi, values.max().item<double>());
    });
}

workloads::Graph quantise(const FloatGraph& graph, const std::vector<Range>& ranges, bool non_negative_input,
                          const std::string& source, const Rounding& rounding) {
    for (const Range& range : ranges) {
        if (!std::isfinite(range.lo) || !std::isfinite(range.hi)) {
            throw InputError(source, "", "makes NaN or infinite activations on the calibration images");
        }
    }
    return Quantiser(graph, ranges, source, rounding).run(non_negative_input);
}

std::vector<std::vector<std::int32_t>> pixel_codes(const Preprocessing& preprocessing,
                                                   const TensorInfo& input, DataFormat format) {
    std::vector<std::vector<std::int32_t>> codes;
    const double highest = workloads::max_code(input.format);
    const double lowest = lowest_code(input.format, format);
    for (std::size_t c = 0; c < preprocessing.mean.size(); ++c) {
        std::vector<std::int32_t>& row = codes.emplace_back();
        for (int pixel = 0; pixel < 256; ++pixel) {
            const double value =
                (pixel / preprocessing.divisor - preprocessing.mean[c]) / preprocessing.deviation[c];
            row.push_back(
                static_cast<std::int32_t>(std::clamp(std::nearbyint(value / input.scale), lowest, highest)));
        }
    }
    return codes;
}

}  // namespace fluence::models
