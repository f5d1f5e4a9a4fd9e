#include "sim/check/comparison.h"

#include <exception>
#include <tuple>
#include <utility>

#include "sim/accel/machine.h"
#include "sim/core/error.h"
#include "sim/fault/sum_rule.h"

namespace fluence::check {
namespace {

using workloads::Codes;

// What one fidelity says. Nothing but `error` counts where it is not empty.
struct Answer {
    std::string error;
    std::vector<Codes> tensors;
    campaign::PolicyFlags flags;
    traces::Cycle recovery_cycles = 0;
    int runs = 1;
    traces::Cycle cycles = 0;
    campaign::Outcome outcome = campaign::Outcome::masked;
};

std::string first_difference(const workloads::Graph& graph, const std::vector<Codes>& fast,
                             const std::vector<Codes>& detailed) {
    for (std::size_t t = 0; t < fast.size(); ++t) {
        const std::string& name = graph.tensors[t].name;
        if (fast[t].size() != detailed.at(t).size()) {
            return "tensor " + name + ": fast has " + std::to_string(fast[t].size()) +
                   " elements, detailed has " + std::to_string(detailed[t].size());
        }
        for (std::size_t i = 0; i < fast[t].size(); ++i) {
            if (fast[t][i] != detailed[t][i]) {
                return "tensor " + name + " element " + std::to_string(i) + ": fast " +
                       std::to_string(fast[t][i]) + ", detailed " + std::to_string(detailed[t][i]);
            }
        }
    }
    return "";
}

std::string flag_difference(const char* name, bool fast, bool detailed) {
    return fast == detailed ? ""
                            : std::string(name) + ": fast " + (fast ? "yes" : "no") + ", detailed " +
                                  (detailed ? "yes" : "no");
}

// Of an aborted inference count the flags of the codes up to the cycle of the abort; other parts of the
// policy, recovery cycles and tensors are as far as the machine got.
std::string first_difference(const workloads::Graph& graph, const Answer& fast, const Answer& detailed) {
    if (!fast.error.empty() || !detailed.error.empty()) {
        return !fast.error.empty() ? "fast: " + fast.error : "detailed: " + detailed.error;
    }
    std::string text;
    for (const auto& [name, flag] : {std::pair{"aborted", &campaign::PolicyFlags::aborted},
                                     {"corrected", &campaign::PolicyFlags::corrected},
                                     {"detected", &campaign::PolicyFlags::detected}}) {
        text += text.empty() ? flag_difference(name, fast.flags.*flag, detailed.flags.*flag) : "";
    }
    const auto number = [&text](const char* name, std::int64_t of_fast, std::int64_t of_detailed) {
        if (text.empty() && of_fast != of_detailed) {
            text = std::string(name) + ": fast " + std::to_string(of_fast) + ", detailed " +
                   std::to_string(of_detailed);
        }
    };
    number("runs", fast.runs, detailed.runs);
    number("cycles", fast.cycles, detailed.cycles);
    if (!text.empty() || fast.flags.aborted) {
        return text;
    }
    number("recovery cycles", fast.recovery_cycles, detailed.recovery_cycles);
    for (const auto& [name, flag] : {std::pair{"suppressed", &campaign::PolicyFlags::suppressed},
                                     {"unrepaired", &campaign::PolicyFlags::unrepaired}}) {
        text += text.empty() ? flag_difference(name, fast.flags.*flag, detailed.flags.*flag) : "";
    }
    if (text.empty()) {
        text = first_difference(graph, fast.tensors, detailed.tensors);
    }
    if (text.empty() && fast.outcome != detailed.outcome) {
        text =
            std::string("outcome: fast ") + name_of(fast.outcome) + ", detailed " + name_of(detailed.outcome);
    }
    return text;
}

Answer fast_answer(campaign::InferenceRunner& runner, const UpsetList& upsets, Verdict& verdict) {
    Answer answer;
    try {
        const campaign::TracedInference inference = runner.run(upsets);
        answer.tensors = runner.tensors_of(inference);
        answer.flags = inference.result.flags;
        answer.recovery_cycles = inference.resolution.recovery_cycles;
        answer.outcome = inference.result.outcome;
        answer.runs = inference.result.runs;
        answer.cycles = inference.result.cycles;
        verdict.runs = answer.runs;
        verdict.dead = inference.result.dead;
    } catch (const std::exception& error) {
        answer.error = error.what();
    }
    verdict.flags = answer.flags;
    verdict.outcome = answer.outcome;
    verdict.recovered = answer.recovery_cycles > 0;
    return answer;
}

// Campaigns resolve single upsets without regard to others. Empty where that comes to the same.
std::string single_difference(const Setup& setup, const fault::Resolver& resolver, arith::Engine& engine,
                              campaign::InferenceRunner& runner, const traces::Upset& upset,
                              const Answer& joint, const Verdict& verdict) {
    const campaign::TracedInference request = runner.finish(
        {upset}, campaign::execute(setup.policy, setup.graph, setup.config,
                                   resolver.resolve(upset, runner.golden()), engine, runner.golden()));
    const campaign::Inference& result = request.result;
    const auto all = [](const campaign::PolicyFlags& f) {
        return std::tie(f.corrected, f.detected, f.suppressed, f.unrepaired, f.aborted);
    };
    const bool same = all(result.flags) == all(joint.flags) && result.outcome == joint.outcome &&
                      request.resolution.recovery_cycles == joint.recovery_cycles &&
                      result.runs == joint.runs && result.cycles == joint.cycles &&
                      result.dead == verdict.dead &&
                      (result.flags.aborted || result.logits == joint.tensors[index_of(setup.graph.logits)]);
    return same ? "" : "single: the upset alone is resolved in another way than in a list of one";
}

Answer detailed_answer(const Setup& setup, const Codes& golden_logits, accel::DetailedRun run) {
    Answer answer;
    answer.flags = {run.corrected, run.detected, run.suppressed, run.unrepaired, run.aborted};
    answer.recovery_cycles = run.recovery_cycles;
    answer.runs = run.runs;
    answer.cycles = run.cycles;
    const Codes& logits = run.tensors.at(index_of(setup.graph.logits));
    answer.outcome = run.aborted
                         ? campaign::Outcome::due
                         : campaign::classify(golden_logits, logits, run.unrepaired, setup.graph.images());
    answer.tensors = std::move(run.tensors);
    return answer;
}

// All lists on one machine; where that fails each on its own, so that the list at fault is known.
std::vector<Answer> detailed_answers(const Setup& setup, const traces::Timeline& timeline,
                                     const std::vector<UpsetList>& lists,
                                     const std::vector<arith::OutputBounds>& bounds,
                                     const std::vector<arith::LayerFilters>& filters,
                                     const Codes& golden_logits) {
    std::vector<Answer> answers;
    try {
        for (accel::DetailedRun& run : accel::run_detailed_each(
                 setup.graph, setup.config, setup.policy, timeline, setup.image, lists, bounds, filters)) {
            answers.push_back(detailed_answer(setup, golden_logits, std::move(run)));
        }
    } catch (const std::exception& error) {
        answers.clear();
        if (lists.size() == 1) {
            answers.emplace_back();
            answers.back().error = error.what();
            return answers;
        }
        for (const UpsetList& list : lists) {
            answers.push_back(
                detailed_answers(setup, timeline, {list}, bounds, filters, golden_logits).front());
        }
    }
    return answers;
}

}  // namespace

TileLevelRun run_tile_level(const Setup& setup) {
    accel::MachineRun run = accel::run_machine(setup.graph, setup.config, setup.policy, setup.image);
    const arith::Engine engine(setup.graph, {}, fault::sum_rule(setup.graph, setup.config));
    const std::vector<Codes> expected = engine.run(setup.image).tensors;
    for (std::size_t t = 0; t < expected.size(); ++t) {
        // Tensors that never were in DRAM are not there.
        if (!run.tensors.at(t).empty() && run.tensors[t] != expected[t]) {
            return {std::move(run.timeline),
                    "tile-level machine and engine differ without upsets in tensor " +
                        setup.graph.tensors[t].name};
        }
    }
    return {std::move(run.timeline), ""};
}

std::vector<Verdict> compare_fidelities(const Setup& setup, const TileLevelRun& run,
                                        const std::vector<UpsetList>& lists) {
    std::vector<Verdict> verdicts(lists.size());
    if (!run.difference.empty()) {
        for (Verdict& verdict : verdicts) {
            verdict.difference = run.difference;
        }
        return verdicts;
    }
    const std::vector<arith::OutputBounds> bounds = bounds_of(setup);
    const std::vector<arith::LayerFilters> filters = filters_of(setup);
    campaign::InferenceRunner runner(setup.graph, setup.config, setup.policy, run.timeline, bounds,
                                     setup.image, filters);
    const fault::Resolver resolver(setup.graph, setup.config, setup.policy, run.timeline, &bounds);
    arith::Engine engine(setup.graph, bounds, fault::sum_rule(setup.graph, setup.config), filters);
    const std::vector<Answer> detailed =
        detailed_answers(setup, run.timeline, lists, bounds, filters, runner.golden_logits());
    for (std::size_t i = 0; i < lists.size(); ++i) {
        const Answer fast = fast_answer(runner, lists[i], verdicts[i]);
        verdicts[i].difference = first_difference(setup.graph, fast, detailed[i]);
        if (verdicts[i].difference.empty() && lists[i].size() == 1 &&
            lists[i][0].cycle < run.timeline.cycles && lists[i][0].held == traces::Held::no &&
            setup.config.array.control == ArrayControl::central) {
            verdicts[i].difference =
                single_difference(setup, resolver, engine, runner, lists[i][0], fast, verdicts[i]);
        }
    }
    return verdicts;
}

}  // namespace fluence::check
