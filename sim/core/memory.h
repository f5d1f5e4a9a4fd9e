// The memories of the machine that hold words, and the bits of one word.
#pragma once

#include <array>
#include <bitset>
#include <string>

namespace fluence {

enum class Memory { dram, weight_buffer, activation_buffer, output_buffer };
inline constexpr int kMemoryCount = 4;
inline constexpr std::array<Memory, kMemoryCount> kMemories = {
    Memory::dram, Memory::weight_buffer, Memory::activation_buffer, Memory::output_buffer};
constexpr std::size_t index_of(Memory memory) {
    return static_cast<std::size_t>(memory);
}
const char* name_of(Memory memory);            // "dram", "weight_buffer" …
Memory memory_named(const std::string& name);  // throws std::out_of_range for an unknown name

// Data bits 0 … word_bits−1, then check bits. Wide enough for 128 data bits and any code here
// (16 parameters with selective ECC: 128 + 21 + 64).
inline constexpr int kMaxWordBits = 224;
using WordBits = std::bitset<kMaxWordBits>;

}  // namespace fluence
