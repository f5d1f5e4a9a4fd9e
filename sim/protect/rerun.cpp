#include "sim/protect/rerun.h"

#include <algorithm>

#include "sim/protect/confidence.h"
#include "workloads/batch.h"

namespace fluence::protect {
namespace {

constexpr std::int64_t kConfidenceStages = 4;  // exponent, product with the threshold, sum, comparison

AnswerCompare compare_of(const std::optional<ConfidenceRerunPart>& confidence,
                         const std::optional<TemporalDmrPart>& dmr) {
    return dmr ? dmr->compare : confidence ? confidence->compare : AnswerCompare::logits;
}

std::vector<workloads::Codes> by_image(const workloads::Graph& graph, const workloads::Codes& logits) {
    std::vector<workloads::Codes> images;
    for (int i = 0; i < graph.images(); ++i) {
        images.push_back(workloads::image_of(logits, graph.tensor(graph.logits).shape, i));
    }
    return images;
}

}  // namespace

bool reruns(const Policy& policy) {
    return policy.confidence_rerun || policy.temporal_dmr || policy.due_rerun;
}

int least_runs(const Policy& policy) {
    return policy.temporal_dmr ? 2 : 1;
}

int most_runs(const Policy& policy) {
    const int answers = policy.temporal_dmr       ? policy.temporal_dmr->runs
                        : policy.confidence_rerun ? policy.confidence_rerun->runs
                                                  : 1;
    return answers + (policy.due_rerun ? policy.due_rerun->reruns : 0);
}

RerunJudge::RerunJudge(const Policy& policy, const workloads::Graph& graph)
    : graph_(graph),
      confidence_(policy.confidence_rerun),
      dmr_(policy.temporal_dmr),
      due_(policy.due_rerun) {}

bool RerunJudge::thrown_away(const RunEnd& run) {
    const bool bad = due_ && (run.aborted ? due_->aborted
                                          : (due_->zeroed && run.zeroed) || (due_->alarm && run.unrepaired));
    if (!bad || discarded_ == due_->reruns) {
        return false;
    }
    ++discarded_;
    return true;
}

bool RerunJudge::low_confidence(const workloads::Codes& logits) const {
    const double scale = graph_.tensor(graph_.logits).scale;
    const std::vector<workloads::Codes> images = by_image(graph_, logits);
    return std::any_of(images.begin(), images.end(), [&](const workloads::Codes& image) {
        return top1_confidence(image, scale) < confidence_->top1_confidence ||
               top2_difference(image, scale) < confidence_->top2_difference;
    });
}

bool RerunJudge::agree(const workloads::Codes& a, const workloads::Codes& b) const {
    if (a == b || compare_of(confidence_, dmr_) == AnswerCompare::logits) {
        return a == b;
    }
    const std::vector<workloads::Codes> of_a = by_image(graph_, a), of_b = by_image(graph_, b);
    return std::equal(of_a.begin(), of_a.end(), of_b.begin(), of_b.end(),
                      [](const auto& x, const auto& y) { return top1(x) == top1(y); });
}

AfterRun RerunJudge::judge(const RunEnd& run) {
    if (thrown_away(run)) {
        return AfterRun::again;
    }
    if (run.aborted) {
        return AfterRun::give_up;
    }
    const bool agrees = std::any_of(answers_.begin(), answers_.end(), [&](const workloads::Codes& earlier) {
        return agree(run.logits, earlier);
    });
    disagreed_ = disagreed_ || (!answers_.empty() && !agrees);
    answers_.push_back(run.logits);
    if (answers_.size() == 1) {
        return dmr_ || (confidence_ && low_confidence(run.logits)) ? AfterRun::again : AfterRun::accept;
    }
    const int most = dmr_ ? dmr_->runs : confidence_->runs;
    return agrees                                     ? AfterRun::accept
           : static_cast<int>(answers_.size()) < most ? AfterRun::again
                                                      : AfterRun::give_up;
}

Cycles check_cycles(const Policy& policy, const AcceleratorConfig& config, const workloads::Graph& graph) {
    if (!policy.confidence_rerun && !policy.temporal_dmr) {
        return {};
    }
    const workloads::TensorInfo& logits = graph.tensor(graph.logits);
    const std::int64_t bytes = logits.shape.elements() * workloads::width_bits(logits.format) / 8;
    const std::int64_t transfer = (bytes + config.dram.bytes_per_cycle - 1) / config.dram.bytes_per_cycle;
    const std::int64_t decode = timing_of(policy).decode_cycles[index_of(Memory::dram)];
    const std::int64_t confidence =
        policy.confidence_rerun ? 2 * logits.shape.elements() + kConfidenceStages : 0;
    return Cycles(config.dram.latency.count() + decode + transfer + 1 + confidence);
}

Cycles restart_cycles(const AcceleratorConfig& config) {
    std::int64_t cycles = 0;
    for (const BufferConfig* buffer :
         {&config.weight_buffer, &config.activation_buffer, &config.output_buffer}) {
        const std::int64_t words = buffer->size.count() / buffer->word_bytes();
        cycles = std::max(cycles, (words + buffer->banks - 1) / buffer->banks);
    }
    return Cycles(cycles);
}

bool needs_rerun_calibration(const Policy& policy) {
    return policy.confidence_rerun && policy.confidence_rerun->calibration_share > 0;
}

Policy with_calibrated_confidence(Policy policy, std::vector<double> margins) {
    ConfidenceRerunPart& part = *policy.confidence_rerun;
    std::sort(margins.begin(), margins.end());
    const auto at = static_cast<std::size_t>(part.calibration_share * static_cast<double>(margins.size()));
    part.top2_difference = margins[std::min(at, margins.size() - 1)];
    part.calibration_share = 0;
    return policy;
}

}  // namespace fluence::protect
