// Training of the registry's networks. Free of Torch.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "models/import.h"
#include "sim/core/json.h"

namespace fluence::models {

// A training run is determined by this, to the last bit on one machine: the order of the images, their
// augmentation and the first weights come from the seed alone.
struct TrainRequest {
    std::string network;  // a row of the registry
    std::string weights;  // to start from (safetensors, .pth); empty: as drawn from the seed
    // Quantisation-aware fine-tuning of these weights for a format (quantised_network.h). They stay real
    // numbers; accuracy is shown as the format gives it.
    std::optional<workloads::DataFormat> format;
    bool channel_scales = false;  // fxp8: weights have a power of two a channel instead of one a layer
    std::string dataset;          // workloads::dataset_formats()
    std::string location;         // folder of the data set
    Preprocessing preprocessing;
    std::int64_t images = 0;  // of the training split; 0: all
    std::int64_t validation_images =
        0;  // of the test split; 0: all. They choose nothing, they are only shown.
    std::int64_t epochs = 20;
    std::int64_t batch = 128;
    double learning_rate = 0.05;
    std::string schedule = "cosine";  // cosine: a half wave down to 0, a batch a step; step: constant pieces
    std::int64_t step_epochs = 10;    // step: after so many epochs …
    double step_factor = 0.1;         // … the rate is multiplied by this
    std::string optimizer = "sgd";    // sgd, adam
    double momentum = 0.9;            // sgd
    double weight_decay = 5e-4;
    std::int64_t shift = 0;  // augmentation: up to so many pixels in each direction, zeros move in
    bool flip = false;       // augmentation: left and right exchanged in half of the images
    std::uint64_t seed = 1;
    int threads = 1;
    std::string device = "cpu";  // cpu, cuda, auto (cuda where there is one)

    std::string output;      // weights, safetensors
    std::string checkpoint;  // written at the start, after every epoch and when stopped; empty: none
    bool resume = false;     // from the checkpoint
};

// Keys: those of TrainRequest but output, checkpoint and resume, in `schedule` {name, step_epochs,
// step_factor}, `optimizer` {name, momentum, weight_decay} and `augment` {shift, flip}. A recipe
// (configs/training) has any part of them.
TrainRequest parse_train_request(JsonObject object, const std::string& base);
// With all defaults filled in; parse_train_request reads it back.
nlohmann::json to_json(const TrainRequest& request);

// Of the step behind `batches` batches of a run of `per_epoch` batches an epoch.
double learning_rate_at(const TrainRequest& request, std::int64_t batches, std::int64_t per_epoch);

struct EpochResult {
    std::int64_t epoch = 0;  // done, counted from 1
    double loss = 0;         // mean over the training images, while they were learnt
    std::int64_t validation_images = 0;
    std::int64_t validation_correct = 0;
};

struct TrainObserver {
    // Images of this epoch that are done.
    std::function<void(std::int64_t epoch, std::int64_t done, std::int64_t total)> progress;
    std::function<void(const EpochResult&)> epoch_done;
    std::function<bool()> stop;  // asked after every batch: true saves a checkpoint and ends
};

// Returns whether the run came to its end; the weights are then in `output`. Throws InputError for requests
// and files that cannot be used, for a checkpoint of another run, and where the loss is no longer finite.
bool train(const TrainRequest& request, const TrainObserver& observer);

}  // namespace fluence::models
