// Words with check bits, for the stepper.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/core/memory.h"
#include "sim/protect/memory_code.h"

namespace fluence::test {

class WordMemory {
  public:
    WordMemory(const protect::MemoryCode& code, int data_bits, std::int64_t words)
        : code_(code),
          data_bits_(data_bits),
          words_(static_cast<std::size_t>(words), code.encode({}, data_bits)) {}

    void write(std::int64_t word, const WordBits& data) { at(word) = code_.encode(data, data_bits_); }

    // Decodes; a word with an error that is detected and not corrected reads as zero.
    WordBits read(std::int64_t word) {
        const protect::DecodedWord decoded = code_.decode(at(word), data_bits_);
        corrected |= decoded.corrected;
        detected |= decoded.detected;
        return decoded.detected ? WordBits{} : decoded.data;
    }

    WordBits& at(std::int64_t word) { return words_.at(static_cast<std::size_t>(word)); }

    bool corrected = false, detected = false;

  private:
    const protect::MemoryCode& code_;
    int data_bits_;
    std::vector<WordBits> words_;
};

inline std::uint32_t get_bits(const WordBits& word, int bit, int width) {
    std::uint32_t value = 0;
    for (int i = 0; i < width; ++i) {
        value |= std::uint32_t{word[static_cast<std::size_t>(bit + i)]} << i;
    }
    return value;
}

inline void set_bits(WordBits& word, int bit, int width, std::uint32_t value) {
    for (int i = 0; i < width; ++i) {
        word[static_cast<std::size_t>(bit + i)] = (value >> i & 1u) != 0;
    }
}

}  // namespace fluence::test
