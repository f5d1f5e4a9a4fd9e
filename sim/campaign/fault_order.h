// Which fault ids belong to which stratum, look and image. Closed form: nothing grows with the faults.
#pragma once

#include <cstdint>
#include <vector>

namespace fluence::campaign {

// Ids run look by look, in a look stratum by stratum, in a stratum by the number k of the draw; draw k of a
// stratum strikes image k mod (images of its group). With one stratum of all images, fault i strikes image
// i mod images.
class FaultOrder {
  public:
    struct Place {
        std::int32_t stratum = 0;
        std::int64_t draw = 0;  // k: how many of the stratum come before it
    };

    // All of `images` images in one stratum, one look. Both ≥ 1.
    FaultOrder(std::int64_t images, std::int64_t faults);
    // `groups`: images of each group, ascending, not empty; `group_of`: by stratum; `until[look][stratum]`:
    // draws of a stratum that are in by the end of a look, never fewer than the look before.
    FaultOrder(std::vector<std::vector<std::int32_t>> groups, std::vector<std::int32_t> group_of,
               std::vector<std::vector<std::int64_t>> until);

    std::int64_t images() const { return images_; }
    std::int64_t looks() const { return static_cast<std::int64_t>(first_.size()) - 1; }
    std::int64_t faults() const { return first_.back(); }
    // Ids of a look are first(look) … first(look + 1) − 1.
    std::int64_t first(std::int64_t look) const { return first_[static_cast<std::size_t>(look)]; }
    std::int64_t draws_until(std::int64_t look, std::int32_t stratum) const;

    Place place(std::int64_t id) const;
    std::int32_t image(const Place& place) const;
    // Number of the image in its stratum's group, and which of the stratum's draws on it this is.
    std::int64_t round(const Place& place) const;
    // Faults of a look on an image.
    std::int64_t count(std::int64_t look, std::int64_t image) const;
    // Of these the ids numbered begin … end − 1, ascending.
    std::vector<std::int64_t> ids(std::int64_t look, std::int64_t image, std::int64_t begin,
                                  std::int64_t end) const;
    // Mean number of faults of a look on an image, rounded up, in the group where it is largest.
    std::int64_t typical(std::int64_t look) const;

  private:
    // Draws of a stratum in a look: from, to, and the id of the first.
    struct Block {
        std::int64_t from = 0, to = 0, first = 0;
    };
    Block block(std::int64_t look, std::size_t stratum) const;
    void index_images();
    const std::vector<std::int32_t>& group(std::size_t stratum) const;

    std::int64_t images_ = 0;
    std::vector<std::vector<std::int32_t>> groups_;  // empty: one group of all images
    std::vector<std::int32_t> group_of_;
    std::vector<std::vector<std::int64_t>> until_;
    std::vector<std::int64_t> first_;                     // by look, and the end
    std::vector<std::vector<std::int64_t>> block_first_;  // [look][stratum]
    std::vector<std::int32_t> group_of_image_;            // by image
    std::vector<std::int64_t> number_of_image_;           // in its group
};

}  // namespace fluence::campaign
