// One bank of registers of an array with travelling control, as fault sites see it.
#pragma once

#include <cstdint>

#include "traces/upset.h"

namespace fluence::array {

// `bits` low bits of a value as two's complement.
inline std::int32_t sign_extended(std::int32_t value, int bits) {
    const int unused = 32 - bits;
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(value) << unused) >> unused;
}

// Unit u is word ⌊u/cols⌋·stride + u mod cols. Words hold numbers: sign-extended, except control bits and the
// 8-bit codes of unsigned activations.
struct TravellingBank {
    enum class Holds { weights, moving_activations, kept_activations, sums, control };

    traces::SiteKind kind{};
    std::int32_t* words = nullptr;
    std::int64_t units = 0;
    int cols = 1;
    int stride = 1;
    int bits = 0;
    Holds holds = Holds::sums;

    std::int32_t& word(std::int64_t unit) const { return words[unit / cols * stride + unit % cols]; }
    std::uint32_t mask() const { return ~std::uint32_t{0} >> (32 - bits); }
};

}  // namespace fluence::array
