// From a trained network to a workload bundle: TorchScript import, batch-norm folding, calibration, int8
// quantisation, golden activations. The only header of models/ that programs need; free of Torch.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sim/core/json.h"
#include "workloads/bundle.h"

namespace fluence::models {

// value = (pixel / divisor − mean[channel]) / deviation[channel]
struct Preprocessing {
    double divisor = 255;
    std::vector<double> mean, deviation;  // one a channel; empty: 0 and 1
};

struct ImportRequest {
    std::string model;         // TorchScript file (.pt), or the name of a network of the registry
    std::string weights;       // registry network only: safetensors file of weights
    std::string dataset;       // workloads::dataset_formats()
    std::string location;      // folder of the data set
    Preprocessing preprocessing;
    std::int64_t images = 0;              // test images in the bundle; 0: all
    std::int64_t calibration_images = 0;  // from the training split
    std::int64_t golden_images = 2;       // images whose golden activations are stored
};

// Keys: model, weights, dataset, location, preprocessing {divisor, mean, deviation}, images,
// calibration_images, golden_images. Relative paths are resolved against `base`.
ImportRequest parse_import_request(JsonObject object, const std::string& base);

struct ImportReport {
    std::vector<std::string> folded;  // one line an operator that was folded or dropped
    std::int64_t images = 0;
    std::int64_t fp32_correct = 0;
    std::int64_t int8_correct = 0;  // by the exporter's own integer arithmetic
};

// `log` gets one line a step. Throws InputError for files that cannot be used and for operators that are
// not supported (its name, where it is, what to do).
workloads::Bundle import_model(const ImportRequest& request, ImportReport& report,
                               const std::function<void(const std::string&)>& log);

}  // namespace fluence::models
