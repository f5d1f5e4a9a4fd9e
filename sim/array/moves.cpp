#include "sim/array/moves.h"

#include <cstring>

#include "sim/array/moves_loops.h"

namespace fluence::array {

const Moves kPortableMoves = {multiply, multiply_add, add};

const Moves& best_moves() {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") != 0) {
        return kAvx2Moves;
    }
#endif
    return kPortableMoves;
}

void copy(Extent extent, Wave wave, Grid from, Grid to) {
    const bool dense = from.stride == extent.cols && to.stride == extent.cols;
    if (dense && wave.first <= 0 && wave.last >= extent.rows + extent.cols - 2) {
        std::memmove(to.at, from.at,
                     static_cast<std::size_t>(extent.rows * from.stride) * sizeof(std::uint32_t));
        return;
    }
    each_row(extent, wave, [&](int r, int c, int n) {
        std::memmove(to.at + r * to.stride + c, from.at + r * from.stride + c,
                     static_cast<std::size_t>(n) * sizeof(std::uint32_t));
    });
}

}  // namespace fluence::array
