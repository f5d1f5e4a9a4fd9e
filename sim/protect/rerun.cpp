#include "sim/protect/rerun.h"

#include <algorithm>

namespace fluence::protect {

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

RerunJudge::RerunJudge(const Policy& policy)
    : confidence_(policy.confidence_rerun), dmr_(policy.temporal_dmr), due_(policy.due_rerun) {}

bool RerunJudge::thrown_away(const RunEnd& run) {
    const bool bad = due_ && (run.aborted ? due_->aborted
                                          : (due_->zeroed && run.zeroed) || (due_->alarm && run.unrepaired));
    if (!bad || discarded_ == due_->reruns) {
        return false;
    }
    ++discarded_;
    return true;
}

AfterRun RerunJudge::judge(const RunEnd& run, AnswerCheck& check) {
    if (thrown_away(run)) {
        return AfterRun::again;
    }
    if (run.aborted) {
        return AfterRun::give_up;
    }
    const CheckedAnswer found = check.check(run.logits);
    if (++answers_ == 1) {
        return dmr_ || found.low_confidence ? AfterRun::again : AfterRun::accept;
    }
    disagreed_ = disagreed_ || !found.agrees;
    const int most = dmr_ ? dmr_->runs : confidence_->runs;
    return found.agrees ? AfterRun::accept : answers_ < most ? AfterRun::again : AfterRun::give_up;
}

Cycles check_cycles(const Policy& policy, const AcceleratorConfig& config, const workloads::Graph& graph) {
    return CheckTiming(policy, config, graph).cycles();
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
