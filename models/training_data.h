// Batches of training images: order and augmentation drawn from the seed.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "models/train.h"
#include "workloads/dataset.h"

namespace fluence::models {

// The order of the images in an epoch: depends on (seed, epoch, size) alone.
std::vector<std::int64_t> epoch_order(std::uint64_t seed, std::int64_t epoch, std::int64_t size);

class TrainingBatches {
  public:
    TrainingBatches(const workloads::Dataset& data, const TrainRequest& request);

    std::int64_t per_epoch() const;
    void begin_epoch(std::int64_t epoch);
    struct Batch {
        at::Tensor images;  // fp32, preprocessed: count × channels × height × width
        at::Tensor labels;  // int64
    };
    Batch batch(std::int64_t index) const;

  private:
    void write_image(std::int64_t image, float* target) const;

    const workloads::Dataset& data_;
    const TrainRequest& request_;
    std::vector<float> values_;  // of every pixel value of every channel
    std::int64_t epoch_ = 0;
    std::vector<std::int64_t> order_;
};

}  // namespace fluence::models
