// A request to the fast machine: one inference with all the runs that the policy's inference end makes of it.
// sim/protect/rerun.h says when there is another run and which answer counts, docs/policies/rerun.md what it
// is struck by: upsets that lie in the run's own cycles of the request's axis; and what earlier upsets, those
// between two runs among them, left in DRAM's words, in place when the run begins. What strikes registers and
// buffers is gone then; bits that are held are held in every run from theirs on.
#pragma once

#include <functional>
#include <vector>

#include "sim/campaign/inference.h"
#include "sim/fault/sampler.h"

namespace fluence::campaign {

struct RequestMachine {
    const protect::Policy& policy;
    const workloads::Graph& graph;
    const AcceleratorConfig& config;
    const traces::Timeline& timeline;
    const fault::Resolver& resolver;
    const workloads::Codes& golden_logits;
};

// The cycles that a draw's phases in [0, 1) are a share of: of what a run clears those of a run; of what
// lives as long as the request (traces::is_request_state()) those of the whole fault-free request, because a
// machine that serves one request behind the other is struck there at any time. Where the campaign draws what
// strikes further runs by itself (`later`: phases of 1 and more) phases are shares of a run for all.
struct RequestAxis {
    RequestAxis(traces::Cycle run_cycles, traces::Cycle request_cycles, bool later)
        : run(run_cycles), state(later ? run_cycles : request_cycles) {}
    traces::Cycle run, state;
};

// A drawn fault on the axis of a request, cluster by cluster; those of the first upset come first. Upsets of
// phase 1 and more lie behind the first run: they strike nothing where the policy has no other.
std::vector<fault::Upset> upsets_of_request(const fault::WordLayout& layout, const fault::FaultDraw& draw,
                                            const RequestAxis& axis);
// Those of a request's upsets that the first run is resolved with: all, where the policy has no other run.
std::vector<fault::Upset> upsets_of_first_run(const protect::Policy& policy, const traces::Timeline& timeline,
                                              const std::vector<fault::Upset>& upsets);

// One more run under upsets of its own cycles; none: the fault-free one.
using RunOnce = std::function<TracedInference(const std::vector<fault::Upset>& upsets)>;

// The request whose first run, under upsets_of_first_run(), was `first`. Where the policy has no inference
// end that is all of it.
TracedInference finish_request(const RequestMachine& machine, const std::vector<fault::Upset>& upsets,
                               TracedInference first, const RunOnce& again);

// A request without faults: low confidence and temporal redundancy make it run again, too.
struct FaultFreeRequest {
    int runs = 1;
    traces::Cycle cycles = 0;
};
FaultFreeRequest fault_free_request(const protect::Policy& policy, const workloads::Graph& graph,
                                    const AcceleratorConfig& config, traces::Cycle cycles,
                                    const workloads::Codes& golden_logits);

}  // namespace fluence::campaign
