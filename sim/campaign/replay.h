// Recorded upsets again, one inference a group, at either fidelity.
#pragma once

#include <string>
#include <vector>

#include "sim/accel/machine.h"
#include "sim/campaign/fault_path.h"
#include "sim/campaign/inference.h"
#include "sim/campaign/result_store.h"
#include "sim/core/accelerator_config.h"
#include "sim/protect/policy.h"
#include "traces/upset_list.h"
#include "workloads/bundle.h"

namespace fluence::campaign {

enum class Fidelity {
    fast,      // resolver and engine
    detailed,  // the register-true machine
    both,      // both, and they must agree
};
Fidelity fidelity_named(const std::string& name, const std::string& key);  // throws InputError

struct Replayed {
    FaultPath path;  // told by the fast machine, if it ran
    // One line each: where the two machines differ, or the replay from what was recorded.
    std::vector<std::string> differences;
};

// One machine under one policy. Simulates its timing once. Keeps references to bundle and config.
class Replay {
  public:
    Replay(const workloads::Bundle& bundle, const AcceleratorConfig& config, const protect::Policy& policy);

    const traces::Timeline& timeline() const { return timeline_; }
    // Throws InputError (file: group: reason) for an image, site, unit, layer or outcome that does not exist,
    // and for values (traces::is_value()) at the register-true machine: they are no place in it.
    void check(const std::vector<traces::UpsetGroup>& groups, const std::string& file,
               Fidelity fidelity) const;
    // Of checked groups, in their order.
    std::vector<Replayed> run(const std::vector<traces::UpsetGroup>& groups, Fidelity fidelity) const;

  private:
    Replayed replay(const traces::UpsetGroup& group, InferenceRunner& runner, Fidelity fidelity,
                    const accel::DetailedRun& detailed) const;
    std::vector<accel::DetailedRun> run_detailed(const std::vector<traces::UpsetGroup>& groups) const;
    std::vector<traces::Upset> present(const traces::UpsetGroup& group) const;

    const workloads::Bundle& bundle_;
    const AcceleratorConfig& config_;
    const protect::Policy policy_;  // calibrated
    std::vector<arith::OutputBounds> bounds_;
    std::vector<arith::LayerFilters> filters_;
    traces::Timeline timeline_;
};

// The inference that the register-true machine made; `golden`: without upsets.
Inference judged(const accel::DetailedRun& run, const workloads::Graph& graph,
                 const arith::GoldenRun& golden);
// Lines for everything in which the two machines differ; empty: nothing.
std::vector<std::string> differences_between(const InferenceRunner& runner, const TracedInference& fast,
                                             const accel::DetailedRun& detailed,
                                             const workloads::Graph& graph);
// Lines for everything in which a replay differs from what was recorded. A path of the detailed machine
// does not know the reason of a dead upset.
std::vector<std::string> differences_from(const traces::ExpectedOutcome& expected, const FaultPath& path);

// A fault of a campaign, and the machine that it struck.
struct RecordedFault {
    AcceleratorConfig accelerator;
    protect::Policy policy;
    traces::UpsetGroup group;  // with everything that was recorded of it as `expected`
};
// Throws InputError for a fault or policy that the file does not have.
RecordedFault recorded_fault(const ResultReader& results, std::int64_t fault, const std::string& policy);
// Throws InputError where the bundle is not the workload of the results.
void require_workload(const ResultReader& results, const workloads::Bundle& bundle, const std::string& name);

}  // namespace fluence::campaign
