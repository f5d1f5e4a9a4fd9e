// The workload bundle of a graph of words: workload.json and tensors.safetensors as in workloads/bundle.h,
// with words of the number format where that one has codes. workloads/FORMAT.md is the specification.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "workloads/word_graph.h"

namespace fluence::workloads {

struct WordBundle {
    WordGraph graph;
    std::int64_t image_count = 0;
    Words images;                      // image_count × input elements
    std::vector<std::int32_t> labels;  // one an image
    // Golden activations of the first images: golden[image][tensor].
    std::vector<std::vector<Words>> golden;
    double fp32_top1 = 0;  // of the source network on all images of this bundle; −1 where unknown
    nlohmann::json provenance = nlohmann::json::object();

    Words image(std::int64_t index) const;  // throws std::out_of_range
};

// Whether the bundle holds a graph of words; otherwise read_bundle reads it. Throws InputError where there is
// no bundle.
bool has_words(const std::string& directory);

// Throws InputError (file, key, reason) as read_bundle does.
WordBundle read_word_bundle(const std::string& directory);
// Writes into a temporary directory and renames it, so that a bundle is whole or absent.
void write_word_bundle(const WordBundle& bundle, const std::string& directory);

}  // namespace fluence::workloads
