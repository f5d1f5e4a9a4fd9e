#include "sim/array/moves.h"

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

}  // namespace fluence::array
