// From a trained network to a workload bundle: TorchScript and ONNX import, batch-norm folding, calibration,
// quantisation, golden activations. The only header of models/ that programs need; free of Torch.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "sim/core/json.h"
#include "workloads/bundle.h"
#include "workloads/image_geometry.h"
#include "workloads/number_formats.h"

namespace fluence::models {

// value = (pixel / divisor − mean[channel]) / deviation[channel]
struct Preprocessing {
    double divisor = 255;
    std::vector<double> mean, deviation;  // one a channel; empty: 0 and 1
    workloads::ImageGeometry geometry;    // before that
};

struct ImportRequest {
    std::string model;  // TorchScript file (.pt), ONNX file (.onnx), or the name of a network of the registry
    std::string weights;  // registry network only: safetensors file of weights
    // Registry network only, instead of weights: the seed of random ones that keep activations in range.
    std::optional<std::uint64_t> random_weights;
    // workloads::dataset_formats(); empty, with random weights only: synthetic images of the size the network
    // was made for, whose labels are what the network says in fp32.
    std::string dataset;
    std::string location;  // folder of the data set
    Preprocessing preprocessing;
    workloads::DataFormat format = workloads::DataFormat::int8;
    // Without training: biases corrected (quantise.h); for fxp8 also channels equalised (equalise.h), weights
    // and activations scaled for the least squared error (quantise.h, narrow_ranges.h).
    bool refine = false;
    bool channel_scales = false;  // fxp8: weights have a power of two a channel instead of one a layer
    std::int64_t images = 0;      // the first test images, in the bundle; 0: all
    std::int64_t calibration_images = 1000;  // the first of the training split
    std::int64_t golden_images = 2;          // images whose golden activations are stored
    std::int64_t evaluate = 0;  // test images that accuracy is measured on, at least the bundle's; -1: all
    int threads = 1;            // more are faster; rounding of fp32 sums, and so scales, may then differ
};

// Keys: model, weights, random_weights, dataset, location, preprocessing {divisor, mean, deviation, resize,
// antialias, crop, rotate}, format, weight_scales (layer, channel), refine, images, calibration_images,
// golden_images, evaluate, threads. Relative paths are resolved against `base`.
ImportRequest parse_import_request(JsonObject object, const std::string& base);

// Counts of correct top-1 answers.
struct Accuracy {
    std::int64_t images = 0;
    std::int64_t fp32_correct = 0;
    std::int64_t quantised_correct = 0;  // in the requested format, by the exporter's own arithmetic
};

struct ImportReport : Accuracy {      // on the images of the bundle
    Accuracy evaluated;               // on all images that were evaluated
    std::vector<std::string> folded;  // one line an operator that was folded or dropped
};

// Called now and then inside a long step: its name, how many images of how many are done.
using ImportProgress = std::function<void(const std::string& step, std::int64_t done, std::int64_t total)>;

// `log` gets one line a step. Throws InputError for files that cannot be used and for operators that are
// not supported (its name, where it is, what to do).
workloads::Bundle import_model(const ImportRequest& request, ImportReport& report,
                               const std::function<void(const std::string&)>& log,
                               const ImportProgress& progress = {});

}  // namespace fluence::models
