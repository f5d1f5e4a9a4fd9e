// The delta loop of kAvx2Kernels.
#pragma once

#include "sim/arith/kernels.h"

namespace fluence::arith {

std::int64_t delta_avx2(const DeltaTask& task, MovedSum* moved);

}  // namespace fluence::arith
