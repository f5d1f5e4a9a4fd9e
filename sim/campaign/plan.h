// Everything that is decided before the first fault: the same in every worker, read only.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "sim/arith/engine.h"
#include "sim/campaign/batching.h"
#include "sim/campaign/experiment.h"
#include "sim/campaign/result_store.h"
#include "sim/campaign/strata.h"
#include "sim/fault/sampler.h"
#include "traces/timeline.h"
#include "workloads/bundle.h"

namespace fluence::campaign {

// One policy of the campaign on its machine.
struct PolicyPlan {
    protect::Policy policy;
    traces::Timeline timeline;
    // Policies with equal bounds and filters share an engine and its fault-free runs; `engine` numbers the
    // different ones.
    std::size_t engine = 0;
};

// What an engine of the campaign does behind requantisation.
struct EngineParts {
    std::vector<arith::OutputBounds> bounds;
    std::vector<arith::LayerFilters> filters;
};

// Refers to the experiment and the bundle, which must outlive it.
struct CampaignPlan {
    const Experiment* experiment = nullptr;
    const workloads::Bundle* bundle = nullptr;
    Batching batching;
    fault::Sampler sampler;
    Strata strata;
    std::vector<EngineParts> engines;  // by PolicyPlan::engine
    arith::SumRule sums;               // of the machine, for all engines
    std::vector<PolicyPlan> policies;
    std::int64_t dram_words = 0;
    // Upsets behind the first run, for policies that run inferences again: expected in the time of a run, and
    // for so many runs' time. Where upsets come by Poisson's law; 0: none.
    double later_mean = 0, later_extent = 0;
};

// Fault `id` of the campaign, and the image that it strikes.
struct PlannedFault {
    fault::FaultDraw draw;
    std::int32_t image = 0, stratum = 0;
};
PlannedFault planned_fault(const CampaignPlan& plan, std::int64_t id);
// Whether faults have upsets that strike further runs.
inline bool draws_later(const CampaignPlan& plan) {
    return plan.later_mean > 0;
}

// Simulates the machine once a policy, in `workers` processes, and checks each run and the bundle's golden
// activations against the engine. Nothing when `stop` said so before all was done. Throws InputError for an
// experiment that the bundle or the machine cannot serve, std::runtime_error where machine and engine
// disagree.
std::optional<CampaignPlan> make_plan(const Experiment& experiment, const workloads::Bundle& bundle,
                                      int workers, const std::function<bool()>& stop);

// What the results say about the campaign as a whole.
CampaignHeader make_header(const CampaignPlan& plan);

// CRC-32 over everything that decides what the first `images` inferences compute, as 8 hexadecimal digits.
std::string workload_digest(const workloads::Bundle& bundle, std::int64_t images);
// Name and version of this program, as results carry them.
std::string program_version();

}  // namespace fluence::campaign
