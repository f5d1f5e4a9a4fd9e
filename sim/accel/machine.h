// The tile-level machine: SystemC/TLM-2.0 modules through which the real words of one inference flow.
#pragma once

#include "sim/arith/engine.h"
#include "sim/core/accelerator_config.h"
#include "sim/protect/policy.h"
#include "traces/timeline.h"
#include "traces/upset.h"
#include "workloads/graph.h"

namespace fluence::array {
class ArrayModel;
}

namespace fluence::accel {

struct MachineRun {
    traces::Timeline timeline;
    std::vector<workloads::Codes> tensors;  // what the machine left in DRAM, by tensor
};

// Simulates one inference. The policy's codes, checksum column and longer vector pipeline cost cycles here;
// what its parts do to values (range restriction, zeroing) is the engine's, so `tensors` are without it.
// Throws InputError where the machine cannot run the workload (a buffer smaller
// than a tile …). SystemC allows one elaboration a process: use run_machine() from programs.
MachineRun elaborate_and_run(const workloads::Graph& graph, const AcceleratorConfig& config,
                             const protect::Policy& policy, const workloads::Codes& image);

// The same in a child process, any number of times.
MachineRun run_machine(const workloads::Graph& graph, const AcceleratorConfig& config,
                       const protect::Policy& policy, const workloads::Codes& image);

// The timeline of the same run; no word moves, so that it takes a fraction of the time. One elaboration a
// process, as above.
traces::Timeline elaborate_and_time(const workloads::Graph& graph, const AcceleratorConfig& config,
                                    const protect::Policy& policy);
traces::Timeline time_machine(const workloads::Graph& graph, const AcceleratorConfig& config,
                              const protect::Policy& policy);

// What the register-true machine made of one inference.
struct DetailedRun {
    // By tensor: output codes as the vector unit finished them, behind the policy's range restriction,
    // filters and suppression; the logits as the host reads them from DRAM.
    std::vector<workloads::Codes> tensors;
    bool corrected = false;  // a memory code corrected a word that was read
    bool detected =
        false;  // a memory code detected an error that it could not correct, or a checksum differed
    bool suppressed = false;  // a part of the policy altered a value (zero for a DUE word, zero on detection,
                              // range restriction or filtering of a value that differs from the
                              // fault-free one)
    bool unrepaired = false;  // a checksum differed where no part acts on it
    bool aborted = false;     // DueAction::abort: the tensors are as far as the machine got
    bool zeroed = false;      // a memory word with an error that was not corrected read as zero
    traces::Cycle recovery_cycles = 0;  // for which the clock stood (DueAction)
    // Of the request, where the policy runs inferences again (sim/protect/rerun.h): its runs, and its working
    // cycles with those of recoveries, of runs that were not aborted. All flags but `unrepaired`, `aborted`
    // and `zeroed`, and recovery_cycles, are those of all runs together; the rest is the last run's.
    int runs = 1;
    traces::Cycle cycles = 0;
};

// Sees the array's registers in every cycle in which something moves in it, behind the cycle's upsets.
class ArrayObserver {
  public:
    virtual ~ArrayObserver() = default;
    virtual void cycle(traces::Cycle t, const array::ArrayModel& array) = 0;
};

// The register-true machine: array::ArrayModel, memories of real words with their check bits, DMA and vector
// unit word by word and element by element, under the control of `timeline` (which the fast machine made of
// the same graph, machine and policy; timing does not depend on data). Inverts the bits of `upsets`, of any
// site of the machine, at their cycles. One elaboration a process, as above: elaborate_… for one run in this
// process, run_detailed() in a child process, run_detailed_each() for many lists of upsets on one machine,
// each from the same start, in order. `bounds`, `filters`: the policy's range restriction and filters, as the
// Engine's. An observer changes nothing. Where the policy runs inferences again, elaborate_… does the first
// run alone; the others do whole requests, whose further runs begin with DRAM's cells as the run before left
// them and everything else cleared, and upsets of cycles behind the first run strike those
// (sim/protect/rerun.h).
DetailedRun elaborate_and_run_detailed(const workloads::Graph& graph, const AcceleratorConfig& config,
                                       const protect::Policy& policy, const traces::Timeline& timeline,
                                       const workloads::Codes& image,
                                       const std::vector<traces::Upset>& upsets,
                                       const std::vector<arith::OutputBounds>& bounds = {},
                                       ArrayObserver* observer = nullptr,
                                       const std::vector<arith::LayerFilters>& filters = {});
DetailedRun run_detailed(const workloads::Graph& graph, const AcceleratorConfig& config,
                         const protect::Policy& policy, const traces::Timeline& timeline,
                         const workloads::Codes& image, const std::vector<traces::Upset>& upsets,
                         const std::vector<arith::OutputBounds>& bounds = {},
                         const std::vector<arith::LayerFilters>& filters = {});
std::vector<DetailedRun> run_detailed_each(const workloads::Graph& graph, const AcceleratorConfig& config,
                                           const protect::Policy& policy, const traces::Timeline& timeline,
                                           const workloads::Codes& image,
                                           const std::vector<std::vector<traces::Upset>>& lists,
                                           const std::vector<arith::OutputBounds>& bounds = {},
                                           const std::vector<arith::LayerFilters>& filters = {});

}  // namespace fluence::accel
