// What the reader and the writer of bundles share: the names of files and tensors, and workload.json's
// description of the graph. FORMAT.md is the specification.
#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "sim/core/json.h"
#include "workloads/bundle.h"
#include "workloads/safetensors.h"

namespace fluence::workloads {

inline constexpr const char* kDescriptionFile = "workload.json";
inline constexpr const char* kTensorFile = "tensors.safetensors";
inline constexpr const char* kImagesTensor = "images";
inline constexpr const char* kCalibrationTensor = "calibration";
inline constexpr const char* kFormatName = "fluence-workload";
inline constexpr int kFormatVersion = 1;
inline constexpr const char* kOperandsKey = "operands";  // bundles of words alone

inline constexpr std::int64_t kMaxImages = 100'000'000;

std::string layer_tensor(std::size_t layer, const std::string& what);           // layers.3.weight
std::string golden_tensor(std::size_t image, const std::string& tensor);        // golden.0.conv1
std::string profile_tensor(const std::string& tensor, const std::string& end);  // profile.conv1.lo

Extents extents_of(const Shape& shape);
Extents images_extents(const Graph& graph, std::int64_t count);
Extents weight_extents(const Graph& graph, const Layer& layer);
std::string hex32(std::uint32_t value);  // 8 digits

nlohmann::json graph_json(const Graph& graph);
// Everything but weights, biases, multipliers and shifts; checked as far as one line of the file goes, the
// whole by validate().
Graph parse_graph(JsonObject object);

// Only a bundle or an empty folder is replaced: never a folder with anything else in it.
void check_replaceable(const std::string& directory);

// The tensor file is the one that the description was written with: its size and CRC-32.
void check_identity(JsonObject object, SafetensorsFile& file, const std::string& path);

// The tensors of a file that a reader asked for.
class KnownTensors {
  public:
    void add(const std::string& name) { names_.insert(name); }
    // Throws InputError for a tensor that is there and nobody asked for.
    void check_all(const SafetensorsFile& file, const std::string& path) const;

  private:
    std::set<std::string> names_;
};

// What bundles of codes and of words have in common: labels within the classes, no more golden activations
// than images, the accuracy, the provenance.
struct BundleFrame {
    const Graph& graph;
    std::int64_t image_count, golden_images;
    const std::vector<std::int32_t>& labels;
    double fp32_top1;
    const nlohmann::json& provenance;
};
void check_frame(const BundleFrame& frame, const std::string& file);

// What validate() does for the graph, for the rest of a bundle: sizes, labels, golden codes, profiles.
void check_bundle(const Bundle& bundle, const std::string& file);

}  // namespace fluence::workloads
