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

Batching::Batching(FaultOrder order) : order_(std::move(order)) {
    first_.push_back(0);
    for (std::int64_t look = 0; look < order_.looks(); ++look) {
        const std::int64_t faults = order_.first(look + 1) - order_.first(look);
        const std::int64_t target = std::clamp(faults / kBatchesWanted, kSmallestTarget, kLargestTarget);
        const std::int64_t per_image = std::max<std::int64_t>(1, order_.typical(look));
        Cut cut;
        if (per_image > target) {
            cut.parts = divide_up(per_image, target);
        } else {
            cut.images_per_batch = std::min(target / per_image, kMostImages);
        }
        cuts_.push_back(cut);
        first_.push_back(first_.back() + divide_up(order_.images(), cut.images_per_batch) * cut.parts);
    }
}

std::pair<std::int64_t, std::int64_t> Batching::within(std::int64_t batch) const {
    const auto look = std::upper_bound(first_.begin(), first_.end(), batch) - first_.begin() - 1;
    return {look, batch - first_[static_cast<std::size_t>(look)]};
}

std::int64_t Batching::first_image(std::int64_t batch) const {
    const auto [look, number] = within(batch);
    const Cut& cut = cuts_[static_cast<std::size_t>(look)];
    return number / cut.parts * cut.images_per_batch;
}

std::int64_t Batching::end_image(std::int64_t batch) const {
    const Cut& cut = cuts_[static_cast<std::size_t>(within(batch).first)];
    return std::min(first_image(batch) + cut.images_per_batch, order_.images());
}

bool Batching::holds_golden(std::int64_t batch) const {
    return batch < first_batch(1) && batch % cuts_[0].parts == 0;
}

std::vector<std::int64_t> Batching::faults_of(std::int64_t batch, std::int64_t image) const {
    const auto [look, number] = within(batch);
    const std::int64_t parts = cuts_[static_cast<std::size_t>(look)].parts;
    const std::int64_t part = number % parts, count = order_.count(look, image);
    return order_.ids(look, image, count * part / parts, count * (part + 1) / parts);
}

std::int64_t Batching::size(std::int64_t batch) const {
    const auto [look, number] = within(batch);
    const std::int64_t parts = cuts_[static_cast<std::size_t>(look)].parts;
    const std::int64_t part = number % parts;
    std::int64_t total = 0;
    for (std::int64_t image = first_image(batch); image < end_image(batch); ++image) {
        const std::int64_t count = order_.count(look, image);
        total += count * (part + 1) / parts - count * part / parts;
    }
    return total;
}

}  // namespace fluence::campaign
