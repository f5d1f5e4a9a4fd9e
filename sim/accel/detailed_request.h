// A request to the register-true machine: run behind run, as sim/protect/rerun.h has it. Which upsets lie in
// which run; what survives from run to run is in DRAM's cells.
#pragma once

#include <vector>

#include "sim/accel/answer_unit.h"
#include "sim/accel/machine.h"
#include "sim/accel/workload.h"
#include "sim/protect/rerun.h"

namespace fluence::accel {

class DetailedRequest {
  public:
    // `cycles`: of a run. Keeps references to workload and upsets.
    DetailedRequest(const Workload& workload, traces::Cycle cycles, const std::vector<traces::Upset>& upsets);

    // Whether the run is followed by another one.
    bool again(const DetailedRun& run);
    // The upsets of that one, in its own cycles; those that strike DRAM between two runs in cycle 0.
    std::vector<traces::Upset> next_upsets() const;
    // The request, from all its runs.
    DetailedRun end(std::vector<DetailedRun> runs) const;

  private:
    const std::vector<traces::Upset>& upsets_;
    const std::size_t logits_;
    const traces::Cycle cycles_, check_, restart_;
    AnswerUnit answers_;
    protect::RerunJudge judge_;
    protect::AfterRun after_ = protect::AfterRun::accept;
    // The run judged last ends, its check ends, the run behind it begins.
    traces::Cycle run_end_ = 0, check_end_ = 0, next_ = 0;
};

}  // namespace fluence::accel
