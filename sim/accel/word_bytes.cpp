#include "sim/accel/word_bytes.h"

namespace fluence::accel {

WordBits bits_of(const std::uint8_t* bytes, int count) {
    WordBits word;
    for (int i = 0; i < count; ++i) {
        word[static_cast<std::size_t>(i)] = (bytes[i / 8] >> (i % 8) & 1) != 0;
    }
    return word;
}

void put_bits(const WordBits& word, int count, std::uint8_t* bytes) {
    for (int i = 0; i < count; ++i) {
        const auto bit = static_cast<unsigned>(word[static_cast<std::size_t>(i)]);
        bytes[i / 8] = static_cast<std::uint8_t>(i % 8 == 0 ? bit : bytes[i / 8] | bit << (i % 8));
    }
}

}  // namespace fluence::accel
