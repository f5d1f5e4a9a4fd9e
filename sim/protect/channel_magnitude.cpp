#include "sim/protect/channel_magnitude.h"

#include <cmath>
#include <cstdlib>

namespace fluence::protect {

double channel_scale(const workloads::Layer& layer, std::size_t channel) {
    if (layer.multiplier.empty()) {
        return 1;
    }
    return std::ldexp(std::abs(static_cast<double>(layer.multiplier[channel])), -(layer.shift[channel] & 63));
}

std::vector<double> channel_magnitudes(const workloads::Layer& layer, std::size_t channels) {
    const std::size_t weights = layer.weights.size() / channels;
    std::vector<double> magnitudes;
    for (std::size_t c = 0; c < channels; ++c) {
        double sum = 0;
        for (std::size_t i = 0; i < weights; ++i) {
            sum += std::abs(static_cast<double>(layer.weights[c * weights + i]));
        }
        magnitudes.push_back(sum * channel_scale(layer, c));
    }
    return magnitudes;
}

}  // namespace fluence::protect
