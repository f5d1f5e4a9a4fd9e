// Post-training quantisation: FloatGraph and the ranges of its activations → the integer graph that an
// accelerator executes (METHODS: symmetric per-output-channel weights, per-tensor activations).
#pragma once

#include <string>
#include <vector>

#include "models/float_graph.h"
#include "models/import.h"
#include "workloads/graph.h"

namespace fluence::models {

// Smallest and largest value of a tensor over the calibration images.
struct Range {
    double lo = 0, hi = 0;
};

// Widens `ranges` (one a tensor) by a preprocessed batch.
void calibrate(const FloatGraph& graph, const at::Tensor& batch, std::vector<Range>& ranges);

// `graph`: folded. `non_negative_input`: no preprocessed pixel is below 0, so that the input is u8.
//   weights      s8, scale max|w|/127 of their output channel
//   activations  u8, scale hi/255, behind ReLU and where all inputs are u8; otherwise s8, scale max|x|/127
//   bias         s32, scale s_in·s_w; a channel whose bias would not fit gets a wider weight scale
//   logits       s32, one scale, the largest s_in·s_w of the last layer
// Throws InputError (`source`) where the last layer's codes cannot be logits.
workloads::Graph quantise(const FloatGraph& graph, const std::vector<Range>& ranges, bool non_negative_input,
                          const std::string& source);

// The code of every pixel value of every channel, [channel][pixel]: round half to even, then clamp.
std::vector<std::vector<std::int32_t>> pixel_codes(const Preprocessing& preprocessing,
                                                   const workloads::TensorInfo& input);

}  // namespace fluence::models
