// Linear checksum over the array's columns (filter sum; Amarnath et al., C_L and C_R).
//
// Beside the last column of the array stands a checksum column whose weights are w̃[k] = Σ_n B[k,n] over the
// used columns of the fold, prepared ahead of time from the true weights. It receives the activations that
// leave the last column, so C_R(m) = Σ_k A[m,k]·w̃[k]. When the vector unit drains the block it compares
// C_R(m) with C_L(m), the sum of the accumulators of pixel m. A block is the output channels of one n_fold.
#pragma once

#include "sim/arith/fault_effect.h"
#include "sim/core/accelerator_config.h"
#include "sim/protect/policy.h"
#include "workloads/graph.h"

namespace fluence::protect {

struct ChecksumVerdict {
    bool detected = false;    // at least one block disagreed
    bool suppressed = false;  // at least one output was zeroed for it
};

// Compares the checksums of one struck layer and, under a policy with zero-on-detection, adds the forced
// zeros of the located blocks to `fault` (not in the layer of the logits).
ChecksumVerdict apply_checksum(const Policy& policy, const workloads::Graph& graph,
                               const AcceleratorConfig& config, arith::LayerFault& fault);

}  // namespace fluence::protect
