// How whole grids of registers of codes move over one edge: the loops in which the register-true array spends
// its time; one set of loops for each kind of CPU, all bit-identical. Registers are raw bits, one a 32-bit
// word (grid.h).
#pragma once

#include <cstdint>

#include "sim/array/grid.h"

namespace fluence::array {

using Grid = GridOf<std::uint32_t>;

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

}  // namespace fluence::array
