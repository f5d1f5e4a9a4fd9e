#include "sim/campaign/batch_runner.h"

#include <algorithm>
#include <tuple>

#include "sim/campaign/inference.h"
#include "sim/campaign/request.h"

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
    return std::tie(x.index, x.mask);
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
           same(a.operands, b.operands) && same(a.parameters, b.parameters) && same(a.outputs, b.outputs) &&
           a.filter_outputs == b.filter_outputs && same(a.forced, b.forced);
}

bool same_faults(const std::vector<LayerFault>& a, const std::vector<LayerFault>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), same_fault);
}

}  // namespace

// What one engine made of one list of layer faults. Policies that do not touch a fault share it.
struct BatchRunner::Struck {
    std::size_t engine = 0;
    std::vector<LayerFault> faults;
    arith::FaultyRun run;
};

BatchRunner::BatchRunner(const CampaignPlan& plan) : plan_(plan), golden_(plan.engines.size()) {
    const workloads::Graph& graph = plan.bundle->graph;
    for (const EngineParts& parts : plan.engines) {
        engines_.emplace_back(graph, parts.bounds, plan.sums, parts.filters);
    }
    for (const PolicyPlan& policy : plan.policies) {
        resolvers_.push_back(std::make_unique<fault::Resolver>(graph, plan.experiment->accelerator,
                                                               policy.policy, policy.timeline));
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
    if (!plan_.batching.holds_golden(batch) && plan_.batching.faults_of(batch, image).empty()) {
        return;
    }
    const workloads::Codes codes = plan_.bundle->image(image);
    for (std::size_t i = 0; i < engines_.size(); ++i) {
        golden_[i] = engines_[i].run(codes);
    }
    const auto policies = static_cast<std::int32_t>(plan_.policies.size());
    if (plan_.batching.holds_golden(batch)) {
        for (std::int32_t policy = 0; policy < policies; ++policy) {
            result.golden.push_back(golden_row(image, policy));
        }
    }
    const std::int32_t label = plan_.bundle->labels[static_cast<std::size_t>(image)];
    for (const std::int64_t id : plan_.batching.faults_of(batch, image)) {
        const PlannedFault planned = planned_fault(plan_, id);
        const fault::FaultDraw& draw = planned.draw;
        result.faults.push_back(
            {id, static_cast<std::int32_t>(image), draw.upset, draw.phase, planned.stratum, draw.further});
        std::vector<Struck> known;
        known.reserve(plan_.policies.size());
        for (std::int32_t policy = 0; policy < policies; ++policy) {
            result.outcomes.push_back(run_fault(draw, policy, label, known));
            result.outcomes.back().fault = id;
        }
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
    const FaultFreeRequest request = fault_free(policy);
    row.runs = request.runs;
    row.cycles = request.cycles;
    return row;
}

FaultFreeRequest BatchRunner::fault_free(std::int32_t policy) const {
    const PolicyPlan& machine = plan_.policies[static_cast<std::size_t>(policy)];
    return fault_free_request(machine.policy, plan_.bundle->graph, plan_.experiment->accelerator,
                              machine.timeline.cycles, golden_logits(machine.engine));
}

OutcomeRow BatchRunner::run_fault(const fault::FaultDraw& draw, std::int32_t policy, std::int32_t label,
                                  std::vector<Struck>& known) {
    const PolicyPlan& machine = plan_.policies[static_cast<std::size_t>(policy)];
    const workloads::Graph& graph = plan_.bundle->graph;
    const fault::Resolver& resolver = *resolvers_[static_cast<std::size_t>(policy)];
    const workloads::Codes& golden = golden_logits(machine.engine);
    const auto run_once = [&](const std::vector<fault::Upset>& strikes) {
        TracedInference once;
        once.resolution = resolver.resolve(strikes, golden_[machine.engine], engines_[machine.engine]);
        const PolicyFlags flags =
            apply_detectors(machine.policy, graph, plan_.experiment->accelerator, once.resolution);
        once.run =
            propagate(machine.engine,
                      flags.aborted ? std::vector<LayerFault>() : std::move(once.resolution.faults), known);
        once.result = conclude(golden, once.resolution, flags, once.run);
        return once;
    };
    const std::vector<fault::Upset> upsets = upsets_of_request(machine.policy, draw, machine.timeline.cycles);
    const TracedInference request = finish_request(
        {machine.policy, graph, plan_.experiment->accelerator, machine.timeline, resolver, golden}, upsets,
        run_once(upsets_of_first_run(machine.policy, machine.timeline, upsets)), run_once);
    const fault::Resolution& resolution = request.resolution;
    const arith::FaultyRun& run = request.run;
    const Inference& inference = request.result;

    OutcomeRow row;
    row.policy = policy;
    row.cycle = upsets[0].cycle;
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
    row.runs = inference.runs;
    row.recovery_cycles = inference.cycles - fault_free(policy).cycles;
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

const arith::FaultyRun& BatchRunner::propagate(std::size_t engine, std::vector<LayerFault> faults,
                                               std::vector<Struck>& known) {
    for (const Struck& struck : known) {
        if (struck.engine == engine && same_faults(struck.faults, faults)) {
            return struck.run;
        }
    }
    arith::FaultyRun run;
    if (!faults.empty()) {
        run = engines_[engine].propagate(golden_[engine], faults);
    }
    known.push_back({engine, std::move(faults), std::move(run)});
    return known.back().run;
}

}  // namespace fluence::campaign
