// Channels made alike before quantisation (Nagel et al., Data-Free Quantization Through Weight Equalization
// and Bias Correction, ICCV 2019, §4.1), for formats whose weights have one scale a layer.
//
// Between two convolutional or linear layers with nothing but a ReLU, or nothing, in between, a channel may
// be multiplied by any f > 0: row c of the first layer's weights and its bias by f, the second layer's
// weights of that input channel by 1/f. The network computes the same. f is such that the largest weights of
// the channel in both layers become alike; here it is a power of two, so that no weight is rounded.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/float_graph.h"

namespace fluence::models {

// Of every channel of every tensor over the calibration images, [tensor][channel].
struct ChannelStatistics {
    std::vector<std::vector<double>> reach;  // largest |value|
    std::vector<std::vector<double>> mean;
    std::int64_t images = 0;
};

// Adds a preprocessed batch.
void observe(const FloatGraph& graph, const at::Tensor& batch, ChannelStatistics& statistics);

// `graph`: folded. `statistics`: of the graph, and afterwards of what it has become. One line of `report` a
// layer whose channels were multiplied.
// A ceiling (ReLU6) stays what it is: a channel that reaches it keeps its factor, others grow as far as they
// stay below it on the calibration images. Channels that are 0 on all of them are free.
void equalise(FloatGraph& graph, ChannelStatistics& statistics, std::vector<std::string>& report);

}  // namespace fluence::models
