// What reader and writer of bundles of words share.
#pragma once

#include "workloads/safetensors.h"
#include "workloads/word_bundle.h"

namespace fluence::workloads {

Dtype dtype_of(WordFormat format);
// Biases of bf16 are fp32 words.
Dtype bias_dtype_of(WordFormat format);

nlohmann::json word_graph_json(const WordGraph& graph);
// Everything but weights and biases.
WordGraph parse_word_graph(const nlohmann::json& value, WordFormat format, const std::string& file);

// Sizes of images, labels and golden activations.
void check_word_bundle(const WordBundle& bundle, const std::string& file);

}  // namespace fluence::workloads
