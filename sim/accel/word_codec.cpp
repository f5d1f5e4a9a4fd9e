#include "sim/accel/word_codec.h"

#include <algorithm>
#include <cstring>

namespace fluence::accel {
namespace {

WordBits bits_of(const std::uint8_t* bytes, int bits) {
    WordBits word;
    for (int i = 0; i < bits; ++i) {
        word[static_cast<std::size_t>(i)] = (bytes[i / 8] >> (i % 8) & 1) != 0;
    }
    return word;
}

// Bits first … first+count−1 of the word as bytes.
void put_bits(const WordBits& word, int first, int count, std::uint8_t* bytes) {
    for (int i = 0; i < count; ++i) {
        const auto bit = static_cast<unsigned>(word[static_cast<std::size_t>(first + i)]);
        bytes[i / 8] = static_cast<std::uint8_t>(i % 8 == 0 ? bit : bytes[i / 8] | bit << (i % 8));
    }
}

}  // namespace

WordCodec::WordCodec(const protect::MemoryCode& code, int data_bits)
    : code_(code), data_bits_(data_bits), check_bits_(code.check_bits(data_bits)) {}

void WordCodec::encode(const std::uint8_t* data, std::uint8_t* stored) const {
    std::memcpy(stored, data, static_cast<std::size_t>(data_bytes()));
    if (!transparent()) {
        put_bits(code_.encode(bits_of(data, data_bits_), data_bits_), data_bits_, check_bits_,
                 stored + data_bytes());
    }
}

WordCodec::Verdict WordCodec::decode(const std::uint8_t* stored, std::uint8_t* data) const {
    std::memcpy(data, stored, static_cast<std::size_t>(data_bytes()));
    if (transparent()) {
        return {};
    }
    // The stored check bits against those of the stored data: this difference, alone in an otherwise clean
    // word, has the syndrome of the error that happened, and the code corrects by the syndrome.
    const WordBits word = bits_of(data, data_bits_);
    WordBits difference = code_.encode(word, data_bits_) >> static_cast<std::size_t>(data_bits_);
    difference ^= bits_of(stored + data_bytes(), check_bits_);
    if (difference.none()) {
        return {};
    }
    const protect::Decoded decoded =
        code_.decode_error(difference << static_cast<std::size_t>(data_bits_), data_bits_);
    if (decoded.detected) {
        std::fill_n(data, data_bytes(), std::uint8_t{0});
    } else {
        put_bits(word ^ decoded.residual, 0, data_bits_, data);
    }
    return {decoded.corrected, decoded.detected};
}

}  // namespace fluence::accel
