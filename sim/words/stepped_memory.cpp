#include "sim/words/stepped_memory.h"

#include <stdexcept>
#include <string>

namespace fluence::words {

SteppedMemory::SteppedMemory(std::int64_t words, int word_bytes)
    : word_bytes_(word_bytes), bytes_(static_cast<std::size_t>(words * word_bytes)) {}

WideBits SteppedMemory::read(std::int64_t first, int count) const {
    WideBits value = 0;
    for (int i = 0; i < count; ++i) {
        value |= static_cast<WideBits>(bytes_[static_cast<std::size_t>(first + i)]) << (8 * i);
    }
    return value;
}

void SteppedMemory::write(std::int64_t first, int count, WideBits value) {
    for (int i = 0; i < count; ++i) {
        bytes_[static_cast<std::size_t>(first + i)] = static_cast<std::uint8_t>(value >> (8 * i));
    }
}

void SteppedMemory::flip(std::int64_t word, const WordBits& bits) {
    const auto words = static_cast<std::int64_t>(bytes_.size()) / word_bytes_;
    if (word < 0 || word >= words || (bits >> static_cast<std::size_t>(8 * word_bytes_)).any()) {
        throw std::out_of_range("the memory has " + std::to_string(words) + " words of " +
                                std::to_string(8 * word_bytes_) + " bits");
    }
    for (std::int64_t i = 0; i < 8 * word_bytes_; ++i) {
        if (bits[static_cast<std::size_t>(i)]) {
            bytes_[static_cast<std::size_t>(word * word_bytes_ + i / 8)] ^=
                static_cast<std::uint8_t>(1U << (i % 8));
        }
    }
}

}  // namespace fluence::words
