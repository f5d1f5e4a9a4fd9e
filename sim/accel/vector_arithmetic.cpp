#include "sim/accel/vector_arithmetic.h"

#include <algorithm>
#include <cstring>

namespace fluence::accel {

LayerParameters parse_parameters(const workloads::Layer& layer, const std::vector<std::uint8_t>& bytes,
                                 int word_bytes) {
    LayerParameters parameters;
    std::size_t offset = 0;
    const auto take = [&](auto& values, std::size_t count) {
        values.resize(count);
        const std::size_t size = count * sizeof values[0];
        if (count > 0) {
            std::memcpy(values.data(), bytes.data() + offset, size);
        }
        const auto unit = static_cast<std::size_t>(word_bytes);
        offset += (size + unit - 1) / unit * unit;
    };
    take(parameters.bias, layer.bias.size());
    take(parameters.multiplier, layer.multiplier.size());
    take(parameters.shift, layer.shift.size());
    return parameters;
}

std::size_t concat_input(const workloads::Graph& graph, const workloads::Layer& layer,
                         std::int64_t& element) {
    std::size_t i = 0;
    while (element >= graph.tensor(layer.inputs[i]).shape.elements()) {
        element -= graph.tensor(layer.inputs[i++]).shape.elements();
    }
    return i;
}

std::uint32_t biased(const LayerParameters& parameters, std::int64_t channel, std::uint32_t accumulator) {
    return accumulator + static_cast<std::uint32_t>(parameters.bias[static_cast<std::size_t>(channel)]);
}

std::int64_t rescaled(const workloads::Graph& graph, const workloads::Layer& layer,
                      const LayerParameters& parameters, std::int64_t element, std::uint32_t bits) {
    using workloads::OpKind;
    const auto code = [&](std::size_t input, std::uint32_t byte) {
        const bool is_unsigned = graph.tensor(layer.inputs[input]).format == workloads::NumberFormat::u8;
        return is_unsigned ? std::int64_t{byte & 0xFFu}
                           : std::int64_t{static_cast<std::int8_t>(byte & 0xFFu)};
    };
    switch (layer.kind) {
        case OpKind::conv:
        case OpKind::linear: {
            const auto c = static_cast<std::size_t>(element / graph.tensor(layer.output).shape.plane());
            return workloads::rescale(static_cast<std::int32_t>(bits), parameters.multiplier[c],
                                      parameters.shift[c]);
        }
        case OpKind::avg_pool:
            return workloads::rescale(static_cast<std::int32_t>(bits), parameters.multiplier[0],
                                      parameters.shift[0]);
        case OpKind::add:
            return workloads::rescale(
                parameters.multiplier[0] * code(0, bits) + parameters.multiplier[1] * code(1, bits >> 8), 1,
                parameters.shift[0]);
        case OpKind::concat: {
            const std::size_t i = concat_input(graph, layer, element);
            return workloads::rescale(code(i, bits), parameters.multiplier[i], parameters.shift[i]);
        }
        default:
            return code(0, bits);
    }
}

std::int32_t finished_code(const workloads::Layer& layer, std::int64_t value) {
    const bool moves =
        layer.kind == workloads::OpKind::max_pool || layer.kind == workloads::OpKind::subsample;
    return static_cast<std::int32_t>(moves ? value
                                           : std::clamp<std::int64_t>(value, layer.clamp_lo, layer.clamp_hi));
}

std::int32_t finish_accumulator(const workloads::Graph& graph, const workloads::Layer& layer,
                                const LayerParameters& parameters, std::int64_t element,
                                std::int32_t accumulator) {
    const std::int64_t channel = element / graph.tensor(layer.output).shape.plane();
    const std::uint32_t sum = biased(parameters, channel, static_cast<std::uint32_t>(accumulator));
    return finished_code(layer, rescaled(graph, layer, parameters, element, sum));
}

}  // namespace fluence::accel
