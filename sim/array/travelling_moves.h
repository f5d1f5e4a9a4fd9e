// How one row of PEs with travelling control moves over one edge: the loops in which these arrays spend their
// time, compiled for every CPU and once more for AVX2, bit-identical. A register is a signed 32-bit word, a
// control bit 0 or 1. Rows move from the last to the first, so that each reads what the row above it held.
#pragma once

#include <cstdint>

namespace fluence::array {

// The registers of one row of Gemmini's mesh, at the PEs' inputs, and the two banks inside the PEs.
struct MeshRow {
    std::int32_t *a = nullptr, *b = nullptr, *d = nullptr;
    std::int32_t *valid = nullptr, *propagate = nullptr;
    std::int32_t *bank_1 = nullptr, *bank_2 = nullptr;
};

// The registers of one row of tiny-tpu, at the PEs' outputs; `act` and `act_valid` have what arrives from the
// left in front of them (index 0 arrives at PE 0), the others what arrives from above in their own arrays.
struct TinyRow {
    const std::int32_t *sum_in = nullptr, *weight_in = nullptr, *write_in = nullptr;
    std::int32_t *act = nullptr, *act_valid = nullptr;
    std::int32_t *sum = nullptr, *weight = nullptr, *shift = nullptr, *write = nullptr;
    std::int32_t* scratch = nullptr;  // 2 · (cols + 1) words
    std::int32_t empty = 0;           // what `shift` holds while nothing is written
};

// `bits`: width of the sums, which wrap.
struct TravellingMoves {
    // Row `row` hands b, d, valid and propagate to the row below it (`b` and `d` alone, whether or not they
    // are valid, to the output registers behind the last row: `below.valid` is null) and loads its banks.
    void (*weight_stationary)(int cols, const MeshRow& row, const MeshRow& below, int bits);
    void (*output_stationary)(int cols, const MeshRow& row, const MeshRow& below, int bits);
    void (*tiny)(int cols, const TinyRow& row, int bits);
};
extern const TravellingMoves kPortableTravellingMoves;
#if defined(__x86_64__)
extern const TravellingMoves kAvx2TravellingMoves;
#endif
// The fastest set that this CPU runs.
const TravellingMoves& best_travelling_moves();

}  // namespace fluence::array
