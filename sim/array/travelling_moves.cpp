#include "sim/array/travelling_moves.h"

#include "sim/array/travelling_moves_loops.h"

namespace fluence::array {

const TravellingMoves kPortableTravellingMoves = {mesh<false>, mesh<true>, tiny};

const TravellingMoves& best_travelling_moves() {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") != 0) {
        return kAvx2TravellingMoves;
    }
#endif
    return kPortableTravellingMoves;
}

}  // namespace fluence::array
