// Inference end: whether the machine runs an inference again, and which answer counts
// (docs/policies/rerun.md).
//
// A request is one inference with all its runs, one behind the other on one axis of working cycles:
//
//   run 0 │ check │ restart │ run 1 │ check │ restart │ …
//
//   run      the timeline's T cycles; of a run that is aborted in cycle a, a + 1
//   check    check_cycles(); not behind an aborted run
//   restart  restart_cycles(): all registers and on-chip words are cleared. DRAM keeps its words, and the
//   unit
//            at the inference end its answers and thresholds (answers.h)
//
// Runs are judged one by one:
//   1. due-rerun: a run in which something was detected and not repaired is thrown away, `reruns` times at
//      most. Without it, or behind those, an aborted run ends the request without an answer
//   2. What is left is an answer. It ends the request where it is the first and nothing asks for another one
//      (temporal-dmr always does, confidence-rerun where the first answer's confidence is low), or where it
//      agrees with any earlier answer. With `runs` answers that all differ the request ends unresolved
#pragma once

#include <optional>
#include <vector>

#include "sim/core/accelerator_config.h"
#include "sim/core/json.h"
#include "sim/core/units.h"
#include "sim/protect/answers.h"
#include "sim/protect/policy.h"
#include "workloads/graph.h"

namespace fluence::protect {

// Whether the policy has a part at the inference end.
bool reruns(const Policy& policy);
// Runs of every request without faults, at least: 2 under temporal-dmr.
int least_runs(const Policy& policy);
// And at most, with faults.
int most_runs(const Policy& policy);

// Whether the policy has a part that may detect an error and not repair it.
bool detects(const Policy& policy);

// How a run ended.
struct RunEnd {
    bool aborted = false;     // the rest does not count then
    bool zeroed = false;      // a memory word with an error that was not corrected read as zero
    bool unrepaired = false;  // an alarm on which no part acts
    workloads::Codes logits;  // empty where aborted
};

enum class AfterRun { accept, again, give_up };

// Of one request.
class RerunJudge {
  public:
    explicit RerunJudge(const Policy& policy);
    // Of the runs in their order, up to the first that is not followed by another one. `check`: the same for
    // all of them; it is given those that are answers.
    AfterRun judge(const RunEnd& run, AnswerCheck& check);
    // Two answers differed.
    bool disagreed() const { return disagreed_; }

  private:
    bool thrown_away(const RunEnd& run);
    std::optional<ConfidenceRerunPart> confidence_;
    std::optional<TemporalDmrPart> dmr_;
    std::optional<DueRerunPart> due_;
    int discarded_ = 0;
    int answers_ = 0;
    bool disagreed_ = false;
};

// CheckTiming::cycles().
Cycles check_cycles(const Policy& policy, const AcceleratorConfig& config, const workloads::Graph& graph);
// Every bank of the three buffers clears a word a cycle, all at once: max ⌈words/banks⌉.
Cycles restart_cycles(const AcceleratorConfig& config);

bool needs_rerun_calibration(const Policy& policy);
// The policy with its top2_difference taken from calibration images, where it asks for that: of their
// ascending margins m the one at position ⌊share·images⌋, so that the share at most is below. `margins`: of
// as many images as it asks for, or as there are.
Policy with_calibrated_confidence(Policy policy, std::vector<double> margins);

// Throws InputError where parts of the inference end contradict each other, or the rest of the policy.
void check_inference_end(const JsonObject& root, const Policy& policy);

}  // namespace fluence::protect
