#include "sim/campaign/batch_runner.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <tuple>
#include <utility>

#include "sim/campaign/ledger.h"

namespace fluence::campaign {
namespace {

using arith::LayerFault;

auto fields(const arith::AccumulatorDelta& x) {
    return std::tie(x.index, x.delta);
}
auto fields(const arith::ChecksumDelta& x) {
    return std::tie(x.pixel, x.first_channel, x.delta);
}
auto fields(const arith::OperandChange& x) {
    return std::tie(x.input, x.element, x.code, x.first_output, x.last_output);
}
auto fields(const arith::ParameterChange& x) {
    return std::tie(x.parameter, x.index, x.value);
}
auto fields(const arith::OutputFlip& x) {
    return std::tie(x.index, x.mask, x.checked);
}
auto fields(const arith::DisturbedOutput& x) {
    return std::tie(x.index, x.zeroed, x.shift);
}
auto fields(const arith::RestrictedOutput& x) {
    return std::tie(x.index, x.code, x.suppressed);
}
auto fields(const arith::ThresholdFlip& x) {
    return std::tie(x.pixel, x.first, x.last, x.mask);
}
auto fields(const arith::ForcedOutput& x) {
    return std::tie(x.index, x.code);
}

template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const T& x, const T& y) { return fields(x) == fields(y); });
}

bool same_fault(const LayerFault& a, const LayerFault& b) {
    return a.layer == b.layer && same(a.accumulators, b.accumulators) && same(a.checksum, b.checksum) &&
           same(a.duplicates, b.duplicates) && same(a.operands, b.operands) &&
           same(a.parameters, b.parameters) && same(a.outputs, b.outputs) && same(a.disturbed, b.disturbed) &&
           a.relu_alarm == b.relu_alarm && a.filter_outputs == b.filter_outputs &&
           same(a.restricted, b.restricted) && same(a.thresholds, b.thresholds) && same(a.forced, b.forced);
}

bool same_faults(const std::vector<LayerFault>& a, const std::vector<LayerFault>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), same_fault);
}

// The entry of a request, of which `first` is that of the first run alone. `state_alone`: upsets struck what
// the request keeps, and no run.
LedgerEntry of_request(const LedgerEntry& first, const Inference& request, bool state_alone) {
    if (state_alone) {
        return ledger_entry_of_state(request.outcome, request.dead);
    }
    if (request.runs == 1) {
        return first;
    }
    switch (request.outcome) {
        case Outcome::sdc:
        case Outcome::due:
            return {};
        case Outcome::benign:
            return {MaskedBy::same_top1, -1};
        case Outcome::masked:
            break;
    }
    const bool by_run = first.by == MaskedBy::nothing || first.by == MaskedBy::same_top1;
    return by_run ? LedgerEntry{MaskedBy::rerun, -1} : first;
}

}  // namespace

// A fault under one policy: what the resolver and the detectors made of it.
struct BatchRunner::Struck {
    std::int64_t fault = 0;
    std::int32_t policy = 0;
    std::vector<fault::Upset> upsets;  // of the request
    fault::Resolution resolution;      // its faults are the engine's
    PolicyFlags flags;
    // Where the layer faults are in the lists of the policy's engine, and what it made of them in its runs.
    std::size_t list = 0;
};

// Faults of one image that are carried through the network together.
struct BatchRunner::Chunk {
    // Of one engine: every different list of layer faults of one fault once, so that policies that do not
    // touch a fault share it. The first is empty: nothing changes.
    struct Carried {
        std::vector<std::vector<LayerFault>> lists{1};
        std::vector<arith::FaultyRun> runs;
    };
    explicit Chunk(std::size_t engines) : carried(engines) {}

    // Engines gain little from more at a time, and memory shall depend on neither faults nor network.
    bool full() const { return faults.size() >= 512 || changes >= std::size_t{1} << 19; }

    std::vector<FaultRow> faults;
    std::vector<Struck> struck;  // by fault and policy
    std::vector<Carried> carried;
    std::size_t changes = 0;  // in all lists
};

BatchRunner::BatchRunner(const CampaignPlan& plan, std::string reproducer, EngineDefect defect)
    : plan_(plan), golden_(plan.engines.size()), recheck_(plan, std::move(reproducer), std::move(defect)) {
    const workloads::Graph& graph = plan.bundle->graph;
    for (const EngineParts& parts : plan.engines) {
        engines_.emplace_back(graph, parts.bounds, plan.sums, parts.filters);
    }
    for (const PolicyPlan& policy : plan.policies) {
        resolvers_.push_back(std::make_unique<fault::Resolver>(graph, plan.experiment->accelerator,
                                                               policy.policy, policy.timeline,
                                                               &plan.engines[policy.engine].bounds));
    }
}

BatchResult BatchRunner::run(std::int64_t batch) {
    BatchResult result;
    result.batch = batch;
    for (std::int64_t image = plan_.batching.first_image(batch); image < plan_.batching.end_image(batch);
         ++image) {
        run_image(batch, image, result);
    }
    return result;
}

void BatchRunner::run_image(std::int64_t batch, std::int64_t image, BatchResult& result) {
    const std::vector<std::int64_t> ids = plan_.batching.faults_of(batch, image);
    if (!plan_.batching.holds_golden(batch) && ids.empty()) {
        return;
    }
    const workloads::Codes codes = plan_.bundle->image(image);
    for (std::size_t i = 0; i < engines_.size(); ++i) {
        golden_[i] = engines_[i].run(codes);
    }
    golden_checked_.assign(engines_.size(), false);
    fault_free_.clear();
    for (const PolicyPlan& machine : plan_.policies) {
        fault_free_.push_back(fault_free_request(machine.policy, plan_.bundle->graph,
                                                 plan_.experiment->accelerator, machine.timeline.cycles,
                                                 golden_logits(machine.engine)));
    }
    if (plan_.batching.holds_golden(batch)) {
        const auto policies = static_cast<std::int32_t>(plan_.policies.size());
        for (std::int32_t policy = 0; policy < policies; ++policy) {
            result.golden.push_back(golden_row(image, policy));
        }
    }
    const std::int32_t label = plan_.bundle->labels[static_cast<std::size_t>(image)];
    for (auto next = ids.begin(); next != ids.end();) {
        Chunk chunk(engines_.size());
        while (next != ids.end() && !chunk.full()) {
            resolve_fault(*next++, chunk);
        }
        propagate(chunk);
        recheck(chunk);
        for (Struck& struck : chunk.struck) {
            result.outcomes.push_back(outcome_row(struck, chunk, label));
        }
        result.faults.insert(result.faults.end(), std::make_move_iterator(chunk.faults.begin()),
                             std::make_move_iterator(chunk.faults.end()));
    }
}

const workloads::Codes& BatchRunner::golden_logits(std::size_t engine) const {
    return golden_[engine].tensors[index_of(plan_.bundle->graph.logits)];
}

GoldenRow BatchRunner::golden_row(std::int64_t image, std::int32_t policy) const {
    const workloads::Graph& graph = plan_.bundle->graph;
    const workloads::Codes& logits = golden_logits(plan_.policies[static_cast<std::size_t>(policy)].engine);
    const double scale = graph.tensor(graph.logits).scale;
    GoldenRow row;
    row.image = static_cast<std::int32_t>(image);
    row.policy = policy;
    row.label = plan_.bundle->labels[static_cast<std::size_t>(image)];
    row.top1 = top1(logits);
    row.top2diff = top2_difference(logits, scale);
    row.loss = cross_entropy(logits, scale, row.label);
    const FaultFreeRequest& request = fault_free_[static_cast<std::size_t>(policy)];
    row.runs = request.runs;
    row.cycles = request.cycles;
    return row;
}

// The fault under all policies.
void BatchRunner::resolve_fault(std::int64_t id, Chunk& chunk) {
    const PlannedFault planned = planned_fault(plan_, id);
    const fault::FaultDraw& draw = planned.draw;
    const Experiment& experiment = *plan_.experiment;
    chunk.faults.push_back({id, planned.image, draw.upset, draw.phase, planned.stratum, draw.further,
                            draw.cluster, rechecked(experiment.seed, experiment.self_check, id)});
    const std::size_t first = chunk.struck.size();
    for (std::size_t policy = 0; policy < plan_.policies.size(); ++policy) {
        chunk.struck.push_back(strike(draw, static_cast<std::int32_t>(policy), first, chunk));
        chunk.struck.back().fault = id;
    }
}

// `first`: where the same fault under other policies begins.
BatchRunner::Struck BatchRunner::strike(const fault::FaultDraw& draw, std::int32_t policy, std::size_t first,
                                        Chunk& chunk) {
    const PolicyPlan& machine = plan_.policies[static_cast<std::size_t>(policy)];
    Struck struck;
    struck.policy = policy;
    struck.upsets = upsets_of_request(
        {plan_.experiment->accelerator, machine.policy, plan_.dram_words}, draw,
        {machine.timeline.cycles, fault_free_[static_cast<std::size_t>(policy)].cycles, draws_later(plan_)});
    struck.resolution = resolvers_[static_cast<std::size_t>(policy)]->resolve(
        upsets_of_first_run(machine.policy, machine.timeline, struck.upsets), golden_[machine.engine],
        engines_[machine.engine]);
    struck.flags = apply_detectors(machine.policy, plan_.bundle->graph, plan_.experiment->accelerator,
                                   struck.resolution);
    std::vector<LayerFault> faults = std::exchange(struck.resolution.faults, {});
    if (faults.empty() || struck.flags.aborted) {
        return struck;
    }
    std::vector<std::vector<LayerFault>>& lists = chunk.carried[machine.engine].lists;
    for (std::size_t i = first; i < chunk.struck.size(); ++i) {
        const Struck& other = chunk.struck[i];
        if (plan_.policies[static_cast<std::size_t>(other.policy)].engine == machine.engine &&
            same_faults(lists[other.list], faults)) {
            struck.list = other.list;
            return struck;
        }
    }
    struck.list = lists.size();
    for (const LayerFault& fault : faults) {
        chunk.changes += fault.accumulators.size() + fault.checksum.size() + fault.duplicates.size() +
                         fault.disturbed.size() + fault.forced.size();
    }
    lists.push_back(std::move(faults));
    return struck;
}

void BatchRunner::propagate(Chunk& chunk) {
    for (std::size_t engine = 0; engine < engines_.size(); ++engine) {
        Chunk::Carried& carried = chunk.carried[engine];
        if (!recheck_.has_defect()) {
            carried.runs = engines_[engine].propagate_many(golden_[engine], carried.lists);
            continue;
        }
        std::vector<std::vector<LayerFault>> given = carried.lists;
        for (std::vector<LayerFault>& faults : given) {
            recheck_.give(faults);
        }
        carried.runs = engines_[engine].propagate_many(golden_[engine], given);
    }
}

// Policies that share a list share the answer. Without a layer fault it is the image's fault-free run, which
// one look is enough for.
void BatchRunner::recheck(const Chunk& chunk) {
    const std::size_t policies = plan_.policies.size();
    for (std::size_t f = 0; f < chunk.faults.size(); ++f) {
        std::set<std::pair<std::size_t, std::size_t>> done;  // engine and list
        for (std::size_t p = 0; p < policies && chunk.faults[f].checked; ++p) {
            const Struck& struck = chunk.struck[f * policies + p];
            const std::size_t engine = plan_.policies[p].engine;
            const bool fault_free = struck.list == 0;
            if ((fault_free && golden_checked_[engine]) || !done.insert({engine, struck.list}).second) {
                continue;
            }
            golden_checked_[engine] = golden_checked_[engine] || fault_free;
            const Chunk::Carried& carried = chunk.carried[engine];
            recheck_.check(
                {chunk.faults[f], struck.policy, carried.lists[struck.list], carried.runs[struck.list]},
                engines_[engine], golden_[engine]);
        }
    }
}

OutcomeRow BatchRunner::outcome_row(Struck& struck, const Chunk& chunk, std::int32_t label) {
    const PolicyPlan& machine = plan_.policies[static_cast<std::size_t>(struck.policy)];
    const std::size_t engine = machine.engine;
    const workloads::Graph& graph = plan_.bundle->graph;
    const AcceleratorConfig& config = plan_.experiment->accelerator;
    const fault::Resolver& resolver = *resolvers_[static_cast<std::size_t>(struck.policy)];
    const workloads::Codes& golden = golden_logits(engine);
    const std::vector<LayerFault>& faults = chunk.carried[engine].lists[struck.list];

    TracedInference first;
    first.run = chunk.carried[engine].runs[struck.list];
    first.result = conclude(golden, struck.resolution, struck.flags, first.run);
    const LedgerEntry of_first = ledger_entry(
        {golden_[engine], struck.resolution, faults, first.run, first.result.outcome, first.result.dead},
        engines_[engine]);
    first.resolution = std::move(struck.resolution);
    // Few faults need another run: it is carried on its own.
    const auto again = [&](const std::vector<fault::Upset>& upsets) {
        return execute(machine.policy, graph, config,
                       resolver.resolve(upsets, golden_[engine], engines_[engine]), engines_[engine],
                       golden_[engine]);
    };
    const TracedInference request =
        finish_request({machine.policy, graph, config, machine.timeline, resolver, golden}, struck.upsets,
                       std::move(first), again);
    const fault::Resolution& resolution = request.resolution;
    const arith::FaultyRun& run = request.run;
    const Inference& inference = request.result;
    const bool state_alone =
        std::all_of(struck.upsets.begin(), struck.upsets.end(),
                    [](const fault::Upset& upset) { return traces::is_request_state(upset.site); });
    const LedgerEntry masked = of_request(of_first, inference, state_alone);

    OutcomeRow row;
    row.fault = struck.fault;
    row.policy = struck.policy;
    row.cycle = struck.upsets[0].cycle;
    row.outcome = inference.outcome;
    row.dead = inference.dead;
    row.corrected = inference.flags.corrected;
    row.detected = inference.flags.detected;
    row.suppressed = inference.flags.suppressed;
    row.struck_layer = resolution.layer;
    row.golden_bits = resolution.golden_bits;
    row.faulty_bits = resolution.faulty_bits;
    row.first_changed_layer = run.first_changed_layer;
    row.last_changed_layer = run.last_changed_layer;
    row.changed_values = run.changed_values;
    row.masked_by = masked.by;
    row.masked_layer = masked.layer;
    row.runs = inference.runs;
    row.recovery_cycles = inference.cycles - fault_free_[static_cast<std::size_t>(struck.policy)].cycles;
    if (inference.flags.aborted) {
        row.top1 = -1;
        return row;
    }
    const double scale = graph.tensor(graph.logits).scale;
    row.top1 = top1(inference.logits);
    row.correct = row.top1 == label;
    row.top2diff = top2_difference(inference.logits, scale);
    row.delta_loss = cross_entropy(inference.logits, scale, label) - cross_entropy(golden, scale, label);
    return row;
}

}  // namespace fluence::campaign
