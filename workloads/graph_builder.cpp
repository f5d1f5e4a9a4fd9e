#include "workloads/graph_builder.h"

#include <algorithm>
#include <cmath>

namespace fluence::workloads {

namespace {

// The size at which codes fill their format and a few of them saturate.
double target_rms(NumberFormat format) {
    return format == NumberFormat::u8 ? 110 : 55;
}

Shape windowed(const Shape& input, int channels, const Window& w) {
    return {channels, output_extent(input.height, w.kernel_h, w.stride_h, w.pad_h, w.dilation_h),
            output_extent(input.width, w.kernel_w, w.stride_w, w.pad_w, w.dilation_w)};
}

// With one more row and column of windows where they still begin inside the input.
Shape over_edge(const Shape& input, Shape output, const Window& w) {
    output.height += output.height * w.stride_h - w.pad_h < input.height ? 1 : 0;
    output.width += output.width * w.stride_w - w.pad_w < input.width ? 1 : 0;
    return output;
}

}  // namespace

int output_extent(int extent, int kernel, int stride, int pad, int dilation) {
    const int room = extent + 2 * pad - dilation * (kernel - 1) - 1;
    return room < 0 ? 0 : room / stride + 1;
}

GraphBuilder::GraphBuilder(const std::string& name, RandomStream& stream, Shape input, NumberFormat format)
    : stream_(stream) {
    graph_.name = name;
    graph_.input = tensor_id(0);
    graph_.tensors.push_back({"input", input, format, uniform(0.005, 0.02)});
    rms_.push_back(format == NumberFormat::u8 ? 130 : 65);
}

Layer GraphBuilder::begin(OpKind kind, const std::vector<TensorId>& inputs) {
    Layer layer;
    layer.kind = kind;
    layer.inputs = inputs;
    layer.name = std::string(name_of(kind)) + std::to_string(graph_.layers.size());
    return layer;
}

TensorId GraphBuilder::end(Layer layer, Shape shape, NumberFormat format, double scale, double rms) {
    layer.output = tensor_id(graph_.tensors.size());
    graph_.tensors.push_back({layer.name, shape, format, scale});
    rms_.push_back(rms);
    graph_.layers.push_back(std::move(layer));
    return graph_.layers.back().output;
}

// Appends the pair with multiplier/2^shift ≈ factor and a multiplier of `precision` bits.
void GraphBuilder::set_factor(Layer& layer, double factor, int precision) {
    int exponent = 0;
    const double fraction = std::frexp(factor, &exponent);  // [½, 1)
    const int shift = std::clamp(precision - exponent, 0, 62);
    const double multiplier = std::round(std::ldexp(fraction, shift + exponent));
    layer.multiplier.push_back(static_cast<std::int32_t>(std::clamp(multiplier, 0.0, 2147483647.0)));
    layer.shift.push_back(static_cast<std::uint8_t>(shift));
}

void GraphBuilder::set_clamp(Layer& layer, NumberFormat format) {
    layer.clamp_lo = min_code(format);
    layer.clamp_hi = max_code(format);
    if (format == NumberFormat::u8 && stream_.below(4) == 0) {
        layer.clamp_hi = 160;  // a saturating activation function, as ReLU6
    }
    if (format == NumberFormat::s8 && stream_.below(2) == 0) {
        layer.clamp_lo = -127;
    }
}

// Weights uniform in a range that differs by output channel; factors that bring the accumulators' expected
// size to `target`.
void GraphBuilder::draw_weights(Layer& layer, int channels, std::int64_t reduction, double input_rms,
                                double target) {
    for (int n = 0; n < channels; ++n) {
        const auto range = static_cast<std::int64_t>(uniform(40, 127.999));
        for (std::int64_t k = 0; k < reduction; ++k) {
            const auto draw =
                static_cast<std::int64_t>(stream_.below(static_cast<std::uint64_t>(2 * range + 1)));
            layer.weights.push_back(static_cast<std::int8_t>(draw - range));
        }
        const double spread =
            static_cast<double>(range) / std::sqrt(3.0) * std::sqrt(static_cast<double>(reduction));
        const double accumulator = std::max(1.0, spread * input_rms);
        layer.bias.push_back(static_cast<std::int32_t>(uniform(-0.3, 0.3) * accumulator));
        set_factor(layer, target / accumulator, stream_.below(3) == 0 ? 12 : 31);
    }
}

TensorId GraphBuilder::conv(TensorId input, int channels, const ConvOptions& options) {
    const Shape& in = shape(input);
    const NumberFormat format = options.relu ? NumberFormat::u8 : NumberFormat::s8;
    Layer layer = begin(OpKind::conv, {input});
    layer.window = options.window;
    layer.groups = options.groups;
    const std::int64_t taps = std::int64_t{options.window.kernel_h} * options.window.kernel_w;
    draw_weights(layer, channels, in.channels / options.groups * taps, rms_[index_of(input)],
                 target_rms(format));
    set_clamp(layer, format);
    // ReLU keeps half of the codes: about 1/√2 of the size.
    const double rms = options.relu ? target_rms(format) * 0.7 : target_rms(format);
    const Shape plain = windowed(in, channels, options.window);
    const Shape out = options.over_edge ? over_edge(in, plain, options.window) : plain;
    return end(std::move(layer), out, format, uniform(0.01, 0.05), rms);
}

TensorId GraphBuilder::linear(TensorId input, int channels, bool relu) {
    const NumberFormat format = relu ? NumberFormat::u8 : NumberFormat::s8;
    Layer layer = begin(OpKind::linear, {input});
    draw_weights(layer, channels, shape(input).elements(), rms_[index_of(input)], target_rms(format));
    set_clamp(layer, format);
    const double rms = relu ? target_rms(format) * 0.7 : target_rms(format);
    return end(std::move(layer), {channels, 1, 1}, format, uniform(0.01, 0.05), rms);
}

TensorId GraphBuilder::logits(TensorId input, int classes) {
    Layer layer = begin(OpKind::linear, {input});
    draw_weights(layer, classes, shape(input).elements(), rms_[index_of(input)], uniform(500, 50000));
    set_clamp(layer, NumberFormat::s32);
    graph_.logits = end(std::move(layer), {classes, 1, 1}, NumberFormat::s32, uniform(1e-4, 1e-3), 1);
    return graph_.logits;
}

TensorId GraphBuilder::moved(OpKind kind, TensorId input, Shape out, Layer layer) {
    layer.kind = kind;
    const TensorInfo info = graph_.tensor(input);
    return end(std::move(layer), out, info.format, info.scale, rms_[index_of(input)]);
}

TensorId GraphBuilder::max_pool(TensorId input, const Window& window, bool over) {
    Layer layer = begin(OpKind::max_pool, {input});
    layer.window = window;
    const Shape out = windowed(shape(input), shape(input).channels, window);
    return moved(OpKind::max_pool, input, over ? over_edge(shape(input), out, window) : out,
                 std::move(layer));
}

TensorId GraphBuilder::avg_pool(TensorId input, const Window& window) {
    const TensorInfo in = graph_.tensor(input);
    Layer layer = begin(OpKind::avg_pool, {input});
    layer.window = window;
    set_factor(layer, uniform(0.8, 1.6) / (window.kernel_h * window.kernel_w), 31);
    set_clamp(layer, in.format);
    return end(std::move(layer), windowed(in.shape, in.shape.channels, window), in.format, in.scale,
               rms_[index_of(input)] * (in.format == NumberFormat::u8 ? 0.9 : 0.5));
}

TensorId GraphBuilder::add(TensorId left, TensorId right, bool relu) {
    const NumberFormat format = relu ? NumberFormat::u8 : NumberFormat::s8;
    Layer layer = begin(OpKind::add, {left, right});
    const int shift = static_cast<int>(stream_.below(21)) + 10;
    for (const TensorId id : layer.inputs) {
        const double factor = target_rms(format) / rms_[index_of(id)] * uniform(0.4, 0.8);
        layer.multiplier.push_back(
            static_cast<std::int32_t>(std::min(std::ldexp(factor, shift), 2147483647.0)));
    }
    layer.shift.push_back(static_cast<std::uint8_t>(shift));
    set_clamp(layer, format);
    return end(std::move(layer), shape(left), format, uniform(0.01, 0.05), target_rms(format) * 0.7);
}

TensorId GraphBuilder::concat(const std::vector<TensorId>& inputs) {
    const bool all_unsigned = std::all_of(inputs.begin(), inputs.end(), [&](TensorId id) {
        return graph_.tensor(id).format == NumberFormat::u8;
    });
    const NumberFormat format = all_unsigned ? NumberFormat::u8 : NumberFormat::s8;
    Layer layer = begin(OpKind::concat, inputs);
    Shape out = shape(inputs.at(0));
    out.channels = 0;
    for (const TensorId id : inputs) {
        out.channels += shape(id).channels;
        set_factor(layer, target_rms(format) / rms_[index_of(id)] * uniform(0.6, 1.1), 31);
    }
    set_clamp(layer, format);
    return end(std::move(layer), out, format, uniform(0.01, 0.05), target_rms(format) * 0.8);
}

TensorId GraphBuilder::flatten(TensorId input) {
    const int elements = static_cast<int>(shape(input).elements());
    return moved(OpKind::flatten, input, {elements, 1, 1}, begin(OpKind::flatten, {input}));
}

TensorId GraphBuilder::subsample(TensorId input, int stride, int channels_before, int channels_after,
                                 int groups) {
    Layer layer = begin(OpKind::subsample, {input});
    layer.window.stride_h = stride;
    layer.window.stride_w = stride;
    layer.channels_before = channels_before;
    layer.channels_after = channels_after;
    layer.groups = groups;
    const int channels = shape(input).channels + channels_before + channels_after;
    const Shape out = windowed(shape(input), channels, layer.window);
    return moved(OpKind::subsample, input, out, std::move(layer));
}

Graph GraphBuilder::finish() {
    validate(graph_, graph_.name);
    return std::move(graph_);
}

}  // namespace fluence::workloads
