// The delta loop of kAvx2Kernels.
#pragma once

#include "sim/arith/kernels.h"

namespace fluence::arith {

Moved delta_avx2(const DeltaTask& task, MovedSum* moved);

}  // namespace fluence::arith
