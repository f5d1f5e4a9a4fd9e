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

// conv, linear: bias, requantisation and clamp of the accumulator of a flat output element.
std::int32_t finish_accumulator(const workloads::Graph& graph, const workloads::Layer& layer,
                                const LayerParameters& parameters, std::int64_t element,
                                std::int32_t accumulator);

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

// The input of a concat that an output element comes from; `element` becomes the element of that input.
std::size_t concat_input(const workloads::Graph& graph, const workloads::Layer& layer, std::int64_t& element);

// The steps of one output element through the pipeline (dataflow/vector_pipeline.h), registers as raw bits.
// The first stage of layers without MACs.
template <class Operand>
std::uint32_t operand_register(const workloads::Graph& graph, const workloads::Layer& layer,
                               std::int64_t element, Operand operand) {
    using workloads::OpKind;
    const workloads::Shape& output = graph.tensor(layer.output).shape;
    const workloads::Shape& input = graph.tensor(layer.inputs[0]).shape;
    const auto byte = [](std::int32_t code) { return static_cast<std::uint32_t>(code) & 0xFFu; };
    if (layer.kind == OpKind::max_pool) {
        std::int32_t best = workloads::min_code(graph.tensor(layer.output).format);
        for_each_in_window(layer, input, output, element,
                           [&](std::int64_t e) { best = std::max(best, operand(std::size_t{0}, e)); });
        return byte(best);
    }
    if (layer.kind == OpKind::avg_pool) {
        std::int32_t sum = 0;
        for_each_in_window(layer, input, output, element,
                           [&](std::int64_t e) { sum += operand(std::size_t{0}, e); });
        return static_cast<std::uint32_t>(sum);
    }
    if (layer.kind == OpKind::add) {
        return byte(operand(0, element)) | byte(operand(1, element)) << 8;
    }
    if (layer.kind == OpKind::concat) {
        const std::size_t i = concat_input(graph, layer, element);
        return byte(operand(i, element));
    }
    // subsample
    const std::int64_t channel = workloads::subsample_source(layer, input.channels, element / output.plane());
    if (channel < 0) {
        return 0;
    }
    const std::int64_t y =
        input_rows(input, output, layer.window, element % output.plane() / output.width).first;
    const std::int64_t x = element % output.width * layer.window.stride_w;
    return byte(operand(std::size_t{0}, channel * input.plane() + y * input.width + x));
}
// conv, linear: the accumulator with its bias.
std::uint32_t biased(const LayerParameters& parameters, std::int64_t channel, std::uint32_t accumulator);
// Behind multiplier and shift, of the biased accumulator or the operands; codes of pools and subsamples that
// do not requantise as they are.
std::int64_t rescaled(const workloads::Graph& graph, const workloads::Layer& layer,
                      const LayerParameters& parameters, std::int64_t element, std::uint32_t bits);
// In front of the clamp → the output's code.
std::int32_t finished_code(const workloads::Layer& layer, std::int64_t value);

template <class Operand>
std::int32_t vector_element(const workloads::Graph& graph, const workloads::Layer& layer,
                            const LayerParameters& parameters, std::int64_t element, Operand operand) {
    const std::uint32_t bits = operand_register(graph, layer, element, operand);
    return finished_code(layer, rescaled(graph, layer, parameters, element, bits));
}

}  // namespace fluence::accel
