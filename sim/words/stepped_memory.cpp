#include "sim/words/stepped_memory.h"

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

}  // namespace fluence::words
