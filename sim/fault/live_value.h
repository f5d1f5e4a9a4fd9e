// What a resolution says of a struck value that is in use.
#pragma once

#include <cstdint>

#include "sim/fault/resolver.h"

namespace fluence::fault {

// `golden`: the bits that are held without upsets; `mask`: those inverted.
inline void note_live(LayerId layer, std::uint64_t golden, std::uint64_t mask, Resolution& result) {
    result.golden_bits = golden;
    result.faulty_bits = golden ^ mask;
    result.layer = static_cast<std::int32_t>(layer);
    result.dead = DeadReason::none;
}

}  // namespace fluence::fault
