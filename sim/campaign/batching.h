// How the faults of a campaign are cut into batches: the unit of work, of commit and of loss.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "sim/campaign/fault_order.h"

namespace fluence::campaign {

// One part of a campaign that is computed apart, on a machine that shares nothing with the others: batch b
// belongs to shard b mod count, so that every shard has batches of all images.
struct Shard {
    std::int64_t index = 0, count = 1;  // index from 0; people and file names count from 1

    bool whole() const { return count == 1; }
    bool holds(std::int64_t batch) const { return batch % count == index; }
    // How many of a campaign's batches belong to it.
    std::int64_t size(std::int64_t batches) const { return (batches - index + count - 1) / count; }
};

// A batch is either several consecutive images with all their faults of one look, or one part of the faults
// of one image; batches come look by look. The cut depends on the order of faults alone.
class Batching {
  public:
    Batching(std::int64_t images, std::int64_t faults) : Batching(FaultOrder(images, faults)) {}
    explicit Batching(FaultOrder order);

    std::int64_t count() const { return first_batch(order_.looks()); }
    std::int64_t first_image(std::int64_t batch) const;
    std::int64_t end_image(std::int64_t batch) const;
    // Whether this batch holds the golden rows of its images.
    bool holds_golden(std::int64_t batch) const;
    // Ids of the faults that the batch lets strike `image`, ascending.
    std::vector<std::int64_t> faults_of(std::int64_t batch, std::int64_t image) const;
    // Number of faults in the batch.
    std::int64_t size(std::int64_t batch) const;

    const FaultOrder& order() const { return order_; }
    // Batches of a look are first_batch(look) … first_batch(look + 1) − 1.
    std::int64_t first_batch(std::int64_t look) const { return first_[static_cast<std::size_t>(look)]; }

  private:
    struct Cut {
        std::int64_t images_per_batch = 1;
        std::int64_t parts = 1;  // batches that share one image
    };
    // The look of a batch, and its number there.
    std::pair<std::int64_t, std::int64_t> within(std::int64_t batch) const;

    FaultOrder order_;
    std::vector<Cut> cuts_;            // by look
    std::vector<std::int64_t> first_;  // by look, and the end
};

}  // namespace fluence::campaign
