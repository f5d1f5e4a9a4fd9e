// One inference with upsets under one policy, exactly and fast: resolver, checksum, engine, outcome.
// Campaigns, replays and self-checks take their answers from here.
#pragma once

#include <string>
#include <vector>

#include "sim/arith/engine.h"
#include "sim/campaign/outcome.h"
#include "sim/core/accelerator_config.h"
#include "sim/fault/resolver.h"
#include "sim/protect/layer_filters.h"
#include "sim/protect/policy.h"
#include "traces/timeline.h"
#include "workloads/bundle.h"

namespace fluence::campaign {

// What the policy's parts noticed and did.
struct PolicyFlags {
    bool corrected = false;   // a memory code corrected a word that was read
    bool detected = false;    // a memory code, a checksum or a ReLU check detected an error
    bool suppressed = false;  // an output or a memory word became zero for it, or range restriction or a
                              // filter changed a faulty output
    bool unrepaired = false;  // a checksum or a ReLU check differed where no part acts on it
    bool aborted = false;     // DueAction::abort: there is no answer
};

// The steps of one faulty inference, for callers that share some of them between policies.
// 1. Resolver::resolve(). 2. The policy's detectors, which may force zeros or set a filter going, and then
// let the clock stand: changes resolution.faults and recovery_cycles.
PolicyFlags apply_detectors(const protect::Policy& policy, const workloads::Graph& graph,
                            const AcceleratorConfig& config, fault::Resolution& resolution);
// 3. Engine::propagate() of resolution.faults. 4. The result.
struct Inference {
    PolicyFlags flags;
    fault::DeadReason dead = fault::DeadReason::none;
    workloads::Codes logits;  // empty where the inference was aborted
    Outcome outcome = Outcome::masked;
    // Of the request (request.h): its runs, and its working cycles with those for which the clock stood.
    int runs = 1;
    traces::Cycle cycles = 0;
};
// `images` of the graph: classify().
Inference conclude(const workloads::Codes& golden_logits, const fault::Resolution& resolution,
                   const PolicyFlags& flags, const arith::FaultyRun& run, int images = 1);

// Range restriction of every layer under a policy; empty where it restricts nothing, so that such policies
// can share one engine.
std::vector<arith::OutputBounds> policy_bounds(const protect::Policy& policy,
                                               const workloads::Bundle& bundle);
// The policy with the thresholds of its inference end taken from the bundle's calibration split, where it
// asks for that (protect::with_calibrated_confidence()); in a child process, as below. Throws InputError
// where the bundle has no such images.
protect::Policy calibrated(const protect::Policy& policy, const workloads::Bundle& bundle,
                           const AcceleratorConfig& config);
// What its filter knows from the bundle's calibration split, and the filters of every layer; empty where it
// has none. Runs an engine in a child process, because callers fork and must not own its library's threads.
protect::FilterTables policy_tables(const protect::Policy& policy, const workloads::Bundle& bundle,
                                    const AcceleratorConfig& config);

// By layer: the mean of its output codes over the first `images` of the bundle's calibration split,
// fault-free and without any policy. Scales are without zero points, so it is the mean output in units of the
// scale.
std::vector<double> mean_output_codes(const workloads::Bundle& bundle, const arith::SumRule& sums,
                                      std::int64_t images);

// Changed output codes of one layer.
struct LayerChanges {
    LayerId layer{};
    std::vector<arith::ValueChange> values;
};

// An inference with everything on its way from the upset to the logits. Of a request with several runs: the
// last one, with all that the runs' flags say together, and what the first one was struck by.
struct TracedInference {
    fault::Resolution resolution;  // faults as the engine executed them, behind the detectors
    arith::FaultyRun run;
    Inference result;
    std::vector<LayerChanges> layers;  // those whose output changed, in order
};

// Steps 2 to 4 of one run that was resolved. `golden`: the engine's. `trace`: the layers that change, too.
TracedInference execute(const protect::Policy& policy, const workloads::Graph& graph,
                        const AcceleratorConfig& config, fault::Resolution resolution, arith::Engine& engine,
                        const arith::GoldenRun& golden, bool trace = false);

// One image, or one batch, on one machine under one policy. Keeps references to graph, config, policy and
// timeline.
class InferenceRunner {
  public:
    // `bounds`: policy_bounds(), or empty. `filters`: protect::layer_filters(), or empty.
    InferenceRunner(const workloads::Graph& graph, const AcceleratorConfig& config,
                    const protect::Policy& policy, const traces::Timeline& timeline,
                    std::vector<arith::OutputBounds> bounds, const workloads::Codes& image,
                    std::vector<arith::LayerFilters> filters = {});

    const arith::GoldenRun& golden() const { return golden_; }
    const workloads::Codes& golden_logits() const;
    // All upsets strike the same request: where the policy runs inferences again their cycles are those of
    // request.h, which go on behind the first run.
    TracedInference run(const std::vector<fault::Upset>& upsets);
    // The same, where the first run is known.
    TracedInference finish(const std::vector<fault::Upset>& upsets, TracedInference first);
    // All tensors of that inference: the fault-free ones with the changes.
    std::vector<workloads::Codes> tensors_of(const TracedInference& inference) const;

  private:
    TracedInference run_once(const std::vector<fault::Upset>& upsets);

    const workloads::Graph& graph_;
    const AcceleratorConfig& config_;
    const protect::Policy& policy_;
    const traces::Timeline& timeline_;
    const std::vector<arith::OutputBounds> bounds_;
    fault::Resolver resolver_;
    arith::Engine engine_;
    arith::GoldenRun golden_;
};

}  // namespace fluence::campaign
