// A memory of the register-true machine of words: real bytes in words, little endian.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/core/memory.h"
#include "sim/core/wide_bits.h"

namespace fluence::words {

class SteppedMemory {
  public:
    SteppedMemory(std::int64_t words, int word_bytes);

    int word_bytes() const { return static_cast<int>(word_bytes_); }
    std::uint8_t* word(std::int64_t index) { return bytes_.data() + index * word_bytes_; }
    // A value of `count` bytes, at most 16, from byte address `first` on.
    WideBits read(std::int64_t first, int count) const;
    void write(std::int64_t first, int count, WideBits value);
    // Inverts bits of a word. Throws std::out_of_range for words and bits that it does not have.
    void flip(std::int64_t word, const WordBits& bits);

  private:
    std::int64_t word_bytes_;
    std::vector<std::uint8_t> bytes_;
};

}  // namespace fluence::words
