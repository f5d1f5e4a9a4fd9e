// Compiled for AVX2 (CMakeLists.txt); called only where the CPU has it.
#if defined(__x86_64__)
#include "sim/array/moves_loops.h"

namespace fluence::array {

const Moves kAvx2Moves = {multiply, multiply_add, add};

}  // namespace fluence::array
#endif
