#include "workloads/graph.h"

#include <limits>
#include <stdexcept>

namespace fluence::workloads {

int width_bits(NumberFormat format) {
    return format == NumberFormat::s32 ? 32 : 8;
}

std::int32_t min_code(NumberFormat format) {
    switch (format) {
        case NumberFormat::u8:
            return 0;
        case NumberFormat::s8:
            return -128;
        case NumberFormat::s32:
            return std::numeric_limits<std::int32_t>::min();
    }
    throw std::logic_error("unknown number format");
}

std::int32_t max_code(NumberFormat format) {
    switch (format) {
        case NumberFormat::u8:
            return 255;
        case NumberFormat::s8:
            return 127;
        case NumberFormat::s32:
            return std::numeric_limits<std::int32_t>::max();
    }
    throw std::logic_error("unknown number format");
}

std::int32_t flip_bits(NumberFormat format, std::int32_t code, std::uint32_t mask) {
    const std::uint32_t bits = static_cast<std::uint32_t>(code) ^ mask;
    switch (format) {
        case NumberFormat::u8:
            return static_cast<std::uint8_t>(bits);
        case NumberFormat::s8:
            return static_cast<std::int8_t>(bits);
        case NumberFormat::s32:
            return static_cast<std::int32_t>(bits);
    }
    throw std::logic_error("unknown number format");
}

const char* name_of(NumberFormat format) {
    switch (format) {
        case NumberFormat::u8:
            return "u8";
        case NumberFormat::s8:
            return "s8";
        case NumberFormat::s32:
            return "s32";
    }
    throw std::logic_error("unknown number format");
}

const char* name_of(OpKind kind) {
    switch (kind) {
        case OpKind::conv:
            return "conv";
        case OpKind::linear:
            return "linear";
        case OpKind::max_pool:
            return "max_pool";
        case OpKind::avg_pool:
            return "avg_pool";
        case OpKind::add:
            return "add";
        case OpKind::concat:
            return "concat";
        case OpKind::flatten:
            return "flatten";
        case OpKind::subsample:
            return "subsample";
    }
    throw std::logic_error("unknown operator kind");
}

Window window_of(const Graph& graph, const Layer& layer) {
    Window window = layer.window;
    if (layer.kind == OpKind::linear) {
        const Shape& input = graph.tensor(layer.inputs.at(0)).shape;
        window.kernel_h = input.height;
        window.kernel_w = input.width;
    }
    return window;
}

GemmShape gemm_shape(const Graph& graph, const Layer& layer) {
    if (!layer.has_macs()) {
        throw std::logic_error("layer \"" + layer.name + "\" has no GEMM");
    }
    const Shape& input = graph.tensor(layer.inputs.at(0)).shape;
    const Shape& output = graph.tensor(layer.output).shape;
    if (layer.kind == OpKind::linear) {
        return {output.plane(), input.image_elements(), output.channels, 1};
    }
    const std::int64_t taps = std::int64_t{layer.window.kernel_h} * layer.window.kernel_w;
    return {output.plane(), input.channels / layer.groups * taps, output.channels / layer.groups,
            layer.groups};
}

}  // namespace fluence::workloads
