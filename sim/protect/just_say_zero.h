// Just Say Zero (Ozen & Orailoglu): a code that disagrees with its correlated neighbours becomes zero,
// always. The neighbours are the two channels beside it, circular, at the same pixel. A predicate gives each
// code a score of its disagreement; a code is zeroed where the score is above the largest one that its
// channel showed on the calibration images. Scores are those of the codes as they came, whatever is zeroed
// beside.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "sim/arith/pixel_filter.h"
#include "sim/protect/layer_filters.h"
#include "workloads/graph.h"

namespace fluence::protect {

struct ZeroPredicate {
    const char* name;
    const char* summary;
    std::int32_t (*score)(std::int32_t before, std::int32_t code, std::int32_t behind);
};
// peak: |y| above the larger of its neighbours' magnitudes; isolated: |y| where both neighbours are 0.
const std::vector<ZeroPredicate>& zero_predicates();
const ZeroPredicate& zero_predicate(const std::string& name);  // throws std::out_of_range

// Widens `limits` (hi alone, one a channel; at least 0) by the scores of one image's output.
void widen_scores(const ZeroPredicate& predicate, const workloads::Shape& shape,
                  const workloads::Codes& output, Limits& limits);

// At least three channels. Its threshold: the largest score, saturated to 8 bits without a sign; there is no
// comparison 0.
std::shared_ptr<const arith::PixelFilter> just_say_zero_filter(const ZeroPredicate& predicate, Limits limits);

}  // namespace fluence::protect
