// Area of the unit at the inference end (rerun.h): the answers that are kept, what compares them, the softmax
// confidence.
#pragma once

#include "sim/cost/area_tree.h"
#include "sim/protect/policy.h"

namespace fluence::protect {

// Logits of 32 bits that an answer is kept in (choice): classes times images of a batch.
inline constexpr std::int64_t kKeptLogits = 1024;

// Of no area where the policy has nothing there.
cost::AreaNode inference_end_area(const Policy& policy);
// What finds the confidence, without its table; works once a logit and pass.
GateEquivalents confidence_logic();
// Bits and entries of the table of exponentials: 2^x for the fraction of x.
inline constexpr int kExponentBits = 16;
inline constexpr std::int64_t kExponentWords = 256;

}  // namespace fluence::protect
