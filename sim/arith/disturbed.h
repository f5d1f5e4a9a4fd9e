// Outputs that a fault disturbs (DisturbedOutput), in the order of their indices.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "sim/arith/fault_effect.h"
#include "workloads/graph.h"

namespace fluence::arith {

inline std::int32_t disturbed_code(workloads::NumberFormat format, std::int32_t code,
                                   const DisturbedOutput& disturbed) {
    const std::int64_t moved = (disturbed.zeroed ? 0 : std::int64_t{code}) + disturbed.shift;
    return static_cast<std::int32_t>(
        std::clamp<std::int64_t>(moved, workloads::min_code(format), workloads::max_code(format)));
}

using DisturbedRange =
    std::pair<std::vector<DisturbedOutput>::const_iterator, std::vector<DisturbedOutput>::const_iterator>;

// Those with an index in [first, last).
inline DisturbedRange disturbed_in(const std::vector<DisturbedOutput>& disturbed, std::int64_t first,
                                   std::int64_t last) {
    const auto in_front = [](const DisturbedOutput& one, std::int64_t index) { return one.index < index; };
    const auto begin = std::lower_bound(disturbed.begin(), disturbed.end(), first, in_front);
    return {begin, std::lower_bound(begin, disturbed.end(), last, in_front)};
}

}  // namespace fluence::arith
