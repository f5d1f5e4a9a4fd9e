// How whole grids of registers move over one edge: the loops in which the register-true array spends its
// time. Registers are raw bits, one a 32-bit word with zeros above its width; one set of loops for each kind
// of CPU, all bit-identical. Everything moves in place: a caller goes from the array's outputs to its inputs
// and from the oldest fold to the youngest, so that every register is read before it takes its new value.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fluence::array {

// The PEs (r,c) that take a value at an edge: those on the diagonals r + c in [first, last].
struct Wave {
    std::int64_t first = 0, last = -1;
};

// rows × cols registers; `stride` words from one row to the next.
struct Grid {
    std::uint32_t* at = nullptr;
    std::ptrdiff_t stride = 0;
};

struct Extent {
    int rows = 0, cols = 0;
};

// The bit that counts negatively in a register's code; 0: none, the code is unsigned.
struct Signs {
    std::uint32_t left = 0, right = 0;
};

// What is multiplied: left and right operand of PE(r,c).
struct Factors {
    Grid left, right;
    Signs signs;
};

// A sum's register: `bits` wide, two's complement.
struct SumWidth {
    int bits = 32;
    bool saturates = false;
};

struct Moves {
    // product(r,c) ← left · right, modulo 2^16.
    void (*multiply)(Extent extent, Wave wave, const Factors& factors, Grid product);
    // to(r,c) ← from(r,c) + left · right, from the last row to the first; `to` is `from` or a row below it.
    void (*multiply_add)(Extent extent, Wave wave, const Factors& factors, Grid from, Grid to,
                         SumWidth width);
    // to(r,c) ← from(r,c) + product(r,c), likewise.
    void (*add)(Extent extent, Wave wave, Grid product, Grid from, Grid to, SumWidth width);
};
extern const Moves kPortableMoves;
#if defined(__x86_64__)
extern const Moves kAvx2Moves;
#endif
// The fastest set that this CPU runs.
const Moves& best_moves();

// to(r,c) ← from(r,c), from the last row to the first; the two may overlap (a step to the right or down).
void copy(Extent extent, Wave wave, Grid from, Grid to);

}  // namespace fluence::array
