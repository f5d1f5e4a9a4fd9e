// Softmax confidence of an answer: codes of the logits times their scale, exponentials in double precision.
#pragma once

#include "workloads/graph.h"

namespace fluence::protect {

// Natural logarithm of the sum of the exponentials, without overflow.
double log_sum_exp(const workloads::Codes& logits, double scale);
// Index of the largest logit; the lowest index wins a tie.
std::int32_t top1(const workloads::Codes& logits);
// Of the best class (Mahmoud: Top1Conf), in (0, 1].
double top1_confidence(const workloads::Codes& logits, double scale);
// Of the best class minus that of the second (Top2Diff), in [0, 1]; 1 where there is no second one.
double top2_difference(const workloads::Codes& logits, double scale);

}  // namespace fluence::protect
