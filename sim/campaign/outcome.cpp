#include "sim/campaign/outcome.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "workloads/batch.h"

namespace fluence::campaign {
namespace {

// Natural logarithm of the sum of the exponentials, without overflow.
double log_sum_exp(const workloads::Codes& logits, double scale) {
    const double best = scale * static_cast<double>(logits[static_cast<std::size_t>(top1(logits))]);
    double sum = 0;
    for (const std::int32_t code : logits) {
        sum += std::exp(scale * static_cast<double>(code) - best);
    }
    return best + std::log(sum);
}

}  // namespace

const char* name_of(Outcome outcome) {
    constexpr std::array<const char*, kOutcomeCount> names = {"masked", "benign", "sdc", "due"};
    return names[static_cast<std::size_t>(outcome)];
}

const char* name_of(MaskedBy by) {
    constexpr std::array<const char*, kMaskedByCount> names = {
        "nothing",   "absent",      "idle",   "overwritten", "never_read", "padding",
        "corrected", "suppressed",  "gemm",   "accumulate",  "requantise", "relu",
        "pool",      "later_layer", "logits", "same_top1"};
    return names[static_cast<std::size_t>(by)];
}

std::int32_t top1(const workloads::Codes& logits) {
    return static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
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

double cross_entropy(const workloads::Codes& logits, double scale, std::int32_t label) {
    return log_sum_exp(logits, scale) -
           scale * static_cast<double>(logits.at(static_cast<std::size_t>(label)));
}

Outcome classify(const workloads::Codes& golden, const workloads::Codes& faulty, bool unrepaired,
                 int images) {
    if (golden == faulty) {
        return Outcome::masked;
    }
    if (unrepaired) {
        return Outcome::due;
    }
    const workloads::Shape shape = {static_cast<int>(golden.size()) / images, 1, 1, images};
    for (int i = 0; i < images; ++i) {
        if (top1(workloads::image_of(golden, shape, i)) != top1(workloads::image_of(faulty, shape, i))) {
            return Outcome::sdc;
        }
    }
    return Outcome::benign;
}

bool fired(fault::DeadReason reason) {
    switch (reason) {
        case fault::DeadReason::none:
        case fault::DeadReason::corrected:
        case fault::DeadReason::no_effect:
            return true;
        case fault::DeadReason::absent:
        case fault::DeadReason::idle:
        case fault::DeadReason::overwritten:
        case fault::DeadReason::never_read:
        case fault::DeadReason::padding:
            return false;
    }
    return false;
}

}  // namespace fluence::campaign
