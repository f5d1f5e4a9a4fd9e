#include "sim/campaign/batching.h"

#include <algorithm>

namespace fluence::campaign {
namespace {

// Large enough that a commit costs little beside a batch, small enough that a kill loses little and that
// many workers have work until the end.
constexpr std::int64_t kSmallestTarget = 16, kLargestTarget = 400;
constexpr std::int64_t kBatchesWanted = 128;
constexpr std::int64_t kMostImages = 64;

std::int64_t divide_up(std::int64_t value, std::int64_t by) {
    return (value + by - 1) / by;
}

}  // namespace

Batching::Batching(std::int64_t images, std::int64_t faults) : images_(images), faults_(faults) {
    const std::int64_t target = std::clamp(faults / kBatchesWanted, kSmallestTarget, kLargestTarget);
    const std::int64_t per_image = divide_up(faults, images);
    if (per_image > target) {
        parts_ = divide_up(per_image, target);
    } else {
        images_per_batch_ = std::min(target / per_image, kMostImages);
    }
    image_blocks_ = divide_up(images, images_per_batch_);
}

std::int64_t Batching::end_image(std::int64_t batch) const {
    return std::min(first_image(batch) + images_per_batch_, images_);
}

std::int64_t Batching::faults_at(std::int64_t image) const {
    return image < faults_ ? (faults_ - image - 1) / images_ + 1 : 0;
}

std::vector<std::int64_t> Batching::faults_of(std::int64_t batch, std::int64_t image) const {
    const std::int64_t part = batch % parts_;
    const std::int64_t count = faults_at(image);
    std::vector<std::int64_t> ids;
    for (std::int64_t k = count * part / parts_; k < count * (part + 1) / parts_; ++k) {
        ids.push_back(image + k * images_);
    }
    return ids;
}

std::int64_t Batching::size(std::int64_t batch) const {
    std::int64_t total = 0;
    const std::int64_t part = batch % parts_;
    for (std::int64_t image = first_image(batch); image < end_image(batch); ++image) {
        const std::int64_t count = faults_at(image);
        total += count * (part + 1) / parts_ - count * part / parts_;
    }
    return total;
}

}  // namespace fluence::campaign
