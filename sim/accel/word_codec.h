// Encodes words into stored words (data bytes, then check bits in whole bytes) and back.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "sim/protect/memory_code.h"

namespace fluence::accel {

class WordCodec {
  public:
    WordCodec(const protect::MemoryCode& code, int data_bits);

    int data_bytes() const { return data_bits_ / 8; }
    int stored_bytes() const { return data_bytes() + (check_bits_ + 7) / 8; }
    bool transparent() const { return check_bits_ == 0; }

    struct Verdict {
        bool corrected = false;
        bool detected = false;  // not corrected: the word reads as zero
    };
    void encode(const std::uint8_t* data, std::uint8_t* stored) const;
    Verdict decode(const std::uint8_t* stored, std::uint8_t* data) const;

  private:
    using Check = std::uint32_t;
    Check check_of(const std::uint8_t* data) const;

    const protect::MemoryCode& code_;
    int data_bits_;
    int check_bits_;
    // The code is linear: a word's check bits are the sum of what each of its bytes contributes.
    std::vector<std::array<Check, 256>> contributions_;  // by byte of the word, by its value
};

}  // namespace fluence::accel
