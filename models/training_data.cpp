#include "models/training_data.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>

#include "models/data.h"
#include "sim/core/random.h"

namespace fluence::models {
namespace {

// Draws of an epoch: sample 0 is the order, sample 1 + i the augmentation of image i.
RandomStream stream(std::uint64_t seed, std::int64_t epoch, std::int64_t sample) {
    constexpr int kImageBits = 32;
    return {seed, RandomPurpose::training,
            static_cast<std::uint64_t>(epoch) << kImageBits | static_cast<std::uint64_t>(sample)};
}

}  // namespace

std::vector<std::int64_t> epoch_order(std::uint64_t seed, std::int64_t epoch, std::int64_t size) {
    std::vector<std::int64_t> order(static_cast<std::size_t>(size));
    std::iota(order.begin(), order.end(), 0);
    RandomStream random = stream(seed, epoch, 0);
    for (std::size_t i = order.size(); i > 1; --i) {  // Fisher and Yates
        std::swap(order[i - 1], order[random.below(i)]);
    }
    return order;
}

TrainingBatches::TrainingBatches(const workloads::Dataset& data, const TrainRequest& request)
    : data_(data), request_(request) {
    const Preprocessing p = complete(request.preprocessing, data.shape.channels);
    for (std::size_t c = 0; c < p.mean.size(); ++c) {
        for (int pixel = 0; pixel < 256; ++pixel) {
            values_.push_back(static_cast<float>((pixel / p.divisor - p.mean[c]) / p.deviation[c]));
        }
    }
}

std::int64_t TrainingBatches::per_epoch() const {
    return (data_.size() + request_.batch - 1) / request_.batch;
}

void TrainingBatches::begin_epoch(std::int64_t epoch) {
    epoch_ = epoch;
    order_ = epoch_order(request_.seed, epoch, data_.size());
}

void TrainingBatches::write_image(std::int64_t image, float* target) const {
    RandomStream random = stream(request_.seed, epoch_, 1 + image);
    const auto draw = [&] {
        return request_.shift == 0 ? 0
                                   : static_cast<std::int64_t>(
                                         random.below(static_cast<std::uint64_t>(2 * request_.shift + 1))) -
                                         request_.shift;
    };
    const std::int64_t down = draw();
    const std::int64_t right = draw();
    const bool mirrored = request_.flip && random.below(2) == 1;
    const auto& shape = data_.shape;
    const std::uint8_t* pixels = data_.image(image);
    for (int c = 0; c < shape.channels; ++c) {
        const float* value = values_.data() + c * 256;
        for (int y = 0; y < shape.height; ++y) {
            for (int x = 0; x < shape.width; ++x) {
                const std::int64_t from_y = y - down;
                const std::int64_t shown_x = x - right;
                const std::int64_t from_x = mirrored ? shape.width - 1 - shown_x : shown_x;
                const bool inside =
                    from_y >= 0 && from_y < shape.height && from_x >= 0 && from_x < shape.width;
                *target++ = value[inside ? pixels[(c * shape.height + from_y) * shape.width + from_x] : 0];
            }
        }
    }
}

TrainingBatches::Batch TrainingBatches::batch(std::int64_t index) const {
    const std::int64_t first = index * request_.batch;
    const std::int64_t count = std::min(request_.batch, data_.size() - first);
    const auto& shape = data_.shape;
    Batch result{at::empty({count, shape.channels, shape.height, shape.width}, at::kFloat),
                 at::empty({count}, at::kLong)};
    for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t image = order_[static_cast<std::size_t>(first + i)];
        write_image(image, result.images.data_ptr<float>() + i * shape.elements());
        result.labels.data_ptr<std::int64_t>()[i] = data_.labels[static_cast<std::size_t>(image)];
    }
    return result;
}

}  // namespace fluence::models
