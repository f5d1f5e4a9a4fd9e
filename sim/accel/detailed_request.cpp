#include "sim/accel/detailed_request.h"

#include <algorithm>
#include <utility>

namespace fluence::accel {

using traces::Upset;

DetailedRequest::DetailedRequest(const Workload& workload, traces::Cycle cycles,
                                 const std::vector<Upset>& upsets)
    : upsets_(upsets),
      logits_(index_of(workload.graph.logits)),
      cycles_(cycles),
      check_(protect::check_cycles(workload.policy, workload.config, workload.graph).count()),
      restart_(protect::restart_cycles(workload.config).count()),
      answers_(workload, upsets),
      judge_(workload.policy) {}

// A run that was aborted is not checked, and what it had recovered from does not count.
bool DetailedRequest::again(const DetailedRun& run) {
    run_end_ = next_ + (run.aborted ? run.cycles : cycles_);
    check_end_ = run_end_ + (run.aborted ? 0 : check_);
    next_ = check_end_ + restart_;
    answers_.check_begins(run_end_);
    after_ = judge_.judge(
        {run.aborted, run.zeroed, run.unrepaired, run.aborted ? workloads::Codes() : run.tensors[logits_]},
        answers_);
    return after_ == protect::AfterRun::again;
}

std::vector<Upset> DetailedRequest::next_upsets() const {
    std::vector<Upset> strikes;
    for (Upset upset : upsets_) {
        if (upset.held != traces::Held::no) {
            upset.cycle = std::max(upset.cycle, next_);  // it is there in every run from its own on
        }
        const bool inside = upset.cycle >= next_ && upset.cycle < next_ + cycles_;
        const bool between = upset.cycle >= run_end_ && upset.cycle < next_;
        if (inside || (between && upset.site == traces::SiteKind::dram)) {
            upset.cycle = inside ? upset.cycle - next_ : 0;
            strikes.push_back(upset);
        }
    }
    return strikes;
}

DetailedRun DetailedRequest::end(std::vector<DetailedRun> runs) const {
    bool corrected = false, detected = judge_.disagreed(), suppressed = false;
    traces::Cycle recovery = 0;
    for (const DetailedRun& run : runs) {
        corrected = corrected || run.corrected;
        detected = detected || run.detected;
        suppressed = suppressed || (run.suppressed && !run.aborted);
        recovery += run.aborted ? 0 : run.recovery_cycles;
    }
    DetailedRun all = std::move(runs.back());
    all.corrected = corrected;
    all.detected = detected;
    all.suppressed = suppressed;
    all.unrepaired = all.unrepaired || (after_ == protect::AfterRun::give_up && !all.aborted);
    all.recovery_cycles = recovery;
    all.runs = static_cast<int>(runs.size());
    all.cycles = check_end_ + recovery;
    return all;
}

}  // namespace fluence::accel
