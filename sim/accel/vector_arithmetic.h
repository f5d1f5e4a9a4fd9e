// What the vector unit computes, one element at a time (workloads/graph.h defines it).
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "workloads/channel_order.h"
#include "workloads/graph.h"

namespace fluence::accel {

// The parameter registers, as loaded for one layer.
struct LayerParameters {
    std::vector<std::int32_t> bias, multiplier;
    std::vector<std::uint8_t> shift;
};
// From the words of the layer's parameter region (dataflow::MemoryMap: each of the three on a new word).
LayerParameters parse_parameters(const workloads::Layer& layer, const std::vector<std::uint8_t>& bytes,
                                 int word_bytes);

// conv, linear: bias, requantisation and clamp of the accumulator of output channel `channel`.
std::int32_t finish_accumulator(const workloads::Layer& layer, const LayerParameters& parameters,
                                std::int64_t channel, std::int32_t accumulator);

// Layers without MACs: flat output element `element`; operand(i, flat element of input i) reads a code.
template <class Operand>
std::int32_t vector_element(const workloads::Graph& graph, const workloads::Layer& layer,
                            const LayerParameters& parameters, std::int64_t element, Operand operand);

// The input elements that a pooling window covers, padding left out: visit(flat element).
template <class Visit>
void for_each_in_window(const workloads::Layer& layer, const workloads::Shape& input,
                        const workloads::Shape& output, std::int64_t element, Visit visit) {
    const workloads::Window& w = layer.window;
    const std::int64_t channel = element / output.plane();
    const workloads::InputRows rows = input_rows(input, output, w, element % output.plane() / output.width);
    const std::int64_t left = element % output.width * w.stride_w - w.pad_w;
    for (int ky = 0; ky < w.kernel_h; ++ky) {
        const std::int64_t y = rows.first + std::int64_t{ky} * w.dilation_h;
        for (int kx = 0; kx < w.kernel_w; ++kx) {
            const std::int64_t x = left + std::int64_t{kx} * w.dilation_w;
            if (y >= rows.begin && y < rows.end && x >= 0 && x < input.width) {
                visit(channel * input.plane() + y * input.width + x);
            }
        }
    }
}

std::int32_t clamp_to(const workloads::Layer& layer, std::int64_t value);

template <class Operand>
std::int32_t vector_element(const workloads::Graph& graph, const workloads::Layer& layer,
                            const LayerParameters& parameters, std::int64_t element, Operand operand) {
    using workloads::OpKind;
    const workloads::Shape& output = graph.tensor(layer.output).shape;
    const workloads::Shape& input = graph.tensor(layer.inputs[0]).shape;
    if (layer.kind == OpKind::max_pool) {
        std::int32_t best = workloads::min_code(graph.tensor(layer.output).format);
        for_each_in_window(layer, input, output, element,
                           [&](std::int64_t e) { best = std::max(best, operand(std::size_t{0}, e)); });
        return best;
    }
    if (layer.kind == OpKind::avg_pool) {
        std::int64_t sum = 0;
        for_each_in_window(layer, input, output, element,
                           [&](std::int64_t e) { sum += operand(std::size_t{0}, e); });
        return clamp_to(layer, workloads::rescale(sum, parameters.multiplier[0], parameters.shift[0]));
    }
    if (layer.kind == OpKind::add) {
        std::int64_t sum = 0;
        for (std::size_t i = 0; i < layer.inputs.size(); ++i) {
            sum += std::int64_t{parameters.multiplier[i]} * operand(i, element);
        }
        return clamp_to(layer, workloads::rescale(sum, 1, parameters.shift[0]));
    }
    if (layer.kind == OpKind::concat) {
        std::size_t i = 0;
        while (element >= graph.tensor(layer.inputs[i]).shape.elements()) {
            element -= graph.tensor(layer.inputs[i++]).shape.elements();
        }
        return clamp_to(
            layer, workloads::rescale(operand(i, element), parameters.multiplier[i], parameters.shift[i]));
    }
    // subsample
    const std::int64_t channel = workloads::subsample_source(layer, input.channels, element / output.plane());
    if (channel < 0) {
        return 0;
    }
    const std::int64_t y =
        input_rows(input, output, layer.window, element % output.plane() / output.width).first;
    const std::int64_t x = element % output.width * layer.window.stride_w;
    return operand(std::size_t{0}, channel * input.plane() + y * input.width + x);
}

}  // namespace fluence::accel
