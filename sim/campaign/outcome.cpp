#include "sim/campaign/outcome.h"

#include <array>

#include "sim/protect/confidence.h"
#include "workloads/batch.h"

namespace fluence::campaign {
const char* name_of(Outcome outcome) {
    constexpr std::array<const char*, kOutcomeCount> names = {"masked", "benign", "sdc", "due"};
    return names[static_cast<std::size_t>(outcome)];
}

const char* name_of(MaskedBy by) {
    constexpr std::array<const char*, kMaskedByCount> names = {
        "nothing",   "absent",      "idle",   "overwritten", "never_read", "padding",
        "corrected", "suppressed",  "gemm",   "accumulate",  "requantise", "relu",
        "pool",      "later_layer", "logits", "same_top1",   "rerun"};
    return names[static_cast<std::size_t>(by)];
}

std::int32_t top1(const workloads::Codes& logits) {
    return protect::top1(logits);
}

double top2_difference(const workloads::Codes& logits, double scale) {
    return protect::top2_difference(logits, scale);
}

double cross_entropy(const workloads::Codes& logits, double scale, std::int32_t label) {
    return protect::log_sum_exp(logits, scale) -
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
