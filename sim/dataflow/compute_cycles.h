// Cycles that the array alone takes for one GEMM, its buffers holding everything: what other simulators call
// compute cycles. From SpaceTimeMap's rules, fold after fold.
#pragma once

#include <cstdint>

#include "sim/core/accelerator_config.h"
#include "traces/timeline.h"

namespace fluence::dataflow {

// O[m,n] = Σ_k A[m,k]·B[k,n]: output pixels, output channels, reduction terms; at least 1 each.
struct Gemm {
    std::int64_t m = 1, n = 1, k = 1;
};

struct ComputeCycles {
    std::int64_t folds = 0;
    traces::Cycle cycles = 0;  // from the first preload (or stream) to the last accumulator
};

// Folds of the least number: weight stationary ⌈K/R⌉·⌈N/C⌉ of M steps, input stationary ⌈K/R⌉·⌈M/C⌉ of N,
// output stationary ⌈M/R⌉·⌈N/C⌉ of K.
std::int64_t fold_count(const ArrayConfig& array, const Gemm& gemm);
// Where folds follow each other serially this takes no time; where they overlap they are walked through.
ComputeCycles compute_cycles(const ArrayConfig& array, const Gemm& gemm);

}  // namespace fluence::dataflow
