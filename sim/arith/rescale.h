// workloads::rescale() with the rounding term at hand, so that nothing branches on the shift.
#pragma once

#include <cstdint>

namespace fluence::arith {

struct Rescale {
    std::uint64_t rounding = 0;  // 2^(s−1), or 0 for s = 0
    std::int32_t multiplier = 1;
    std::uint32_t shift = 0;  // s: 6 bits

    Rescale(std::int32_t multiplier_code, std::uint8_t shift_code)
        : rounding((std::uint64_t{1} << (shift_code & 63u)) >> 1),
          multiplier(multiplier_code),
          shift(shift_code & 63u) {}

    std::int64_t operator()(std::int64_t acc) const {
        const std::uint64_t product =
            static_cast<std::uint64_t>(acc) * static_cast<std::uint64_t>(std::int64_t{multiplier});
        return static_cast<std::int64_t>(product + rounding) >> shift;
    }
};

}  // namespace fluence::arith
