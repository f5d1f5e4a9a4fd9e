// Compiled for AVX2 (CMakeLists.txt); called only where the CPU has it.
#if defined(__x86_64__)
#include "sim/array/travelling_moves_loops.h"

namespace fluence::array {

const TravellingMoves kAvx2TravellingMoves = {mesh<false>, mesh<true>, tiny};

}  // namespace fluence::array
#endif
