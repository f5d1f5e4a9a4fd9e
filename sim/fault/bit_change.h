// What becomes of some bits between the fault-free run and the struck one: cleared, inverted, or both.
#pragma once

#include <cstdint>

#include "sim/core/memory.h"

namespace fluence::fault {

inline std::uint32_t low_32(const WordBits& bits) {
    return static_cast<std::uint32_t>((bits & WordBits(0xFFFFFFFFu)).to_ullong());
}

inline std::uint64_t low_64(const WordBits& bits) {
    return (bits & WordBits(~std::uint64_t{0})).to_ullong();
}

struct BitChange {
    std::uint32_t keep = ~std::uint32_t{0};  // the others are cleared
    std::uint32_t flip = 0;                  // and then these inverted

    std::uint32_t apply(std::uint32_t bits) const { return (bits & keep) ^ flip; }
    bool none() const { return keep == ~std::uint32_t{0} && flip == 0; }
    // This change and then another one.
    BitChange then(const BitChange& later) const {
        return {keep & later.keep, (flip & later.keep) ^ later.flip};
    }
};

}  // namespace fluence::fault
