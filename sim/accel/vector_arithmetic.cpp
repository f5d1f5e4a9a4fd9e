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

std::int32_t clamp_to(const workloads::Layer& layer, std::int64_t value) {
    return static_cast<std::int32_t>(std::clamp<std::int64_t>(value, layer.clamp_lo, layer.clamp_hi));
}

std::int32_t finish_accumulator(const workloads::Layer& layer, const LayerParameters& parameters,
                                std::int64_t channel, std::int32_t accumulator) {
    const auto c = static_cast<std::size_t>(channel);
    const auto sum = static_cast<std::int32_t>(static_cast<std::uint32_t>(accumulator) +
                                               static_cast<std::uint32_t>(parameters.bias[c]));
    return clamp_to(layer, workloads::rescale(sum, parameters.multiplier[c], parameters.shift[c]));
}

}  // namespace fluence::accel
