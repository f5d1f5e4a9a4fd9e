#include "sim/accel/word_codec.h"

#include <algorithm>
#include <cstring>

#include "sim/accel/word_bytes.h"

namespace fluence::accel {

WordCodec::WordCodec(const protect::MemoryCode& code, int data_bits)
    : code_(code), data_bits_(data_bits), check_bits_(code.check_bits(data_bits)) {
    if (transparent()) {
        return;
    }
    contributions_.resize(static_cast<std::size_t>(data_bytes()));
    for (int byte = 0; byte < data_bytes(); ++byte) {
        std::array<Check, 256>& of_value = contributions_[static_cast<std::size_t>(byte)];
        of_value[0] = 0;
        for (unsigned bit = 0; bit < 8; ++bit) {
            WordBits word;
            word.set(static_cast<std::size_t>(8 * byte) + bit);
            const WordBits check = code_.encode(word, data_bits_) >> static_cast<std::size_t>(data_bits_);
            const auto column = static_cast<Check>(check.to_ulong());
            for (unsigned lower = 0; lower < 1u << bit; ++lower) {
                of_value[(1u << bit) + lower] = of_value[lower] ^ column;
            }
        }
    }
}

WordCodec::Check WordCodec::check_of(const std::uint8_t* data) const {
    Check check = 0;
    for (std::size_t byte = 0; byte < contributions_.size(); ++byte) {
        check ^= contributions_[byte][data[byte]];
    }
    return check;
}

void WordCodec::encode(const std::uint8_t* data, std::uint8_t* stored) const {
    std::memcpy(stored, data, static_cast<std::size_t>(data_bytes()));
    Check check = transparent() ? 0 : check_of(data);
    for (int i = data_bytes(); i < stored_bytes(); ++i, check >>= 8) {
        stored[i] = static_cast<std::uint8_t>(check);
    }
}

WordCodec::Verdict WordCodec::decode(const std::uint8_t* stored, std::uint8_t* data) const {
    std::memcpy(data, stored, static_cast<std::size_t>(data_bytes()));
    if (transparent()) {
        return {};
    }
    // The stored check bits against those of the stored data: this difference, alone in an otherwise clean
    // word, has the syndrome of the error that happened, and the code corrects by the syndrome.
    Check difference = check_of(data);
    for (int i = data_bytes(); i < stored_bytes(); ++i) {
        difference ^= Check{stored[i]} << (8 * (i - data_bytes()));
    }
    if (difference == 0) {
        return {};
    }
    const protect::Decoded decoded =
        code_.decode_error(WordBits(difference) << static_cast<std::size_t>(data_bits_), data_bits_);
    if (decoded.detected) {
        std::fill_n(data, data_bytes(), std::uint8_t{0});
    } else {
        put_bits(bits_of(data, data_bits_) ^ decoded.residual, data_bits_, data);
    }
    return {decoded.corrected, decoded.detected};
}

}  // namespace fluence::accel
