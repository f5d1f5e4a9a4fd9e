#include "sim/protect/rerun_area.h"

#include "sim/cost/logic.h"
#include "sim/cost/sram.h"
#include "sim/protect/rerun.h"

namespace fluence::protect {
namespace {

constexpr int kScaleBits = 16;    // of the logits' scale times log2(e)
constexpr int kSumBits = 26;      // 1,024 exponentials of 16 bits
constexpr int kFlagBits = 8;      // flags of a run, and its number
constexpr int kAddressBits = 24;  // of the words that a restart clears

GateEquivalents answers_area(const Policy& policy) {
    const int bits = kept_bits(policy);
    const GateEquivalents memory = compare_of(policy) == AnswerCompare::logits
                                       ? cost::sram(kKeptLogits, bits)
                                       : cost::enabled_flipflops(bits) + cost::adder(kKeptLogitBits) +
                                             cost::enabled_flipflops(kKeptLogitBits);
    return cost::times(kept_answers(policy), memory + cost::equality_comparator(bits));
}

}  // namespace

GateEquivalents confidence_logic() {
    const GateEquivalents largest =
        (cost::adder(kKeptLogitBits) + cost::enabled_flipflops(kKeptLogitBits)) * 2.0;
    const GateEquivalents exponent =
        cost::adder(kKeptLogitBits) + cost::multiplier(kExponentBits, kScaleBits) +
        cost::multiplexers(kExponentBits * 4) + cost::flipflops(2 * kExponentBits);
    const GateEquivalents sum = cost::adder(kSumBits) + cost::clearable_flipflops(kSumBits);
    const GateEquivalents thresholds =
        cost::multiplier(kSumBits, kConfidenceThresholdBits) +
        cost::adder(kSumBits + kConfidenceThresholdBits) +
        cost::enabled_flipflops(kConfidenceThresholds * kConfidenceThresholdBits);
    return largest + exponent + sum + thresholds;
}

cost::AreaNode inference_end_area(const Policy& policy) {
    std::vector<cost::AreaNode> parts;
    if (policy.confidence_rerun) {
        parts.push_back(cost::added_part("confidence", confidence_logic()));
        parts.push_back(cost::added_part("exponentials", cost::sram(kExponentWords, kExponentBits)));
    }
    parts.push_back(cost::added_part("answers", answers_area(policy)));
    if (reruns(policy)) {
        parts.push_back(cost::added_part(
            "restart",
            cost::enabled_flipflops(kFlagBits) + cost::flipflops(kAddressBits) + cost::adder(kAddressBits)));
    }
    return cost::area_sum("inference end", std::move(parts));
}

}  // namespace fluence::protect
