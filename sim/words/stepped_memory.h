// Bytes of the register-true machine of words that no code protects, in words, little endian.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/core/wide_bits.h"

namespace fluence::words {

class SteppedMemory {
  public:
    SteppedMemory(std::int64_t words, int word_bytes);

    std::int64_t words() const { return static_cast<std::int64_t>(bytes_.size()) / word_bytes_; }
    int word_bytes() const { return static_cast<int>(word_bytes_); }
    // A value of `count` bytes, at most 16, from byte address `first` on.
    WideBits read(std::int64_t first, int count) const;
    void write(std::int64_t first, int count, WideBits value);
    WideBits word(std::int64_t index) const { return read(index * word_bytes_, word_bytes()); }
    void write_word(std::int64_t index, WideBits data) { write(index * word_bytes_, word_bytes(), data); }

  private:
    std::int64_t word_bytes_;
    std::vector<std::uint8_t> bytes_;
};

}  // namespace fluence::words
