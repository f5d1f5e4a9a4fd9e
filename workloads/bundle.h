// The workload bundle: a directory with workload.json (graph, formats, scales, provenance) and
// tensors.safetensors (weights, images, golden activations). workloads/FORMAT.md is the specification.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "workloads/graph.h"

namespace fluence::workloads {

// Smallest and largest code of each channel of a tensor over the calibration images.
struct ChannelProfile {
    std::vector<std::int32_t> lo, hi;  // one a channel; empty when the tensor was not profiled
};

struct Bundle {
    Graph graph;
    std::int64_t image_count = 0;
    std::vector<std::uint8_t> images;     // image_count × input elements: the stored byte of each code
    std::vector<std::int32_t> labels;     // one an image
    std::vector<ChannelProfile> profile;  // one a tensor, from the calibration split
    // Images of the calibration split, as `images`; none in bundles of older exporters. The thresholds of
    // policies come from them and never from `images`.
    std::int64_t calibration_count = 0;
    std::vector<std::uint8_t> calibration;
    // Golden activations of the first golden_count images: golden[image][tensor].
    std::vector<std::vector<Codes>> golden;
    double fp32_top1 = 0;  // of the source network on all images of this bundle; −1 where unknown
    nlohmann::json provenance = nlohmann::json::object();  // source file, data, calibration, folded layers …

    // The codes of one image. Throws std::out_of_range.
    Codes image(std::int64_t index) const;
    Codes calibration_image(std::int64_t index) const;
};

// Throws InputError (file, key, reason) on a wrong size, type, shape, offset, checksum or unknown key.
Bundle read_bundle(const std::string& directory);
// Writes into a temporary directory and renames it, so that a bundle is whole or absent.
void write_bundle(const Bundle& bundle, const std::string& directory);

}  // namespace fluence::workloads
