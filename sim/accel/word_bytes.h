// Bits of a word as the bytes that a memory stores: bit i is bit i mod 8 of byte ⌊i/8⌋.
#pragma once

#include <cstdint>

#include "sim/core/memory.h"

namespace fluence::accel {

// The first `count` bits of `bytes`.
WordBits bits_of(const std::uint8_t* bytes, int count);
// Bits 0 … count−1 of the word; the last byte is filled up with zeros.
void put_bits(const WordBits& word, int count, std::uint8_t* bytes);

}  // namespace fluence::accel
