#include "sim/protect/answers.h"

#include <algorithm>
#include <cmath>

#include "sim/protect/confidence.h"
#include "workloads/batch.h"

namespace fluence::protect {
namespace {

constexpr std::int64_t kConfidenceStages = 4;  // exponent, product with the threshold, sum, comparison

workloads::Codes image_of(const workloads::Graph& graph, const workloads::Codes& logits, int image) {
    return workloads::image_of(logits, graph.tensor(graph.logits).shape, image);
}

}  // namespace

AnswerCompare compare_of(const Policy& policy) {
    return policy.temporal_dmr       ? policy.temporal_dmr->compare
           : policy.confidence_rerun ? policy.confidence_rerun->compare
                                     : AnswerCompare::logits;
}

int kept_answers(const Policy& policy) {
    return policy.temporal_dmr       ? policy.temporal_dmr->runs - 1
           : policy.confidence_rerun ? policy.confidence_rerun->runs - 1
                                     : 0;
}

int kept_bits(const Policy& policy) {
    return compare_of(policy) == AnswerCompare::top1 ? kKeptClassBits : kKeptLogitBits;
}

std::int64_t kept_words(const Policy& policy, const workloads::Graph& graph) {
    return compare_of(policy) == AnswerCompare::top1 ? graph.images()
                                                     : graph.tensor(graph.logits).shape.elements();
}

workloads::Codes kept_form(const Policy& policy, const workloads::Graph& graph,
                           const workloads::Codes& logits) {
    if (compare_of(policy) == AnswerCompare::logits) {
        return logits;
    }
    workloads::Codes classes;
    for (int i = 0; i < graph.images(); ++i) {
        classes.push_back(top1(image_of(graph, logits, i)));
    }
    return classes;
}

double struck_threshold(double threshold, std::uint32_t wrong_bits) {
    constexpr std::uint32_t kSteps = 1u << kConfidenceThresholdBits;
    const auto code = std::min(static_cast<std::uint32_t>(std::floor(threshold * kSteps)), kSteps - 1);
    return threshold + (static_cast<double>(code ^ wrong_bits) - static_cast<double>(code)) / kSteps;
}

bool low_confidence(const ConfidenceRerunPart& part, const workloads::Graph& graph,
                    const workloads::Codes& logits, const ThresholdErrors& errors) {
    const double scale = graph.tensor(graph.logits).scale;
    const double top1_least = struck_threshold(part.top1_confidence, errors[0]);
    const double top2_least = struck_threshold(part.top2_difference, errors[1]);
    for (int i = 0; i < graph.images(); ++i) {
        const workloads::Codes image = image_of(graph, logits, i);
        if (top1_confidence(image, scale) < top1_least || top2_difference(image, scale) < top2_least) {
            return true;
        }
    }
    return false;
}

CheckTiming::CheckTiming(const Policy& policy, const AcceleratorConfig& config, const workloads::Graph& graph)
    : classes_(compare_of(policy) == AnswerCompare::top1),
      first_(config.dram.latency.count() + timing_of(policy).decode_cycles[index_of(Memory::dram)]),
      logit_bytes_(workloads::width_bits(graph.tensor(graph.logits).format) / 8),
      bytes_per_cycle_(config.dram.bytes_per_cycle) {
    const std::int64_t logits = graph.tensor(graph.logits).shape.elements();
    last_comparison_ = first_ + (logits * logit_bytes_ + bytes_per_cycle_ - 1) / bytes_per_cycle_;
    if (policy.confidence_rerun || policy.temporal_dmr) {
        cycles_ = last_comparison_ + 1 + (policy.confidence_rerun ? 2 * logits + kConfidenceStages : 0);
    }
}

std::int64_t CheckTiming::compared(std::int64_t word) const {
    return classes_ ? last_comparison_ : first_ + ((word + 1) * logit_bytes_ - 1) / bytes_per_cycle_ + 1;
}

CheckedAnswer KeptAnswers::check(const workloads::Codes& logits) {
    workloads::Codes answer = kept_form(policy_, graph_, logits);
    CheckedAnswer found;
    found.agrees = std::find(kept_.begin(), kept_.end(), answer) != kept_.end();
    found.low_confidence = kept_.empty() && policy_.confidence_rerun &&
                           protect::low_confidence(*policy_.confidence_rerun, graph_, logits);
    kept_.push_back(std::move(answer));
    return found;
}

}  // namespace fluence::protect
