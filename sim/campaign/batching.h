// How the faults of a campaign are cut into batches: the unit of work, of commit and of loss.
#pragma once

#include <cstdint>
#include <vector>

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

// Fault i strikes image i mod images. A batch is either several consecutive images with all their faults,
// or one part of the faults of one image. The cut depends on the two sizes alone.
class Batching {
  public:
    Batching(std::int64_t images, std::int64_t faults);  // both ≥ 1

    std::int64_t count() const { return image_blocks_ * parts_; }
    std::int64_t first_image(std::int64_t batch) const { return batch / parts_ * images_per_batch_; }
    std::int64_t end_image(std::int64_t batch) const;
    // Whether this batch holds the golden rows of its images.
    bool holds_golden(std::int64_t batch) const { return batch % parts_ == 0; }
    // Ids of the faults that the batch lets strike `image`, ascending.
    std::vector<std::int64_t> faults_of(std::int64_t batch, std::int64_t image) const;
    // Number of faults in the batch.
    std::int64_t size(std::int64_t batch) const;

  private:
    std::int64_t faults_at(std::int64_t image) const;

    std::int64_t images_, faults_;
    std::int64_t images_per_batch_ = 1;
    std::int64_t parts_ = 1;  // batches that share one image
    std::int64_t image_blocks_ = 1;
};

}  // namespace fluence::campaign
