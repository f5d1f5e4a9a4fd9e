// Raw bits of registers and accumulators that may be wider than 64 bits: bit i is bit i of the number, those
// above the register's width are 0.
#pragma once

#include <cstdint>

#include "sim/core/memory.h"

namespace fluence {

__extension__ using WideBits = unsigned __int128;
__extension__ using WideInteger = __int128;

// The low `count` bits, 0 … 128 of them.
constexpr WideBits low_wide_bits(int count) {
    return count == 0 ? WideBits{0} : ~WideBits{0} >> (128 - count);
}

// Two's complement of `bits` bits, 1 … 128.
constexpr WideInteger wide_integer(WideBits raw, int bits) {
    return static_cast<WideInteger>(raw << (128 - bits)) >> (128 - bits);
}

// The low 128 bits of a word's.
inline WideBits wide_bits(const WordBits& bits) {
    const WordBits low(~std::uint64_t{0});
    return static_cast<WideBits>((bits >> 64 & low).to_ullong()) << 64 | (bits & low).to_ullong();
}

}  // namespace fluence
