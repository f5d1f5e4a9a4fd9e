// What parts that own words of a memory share.
#pragma once

#include <cstdint>

#include "sim/core/json.h"
#include "sim/protect/policy.h"

namespace fluence::protect {

inline constexpr std::int64_t kMaxScrubPeriod = std::int64_t{1} << 30;

// Throws InputError where another part of the policy has the memory's words.
void claim_memory(const JsonObject& object, const Policy& policy, Memory memory);

}  // namespace fluence::protect
