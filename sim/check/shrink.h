// Makes a case on which two answers differ as small and as plain as it gets while they still differ.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "sim/check/comparison.h"

namespace fluence::check {

inline constexpr int kShrinkBudget = 20000;  // cases

struct ShrinkResult {
    Case smallest;
    std::string difference;  // of the smallest case
    int comparisons = 0;     // cases tried
};

// `one` differs under `compare`. Tries fewer upsets, fewer bits, a plainer policy, default conventions, a
// smaller array and a smaller network, until nothing helps or `budget` cases were compared. Where a change
// moves the machine's cycles the upsets are drawn anew on the same kinds of sites. The result depends on the
// arguments alone.
ShrinkResult shrink(const Case& one, const Comparison& compare, int budget = kShrinkBudget,
                    const std::function<bool()>& stop = {});

}  // namespace fluence::check
