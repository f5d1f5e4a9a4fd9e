// Filters of whole pixels (docs/policies/suppressors.md) in space and time: where finished codes wait for
// their pixel, and when the filter compares them.
//
// Buffer. A byte a code. For a layer of C channels a buffer of B bytes is C planes of S = ⌊B/C⌋ bytes, and
// pixel p has byte p mod S of each plane. A code is written at the edge at which it leaves the pipeline's
// last stage, behind range restriction. It leaves the buffer at the edge at which the last code of the pass
// that completes its pixel does (a gated filter: of the pass that completes the layer); the filter, or the
// store of its word, goes on with what is there then.
//
// Filter that always acts. Behind a pass that completes P pixels it begins at edge s = pass.end − F(P, C)
// (protect::filter_cycles()). The pixels, ascending, go through it `lanes` at a time, pixel i in lane
// i mod lanes; group g = ⌊i/lanes⌋ reads C + 2 codes a lane, one a cycle, from cycle s + g·(C + 2) on, and
// makes comparison q (arith::PixelFilter) in cycle s + g·(C + 2) + 2 + q: a comparison needs the codes that
// were read in the two cycles before it.
//
// Thresholds. A lane has one register. At the edge that begins the cycle of a comparison it takes the
// thresholds of the channel that is compared, where they are another key's (protect::threshold_key()) or
// another layer's than those it has, and keeps them otherwise. A gated filter works while the clock stands:
// its thresholds are loaded and compared between two edges.
#pragma once

#include <cstdint>

#include "traces/timeline.h"

namespace fluence::dataflow {

inline constexpr int kFilteredCodeBits = 8;

// Of a layer with so many channels.
class FilterBuffer {
  public:
    FilterBuffer(std::int64_t bytes, std::int32_t channels) : channels_(channels), slots_(bytes / channels) {}

    std::int64_t slots() const { return slots_; }
    std::int64_t byte_of(std::int64_t channel, std::int64_t pixel) const {
        return channel * slots_ + pixel % slots_;
    }
    // Whether the byte belongs to a plane, which one, and the first pixel that has it; every S-th one does.
    bool used(std::int64_t byte) const { return byte < channels_ * slots_; }
    std::int64_t channel(std::int64_t byte) const { return byte / slots_; }
    std::int64_t first_pixel(std::int64_t byte) const { return byte % slots_; }

  private:
    std::int64_t channels_, slots_;
};

class FilterTiming {
  public:
    FilterTiming(int lanes, std::int32_t channels) : lanes_(lanes), reads_(std::int64_t{channels} + 2) {}

    int lanes() const { return lanes_; }
    // Of the filter's begin, for pixel `index` of those that it takes together.
    traces::Cycle comparison(traces::Cycle begin, std::int64_t index, std::int32_t comparison) const {
        return begin + index / lanes_ * reads_ + 2 + comparison;
    }

  private:
    int lanes_;
    std::int64_t reads_;
};

// The channel of a comparison.
constexpr std::int32_t compared_channel(std::int32_t comparison, std::int32_t channels) {
    return comparison == 0 ? channels - 1 : comparison - 1;
}

}  // namespace fluence::dataflow
