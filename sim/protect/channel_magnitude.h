// How large the weights of a layer are, as real numbers up to what all its channels share.
#pragma once

#include <cstddef>
#include <vector>

#include "workloads/graph.h"

namespace fluence::protect {

// What a weight's code of an output channel is worth, against other channels of the layer: codes of a channel
// have a scale of their own, which the requantiser's factor contains.
double channel_scale(const workloads::Layer& layer, std::size_t channel);
// By output channel: Σ|w| over its weights.
std::vector<double> channel_magnitudes(const workloads::Layer& layer, std::size_t channels);

}  // namespace fluence::protect
