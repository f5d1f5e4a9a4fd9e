// Which output pixels of a layer have all their channels: codes of others wait for them where a filter
// compares channels. Codes have a byte each.
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
    // The most bytes that were there at once, those that leave with a call included.
    std::int64_t most_bytes() const { return most_bytes_; }

  private:
    workloads::Shape shape_;
    bool whole_;
    std::vector<std::int32_t> missing_;   // channels, by pixel
    std::vector<std::int64_t> complete_;  // pixels that have not left
    std::int64_t bytes_ = 0, most_bytes_ = 0;
};

}  // namespace fluence::dataflow
