#include "sim/protect/confidence.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace fluence::protect {

double log_sum_exp(const workloads::Codes& logits, double scale) {
    const double best = scale * static_cast<double>(logits[static_cast<std::size_t>(top1(logits))]);
    double sum = 0;
    for (const std::int32_t code : logits) {
        sum += std::exp(scale * static_cast<double>(code) - best);
    }
    return best + std::log(sum);
}

std::int32_t top1(const workloads::Codes& logits) {
    return static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

double top1_confidence(const workloads::Codes& logits, double scale) {
    const std::int32_t best = logits[static_cast<std::size_t>(top1(logits))];
    return std::exp(scale * static_cast<double>(best) - log_sum_exp(logits, scale));
}

double top2_difference(const workloads::Codes& logits, double scale) {
    if (logits.size() < 2) {
        return 1;
    }
    workloads::Codes best(2);
    std::partial_sort_copy(logits.begin(), logits.end(), best.begin(), best.end(), std::greater<>());
    const double sum = log_sum_exp(logits, scale);
    return std::exp(scale * static_cast<double>(best[0]) - sum) -
           std::exp(scale * static_cast<double>(best[1]) - sum);
}

}  // namespace fluence::protect
