// Which output pixels of a layer have all their channels: codes of others wait for them where a filter
// compares channels. Codes have a byte each; a pixel has a place for all of its channels from the first one
// on, in a ring of neighbouring pixels (filter_unit.h).
#pragma once

#include <cstdint>
#include <vector>

#include "workloads/graph.h"

namespace fluence::dataflow {

class WaitingPixels {
  public:
    // Half-open: flat elements of the output, or pixels.
    struct Range {
        std::int64_t first = 0, last = 0;
    };

    // `whole`: pixels are given out when all of them are complete.
    WaitingPixels(const workloads::Shape& shape, bool whole);

    // Takes in elements, each once in all; the pixels that leave, ascending.
    std::vector<Range> produce(const std::vector<Range>& elements);
    // The most bytes that were needed at once, by pixels that leave with a call, too: those from the first
    // pixel that waited to the last one.
    std::int64_t most_bytes() const { return most_pixels_ * shape_.channels; }

  private:
    bool waits(std::int64_t pixel) const { return waits_[static_cast<std::size_t>(pixel)]; }

    workloads::Shape shape_;
    bool whole_;
    std::vector<std::int32_t> missing_;   // channels, by pixel
    std::vector<bool> waits_;             // by pixel: some of its channels are there
    std::vector<std::int64_t> complete_;  // pixels that have not left
    std::int64_t first_, last_ = -1;      // pixel that waits
    std::int64_t most_pixels_ = 0;
};

}  // namespace fluence::dataflow
