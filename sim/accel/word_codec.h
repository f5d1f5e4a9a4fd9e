// Encodes words into stored words (data bytes, then check bits in whole bytes) and back.
#pragma once

#include <cstdint>

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
    const protect::MemoryCode& code_;
    int data_bits_;
    int check_bits_;
};

}  // namespace fluence::accel
