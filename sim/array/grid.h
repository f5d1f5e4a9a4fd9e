// Grids of registers of a PE array, and the PEs of one that take a value at an edge. Registers are raw bits,
// one a `Word`, with zeros above its width. Everything moves in place: a caller goes from the array's outputs
// to its inputs and from the oldest fold to the youngest, so that every register is read before it takes its
// new value.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fluence::array {

// The PEs (r,c) that take a value at an edge: those on the diagonals r + c in [first, last].
struct Wave {
    std::int64_t first = 0, last = -1;
};

// rows × cols registers; `stride` words from one row to the next.
template <class Word>
struct GridOf {
    Word* at = nullptr;
    std::ptrdiff_t stride = 0;
};

struct Extent {
    int rows = 0, cols = 0;
};

// to(r,c) ← from(r,c), from the last row to the first; the two may overlap (a step to the right or down).
// For std::uint32_t and WideBits.
template <class Word>
void copy(Extent extent, Wave wave, GridOf<Word> from, GridOf<Word> to);

}  // namespace fluence::array
