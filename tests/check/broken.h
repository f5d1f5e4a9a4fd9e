// Comparisons that are broken on purpose.
#pragma once

#include <functional>

#include "sim/check/comparison.h"

namespace fluence::test {

// Differs on the lists for which `broken` holds; nothing is compared.
inline check::Comparison broken_comparison(
    std::function<bool(const check::Setup& setup, const check::UpsetList& upsets)> broken) {
    return [broken](const check::Setup& setup, const check::TileLevelRun&,
                    const std::vector<check::UpsetList>& lists) {
        std::vector<check::Verdict> verdicts(lists.size());
        for (std::size_t i = 0; i < lists.size(); ++i) {
            verdicts[i].difference = broken(setup, lists[i]) ? "broken: on purpose" : "";
        }
        return verdicts;
    };
}

}  // namespace fluence::test
