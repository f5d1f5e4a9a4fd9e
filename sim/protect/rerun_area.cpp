#include "sim/protect/rerun_area.h"

#include "sim/cost/logic.h"
#include "sim/cost/sram.h"
#include "sim/protect/rerun.h"

namespace fluence::protect {
namespace {

constexpr int kLogitBits = 32;
constexpr int kScaleBits = 16;     // of the logits' scale times log2(e)
constexpr int kSumBits = 26;       // 1,024 exponentials of 16 bits
constexpr int kThresholdBits = 8;  // of a confidence
constexpr int kClassBits = 10;     // of 1,024
constexpr int kFlagBits = 8;       // flags of a run, and its number
constexpr int kAddressBits = 24;   // of the words that a restart clears

GateEquivalents kept_answers(int answers, AnswerCompare compare) {
    const int bits = compare == AnswerCompare::logits ? kLogitBits : kClassBits;
    const GateEquivalents memory = compare == AnswerCompare::logits
                                       ? cost::sram(kKeptLogits, kLogitBits)
                                       : cost::enabled_flipflops(kClassBits) + cost::adder(kLogitBits) +
                                             cost::enabled_flipflops(kLogitBits);
    return cost::times(answers, memory + cost::equality_comparator(bits));
}

}  // namespace

GateEquivalents confidence_logic() {
    const GateEquivalents largest = (cost::adder(kLogitBits) + cost::enabled_flipflops(kLogitBits)) * 2.0;
    const GateEquivalents exponent = cost::adder(kLogitBits) + cost::multiplier(kExponentBits, kScaleBits) +
                                     cost::multiplexers(kExponentBits * 4) +
                                     cost::flipflops(2 * kExponentBits);
    const GateEquivalents sum = cost::adder(kSumBits) + cost::clearable_flipflops(kSumBits);
    const GateEquivalents thresholds = cost::multiplier(kSumBits, kThresholdBits) +
                                       cost::adder(kSumBits + kThresholdBits) +
                                       cost::enabled_flipflops(2 * kThresholdBits);
    return largest + exponent + sum + thresholds;
}

cost::AreaNode inference_end_area(const Policy& policy) {
    std::vector<cost::AreaNode> parts;
    if (policy.confidence_rerun) {
        parts.push_back(cost::added_part("confidence", confidence_logic()));
        parts.push_back(cost::added_part("exponentials", cost::sram(kExponentWords, kExponentBits)));
        parts.push_back(cost::added_part(
            "answers", kept_answers(policy.confidence_rerun->runs - 1, policy.confidence_rerun->compare)));
    }
    if (policy.temporal_dmr) {
        parts.push_back(cost::added_part(
            "answers", kept_answers(policy.temporal_dmr->runs - 1, policy.temporal_dmr->compare)));
    }
    if (reruns(policy)) {
        parts.push_back(cost::added_part(
            "restart",
            cost::enabled_flipflops(kFlagBits) + cost::flipflops(kAddressBits) + cost::adder(kAddressBits)));
    }
    return cost::area_sum("inference end", std::move(parts));
}

}  // namespace fluence::protect
