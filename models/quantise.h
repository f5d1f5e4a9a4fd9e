// Post-training quantisation: FloatGraph and the ranges of its activations → the integer graph that an
// accelerator executes (symmetric per-output-channel weights, per-tensor activations).
#pragma once

#include <string>
#include <vector>

#include "models/float_graph.h"
#include "models/import.h"
#include "workloads/graph.h"
#include "workloads/number_formats.h"

namespace fluence::models {

// Smallest and largest value of a tensor over the calibration images.
struct Range {
    double lo = 0, hi = 0;
};

inline constexpr std::int32_t kMaxS8 = 127;
inline constexpr int kFxp8Bits = 8;

// Whether an operator's outputs are some of its input's codes, on their scale.
bool moves_codes(workloads::OpKind kind);
// The formats that quantise() gives the tensors of a folded graph. Throws as quantise() does.
std::vector<workloads::NumberFormat> tensor_formats(const FloatGraph& graph, bool non_negative_input,
                                                    workloads::DataFormat format, const std::string& source);
// The scale of a tensor of that range, and its lowest code: int8 is symmetric, fxp8 uses all of its two's
// complement. Of 8-bit codes.
double activation_scale(const Range& range, workloads::NumberFormat tensor, workloads::DataFormat format);
std::int32_t lowest_code(workloads::NumberFormat tensor, workloads::DataFormat format);

// Widens `ranges` (one a tensor) by a preprocessed batch.
void calibrate(const FloatGraph& graph, const at::Tensor& batch, std::vector<Range>& ranges);

// Name, kind, inputs, output, window, groups and channels of an operator of a folded graph.
workloads::Layer structure_of(const FloatOp& op);

// How quantise() rounds.
struct Rounding {
    workloads::DataFormat format = workloads::DataFormat::int8;
    // fxp8: weights have a power of two an output channel, and sums a shift a channel, instead of one a
    // layer.
    bool channel_scales = false;
    // Of every channel of every tensor over the calibration images (equalise.h), or empty. With them a power
    // of two of weights is the one with the least squared error, so that large weights may saturate, and
    // biases make up for what rounded weights add to the mean of their sum (Nagel et al., ICCV 2019, §4.2),
    // padding not counted.
    std::vector<std::vector<double>> means{};
};

// `graph`: folded. `non_negative_input`: no preprocessed pixel is below 0, so that the input is u8.
//                int8                                        fxp8 (docs/formats-numbers.md)
//   weights      s8, scale max|w|/127 of their output channel  s8, scales 2^(f−7), f least
//   activations  u8, scale hi/255, behind ReLU and where all   s8, scale 2^(e−7), e least
//                inputs are u8; otherwise s8, max|x|/127
//   bias         s32, scale s_in·s_w; where it would not fit, the weights' scale is wider
//   logits       s32, one scale, the largest s_in·s_w of the last layer
//   requantise   multiplier and shift                        rounding shift; average pools multiply too
// "Least": no weight or calibrated value saturates. Throws InputError (`source`) where the last layer's codes
// cannot be logits.
workloads::Graph quantise(const FloatGraph& graph, const std::vector<Range>& ranges, bool non_negative_input,
                          const std::string& source, const Rounding& rounding = {});

// The code of every pixel value of every channel, [channel][pixel]: round half to even, then clamp.
std::vector<std::vector<std::int32_t>> pixel_codes(
    const Preprocessing& preprocessing, const workloads::TensorInfo& input,
    workloads::DataFormat format = workloads::DataFormat::int8);

}  // namespace fluence::models
