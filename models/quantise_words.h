// Post-training quantisation into graphs of words: fxp16, fxp32, bf16, fp32.
#pragma once

#include <string>
#include <vector>

#include "models/quantise.h"
#include "workloads/word_graph.h"

namespace fluence::models {

// `graph`: folded. Fixed point: every tensor, every layer's weights and every layer's biases have the least
// power of two that holds them (biases: at least the unit of the sum); floats have scale 1. Throws InputError
// (`source`) for weights that are not finite and for scales that are too far apart.
workloads::WordGraph quantise_words(const FloatGraph& graph, const std::vector<Range>& ranges,
                                    workloads::WordFormat format, const std::string& source);

// The word of every pixel value of every channel, [channel][pixel].
std::vector<workloads::Words> pixel_words(const Preprocessing& preprocessing,
                                          const workloads::WordGraph& graph);

}  // namespace fluence::models
