// Where GoldenRun::accumulators holds the sums of a layer: [group][output pixel][channel of the group].
#pragma once

#include <cstdint>

namespace fluence::arith {

// Of the pixel's first channel; `pixels` and `channels` are those of a group.
inline std::int64_t golden_sums_at(std::int64_t pixels, std::int64_t channels, std::int64_t group,
                                   std::int64_t pixel) {
    return (group * pixels + pixel) * channels;
}

}  // namespace fluence::arith
