#include "sim/campaign/recheck.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "sim/campaign/request.h"
#include "sim/core/random.h"
#include "traces/upset_list.h"

namespace fluence::campaign {

using workloads::Codes;

bool rechecked(std::uint64_t seed, double share, std::int64_t id) {
    return share > 0 &&
           RandomStream(seed, RandomPurpose::recheck_choice, static_cast<std::uint64_t>(id)).uniform() <
               share;
}

arith::FaultyRun compared(const workloads::Graph& graph, const std::vector<Codes>& golden,
                          const std::vector<Codes>& faulty) {
    arith::FaultyRun run;
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        const workloads::Layer& layer = graph.layers[i];
        const Codes& expected = golden[index_of(layer.output)];
        const Codes& found = faulty[index_of(layer.output)];
        std::int64_t changed = 0;
        for (std::size_t e = 0; e < expected.size(); ++e) {
            changed += expected[e] != found[e] ? 1 : 0;
        }
        if (changed > 0) {
            const auto number = static_cast<std::int32_t>(i);
            run.first_changed_layer = run.first_changed_layer < 0 ? number : run.first_changed_layer;
            run.last_changed_layer = number;
            run.changed_values += layer.kind == workloads::OpKind::flatten ? 0 : changed;
        }
    }
    const Codes& expected = golden[index_of(graph.logits)];
    const Codes& found = faulty[index_of(graph.logits)];
    for (std::size_t e = 0; e < expected.size(); ++e) {
        if (expected[e] != found[e]) {
            run.logits.push_back({static_cast<std::int64_t>(e), found[e]});
        }
    }
    return run;
}

namespace {

std::optional<std::string> unequal(const char* what, std::int64_t delta, std::int64_t full) {
    if (delta == full) {
        return std::nullopt;
    }
    return std::string(what) + ": " + std::to_string(delta) + " by the delta engine, " +
           std::to_string(full) + " by full re-execution";
}

}  // namespace

std::optional<std::string> difference_of(const arith::FaultyRun& delta, const arith::FaultyRun& full) {
    if (auto wrong = unequal("changed values", delta.changed_values, full.changed_values)) {
        return wrong;
    }
    if (auto wrong = unequal("first changed layer", delta.first_changed_layer, full.first_changed_layer)) {
        return wrong;
    }
    if (auto wrong = unequal("last changed layer", delta.last_changed_layer, full.last_changed_layer)) {
        return wrong;
    }
    const auto logits = [](const arith::FaultyRun& run) {
        return static_cast<std::int64_t>(run.logits.size());
    };
    if (auto wrong = unequal("changed logits", logits(delta), logits(full))) {
        return wrong;
    }
    std::vector<arith::ValueChange> in_order = delta.logits;
    std::sort(in_order.begin(), in_order.end(),
              [](const auto& a, const auto& b) { return a.index < b.index; });
    for (std::size_t i = 0; i < in_order.size(); ++i) {
        if (auto wrong = unequal("number of a changed logit", in_order[i].index, full.logits[i].index)) {
            return wrong;
        }
        const std::string logit = "logit " + std::to_string(in_order[i].index);
        if (auto wrong = unequal(logit.c_str(), in_order[i].code, full.logits[i].code)) {
            return wrong;
        }
    }
    return std::nullopt;
}

Recheck::Recheck(const CampaignPlan& plan, std::string reproducer, EngineDefect defect)
    : plan_(plan),
      reproducer_(std::move(reproducer)),
      defect_(std::move(defect)),
      full_(plan.engines.size()) {}

void Recheck::give(std::vector<arith::LayerFault>& faults) const {
    if (defect_) {
        defect_(faults);
    }
}

Recheck::Full& Recheck::full_of(const Case& one, const arith::GoldenRun& golden) {
    const std::size_t number = plan_.policies[static_cast<std::size_t>(one.policy)].engine;
    const workloads::Graph& graph = plan_.bundle->graph;
    if (full_[number] == nullptr) {
        full_[number] = std::make_unique<Full>(graph, plan_.engines[number], plan_.sums);
    }
    Full& full = *full_[number];
    if (full.image != one.fault.image) {
        full.fault_free = full.run.run(plan_.bundle->image(one.fault.image), {});
        full.image = one.fault.image;
        if (const auto wrong = difference_of({}, compared(graph, golden.tensors, full.fault_free))) {
            throw std::runtime_error("self-check: the fault-free inference of image " +
                                     std::to_string(one.fault.image) + " is not what full execution gives (" +
                                     *wrong + ")");
        }
    }
    return full;
}

void Recheck::check(const Case& one, arith::Engine& engine, const arith::GoldenRun& golden) {
    const workloads::Graph& graph = plan_.bundle->graph;
    const Full& full = full_of(one, golden);
    const std::vector<Codes> tensors = full.run.run_behind(full.fault_free, one.faults);
    const std::optional<std::string> difference =
        difference_of(one.run, compared(graph, golden.tensors, tensors));
    if (!difference) {
        return;
    }
    const WrongValue value = first_wrong(one, engine, golden, tensors);
    const std::string& policy = plan_.policies[static_cast<std::size_t>(one.policy)].policy.name;
    std::string message = "self-check: fault " + std::to_string(one.fault.id) + " under policy " + policy +
                          " is not what full re-execution gives (" + *difference + ")";
    if (!reproducer_.empty()) {
        message += "; described in " +
                   write_reproducer(one, *difference, value, golden.tensors[index_of(graph.logits)]);
    }
    throw std::runtime_error(message);
}

WrongValue Recheck::first_wrong(const Case& one, arith::Engine& engine, const arith::GoldenRun& golden,
                                const std::vector<Codes>& full) const {
    const workloads::Graph& graph = plan_.bundle->graph;
    std::vector<Codes> delta = golden.tensors;
    std::vector<arith::LayerFault> given = one.faults;
    give(given);
    engine.propagate(golden, given, [&](LayerId layer, const std::vector<arith::ValueChange>& values) {
        for (const arith::ValueChange& value : values) {
            delta[index_of(graph.layer(layer).output)][static_cast<std::size_t>(value.index)] = value.code;
        }
    });
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        const std::size_t output = index_of(graph.layers[i].output);
        for (std::size_t e = 0; e < full[output].size(); ++e) {
            if (delta[output][e] != full[output][e]) {
                return {static_cast<std::int32_t>(i), static_cast<std::int64_t>(e), delta[output][e],
                        full[output][e]};
            }
        }
    }
    return {};
}

namespace {

void write_file(const std::string& path, const std::string& text) {
    std::ofstream stream(path, std::ios::binary | std::ios::trunc);
    stream << text;
    stream.close();
    if (!stream) {
        throw std::runtime_error(path + " cannot be written");
    }
}

std::string quoted(const std::string& path) {
    return path.find_first_of(" \t'\"$&;()") == std::string::npos ? path : "'" + path + "'";
}

}  // namespace

// The machine, the policy and the upsets each as a file of its kind, for `fluence replay`; which also runs
// them on the register-true machine.
std::string Recheck::write_reproducer(const Case& one, const std::string& difference, const WrongValue& value,
                                      const Codes& golden_logits) const {
    const Experiment& experiment = *plan_.experiment;
    const PolicyPlan& policy = plan_.policies[static_cast<std::size_t>(one.policy)];
    const workloads::Graph& graph = plan_.bundle->graph;
    traces::UpsetGroup group;
    group.id = "fault " + std::to_string(one.fault.id);
    group.image = one.fault.image;
    const FaultFreeRequest fault_free = fault_free_request(policy.policy, graph, experiment.accelerator,
                                                           policy.timeline.cycles, golden_logits);
    group.upsets =
        upsets_of_request({experiment.accelerator, policy.policy, plan_.dram_words}, one.fault.draw(),
                          {policy.timeline.cycles, fault_free.cycles, draws_later(plan_)});
    group.expected.changed_values = one.run.changed_values;
    group.expected.first_changed_layer = one.run.first_changed_layer;
    group.expected.last_changed_layer = one.run.last_changed_layer;
    const std::string upsets = reproducer_ + ".upsets.jsonl", machine = reproducer_ + ".accelerator.json",
                      policy_file = reproducer_ + ".policy.json";
    std::string path = reproducer_ + ".json";
    std::ofstream list(upsets, std::ios::binary | std::ios::trunc);
    traces::write_upset_list(list, {graph.name, experiment.accelerator.name, policy.policy.name, {group}});
    write_file(machine, to_json(experiment.accelerator).dump(2) + "\n");
    write_file(policy_file, protect::to_json(policy.policy).dump(2) + "\n");
    const std::string bundle = experiment.workload.bundle.empty()
                                   ? (std::filesystem::path(path).parent_path() / "workload").string()
                                   : experiment.workload.bundle;
    nlohmann::ordered_json report = {{"difference", difference},
                                     {"fault", one.fault.id},
                                     {"image", one.fault.image},
                                     {"policy", policy.policy.name}};
    report["first_differing_value"] = nullptr;
    if (value.layer >= 0) {
        report["first_differing_value"] = {
            {"layer", graph.layers[static_cast<std::size_t>(value.layer)].name},
            {"layer_number", value.layer},
            {"element", value.element},
            {"delta_engine", value.delta},
            {"full_reexecution", value.full}};
    }
    // Values have no place in the register-true machine.
    const bool values = traces::is_value(one.fault.upset.site);
    report["replay"] = "fluence replay " + quoted(upsets) + " --workload " + quoted(bundle) +
                       " --accelerator " + quoted(machine) + " --policy " + quoted(policy_file) +
                       (values ? " --fidelity fast" : " --fidelity both");
    report["program"] = program_version();
    report["experiment"] = experiment.resolved;
    write_file(path, report.dump(2) + "\n");
    return path;
}

}  // namespace fluence::campaign
