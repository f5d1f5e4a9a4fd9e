#include "sim/campaign/replay.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>

#include "sim/core/error.h"
#include "sim/core/text.h"
#include "sim/fault/site_table.h"
#include "sim/fault/sites.h"
#include "sim/protect/array_orders.h"

namespace fluence::campaign {
namespace {

using traces::UpsetGroup;

std::vector<std::string> outcome_names() {
    std::vector<std::string> names;
    for (int i = 0; i < kOutcomeCount; ++i) {
        names.emplace_back(name_of(static_cast<Outcome>(i)));
    }
    return names;
}

std::vector<std::string> dead_names() {
    std::vector<std::string> names;
    for (int i = 0; i < fault::kDeadReasonCount; ++i) {
        names.emplace_back(name_of(static_cast<fault::DeadReason>(i)));
    }
    return names;
}

std::string up_to(std::int64_t count) {
    return "0 to " + std::to_string(count - 1);
}

// Throws the InputErrors of one group.
class GroupCheck {
  public:
    GroupCheck(const std::string& file, const UpsetGroup& group, const workloads::Graph& graph,
               const std::vector<fault::SiteClass>& sites, Fidelity fidelity)
        : file_(file), group_(group), graph_(graph), sites_(sites), fidelity_(fidelity) {}

    void run(std::int64_t images) const {
        check_index("image", group_.image, images);
        for (const traces::Upset& upset : group_.upsets) {
            check_upset(upset);
        }
        check_name("expected.outcome", group_.expected.outcome, outcome_names());
        check_name("expected.dead", group_.expected.dead, dead_names());
    }

  private:
    [[noreturn]] void fail(const std::string& key, const std::string& reason,
                           const std::string& valid) const {
        throw InputError(file_, group_.id + "." + key, reason, valid);
    }
    void check_index(const std::string& key, std::int64_t value, std::int64_t count) const {
        if (value < 0 || value >= count) {
            fail(key, "is " + std::to_string(value), up_to(count));
        }
    }
    void check_name(const std::string& key, const std::optional<std::string>& name,
                    const std::vector<std::string>& valid) const {
        if (name && std::find(valid.begin(), valid.end(), *name) == valid.end()) {
            fail(key, "is \"" + *name + "\"", comma_list(valid));
        }
    }
    void check_upset(const traces::Upset& upset) const {
        if (traces::is_value(upset.site)) {
            if (fidelity_ != Fidelity::fast) {
                fail("site",
                     std::string("is ") + name_of(upset.site) +
                         ", a value that the register-true machine has no place for",
                     "--fidelity fast");
            }
            check_index("layer", upset.layer, static_cast<std::int64_t>(graph_.layers.size()));
            const workloads::Layer& layer = graph_.layers[static_cast<std::size_t>(upset.layer)];
            if (upset.site != traces::SiteKind::neuron && !layer.has_macs()) {
                fail("layer", "is " + layer.name + ", which has no MACs", "a convolution or linear layer");
            }
            if (traces::is_disturbance(upset.site)) {
                return;  // its unit is the number of a stream
            }
            check_index("unit", upset.unit,
                        upset.site == traces::SiteKind::weight
                            ? static_cast<std::int64_t>(layer.weights.size())
                            : graph_.tensor(layer.output).shape.elements());
            return;
        }
        if (fault::depends_on_policy(upset.site)) {
            return;  // recorded faults strike the parts of all policies of their campaign
        }
        std::vector<std::string> names;
        for (const fault::SiteClass& site : sites_) {
            names.emplace_back(name_of(site.kind));
            if (site.kind == upset.site) {
                // A campaign strikes the DRAM words of all its policies, and some have more weights.
                if (upset.site != traces::SiteKind::dram || group_.expected.dead != "absent") {
                    check_index("unit", upset.unit, site.units);
                }
                return;
            }
        }
        fail("site", std::string("is ") + name_of(upset.site) + ", which this machine does not have",
             comma_list(names) + ", neuron, mac_output, weight, neuron_dropout, neuron_noise");
    }

    const std::string& file_;
    const UpsetGroup& group_;
    const workloads::Graph& graph_;
    const std::vector<fault::SiteClass>& sites_;
    const Fidelity fidelity_;
};

template <class T>
std::string shown(const T& value) {
    if constexpr (std::is_same_v<T, bool>) {
        return value ? "true" : "false";
    } else if constexpr (std::is_same_v<T, std::string>) {
        return value;
    } else {
        return std::to_string(value);
    }
}

// Collects lines "WHAT is A, B said C".
class Comparison {
  public:
    Comparison(std::string actual, std::string reference)
        : actual_(std::move(actual)), reference_(std::move(reference)) {}

    template <class T>
    void same(const std::string& what, const T& actual, const T& reference) {
        if (actual != reference) {
            lines_.push_back(what + ": " + actual_ + " " + shown(actual) + ", " + reference_ + " " +
                             shown(reference));
        }
    }
    template <class T>
    void expected(const std::string& what, const T& actual, const std::optional<T>& reference) {
        if (reference) {
            same(what, actual, *reference);
        }
    }
    std::vector<std::string> lines() { return std::move(lines_); }

  private:
    std::string actual_, reference_;
    std::vector<std::string> lines_;
};

void count_changes(const workloads::Graph& graph, FaultPath& path) {
    for (const LayerPath& layer : path.layers) {
        if (layer.changed == 0) {
            continue;
        }
        path.first_changed_layer = path.first_changed_layer < 0 ? layer.layer : path.first_changed_layer;
        path.last_changed_layer = layer.layer;
        const bool flatten =
            graph.layers[static_cast<std::size_t>(layer.layer)].kind == workloads::OpKind::flatten;
        path.changed_values += flatten ? 0 : layer.changed;
    }
}

}  // namespace

Fidelity fidelity_named(const std::string& name, const std::string& key) {
    const std::map<std::string, Fidelity> names = {
        {"fast", Fidelity::fast}, {"detailed", Fidelity::detailed}, {"both", Fidelity::both}};
    const auto found = names.find(name);
    if (found == names.end()) {
        throw InputError("fluence replay", key, "is \"" + name + "\"", "fast, detailed, both");
    }
    return found->second;
}

Replay::Replay(const workloads::Bundle& bundle, const AcceleratorConfig& config,
               const protect::Policy& policy)
    : bundle_(bundle),
      config_(config),
      policy_(calibrated(policy, bundle, config)),
      bounds_(policy_bounds(policy, bundle)),
      filters_(protect::layer_filters(policy, bundle.graph, policy_tables(policy, bundle, config))),
      timeline_(accel::run_machine(bundle.graph, config, policy, bundle.image(0)).timeline) {}

void Replay::check(const std::vector<UpsetGroup>& groups, const std::string& file, Fidelity fidelity) const {
    const std::vector<fault::SiteClass> sites = fault::site_classes(bundle_.graph, config_, policy_);
    for (const UpsetGroup& group : groups) {
        GroupCheck(file, group, bundle_.graph, sites, fidelity).run(bundle_.image_count);
    }
}

std::vector<Replayed> Replay::run(const std::vector<UpsetGroup>& groups, Fidelity fidelity) const {
    // The detailed machine runs in child processes, and so before an engine starts its library's threads
    // here.
    std::vector<accel::DetailedRun> detailed;
    if (fidelity != Fidelity::fast) {
        detailed = run_detailed(groups);
    }
    std::vector<Replayed> all;
    std::unique_ptr<InferenceRunner> runner;
    std::int64_t image = -1;
    for (std::size_t i = 0; i < groups.size(); ++i) {
        if (groups[i].image != image) {
            image = groups[i].image;
            runner = std::make_unique<InferenceRunner>(bundle_.graph, config_, policy_, timeline_, bounds_,
                                                       bundle_.image(image), filters_);
        }
        all.push_back(
            replay(groups[i], *runner, fidelity, detailed.empty() ? accel::DetailedRun() : detailed[i]));
    }
    return all;
}

Replayed Replay::replay(const UpsetGroup& group, InferenceRunner& runner, Fidelity fidelity,
                        const accel::DetailedRun& detailed) const {
    const RecordedRun recorded = {bundle_.graph, config_, timeline_, runner.golden(),
                                  protect::array_orders(policy_, bundle_.graph, config_)};
    Replayed replayed;
    FaultPath& path = replayed.path;
    path.id = group.id;
    path.policy = policy_.name;
    path.image = group.image;
    path.label = bundle_.labels[static_cast<std::size_t>(group.image)];
    path.golden_logits = runner.golden_logits();
    for (const traces::Upset& upset : group.upsets) {
        path.struck.push_back(struck_site(recorded, upset));
    }
    if (fidelity == Fidelity::detailed) {
        path.sums_known = false;
        path.result = judged(detailed, bundle_.graph, runner.golden());
        path.layers = layer_paths(bundle_.graph, runner.golden(), detailed.tensors);
        path.recovery_cycles = detailed.recovery_cycles;
    } else {
        const TracedInference fast = runner.run(group.upsets);
        path.result = fast.result;
        path.layers = layer_paths(bundle_.graph, runner.golden(), fast);
        path.recovery_cycles = fast.resolution.recovery_cycles;
        if (fidelity == Fidelity::both) {
            replayed.differences = differences_between(runner, fast, detailed, bundle_.graph);
        }
    }
    count_changes(bundle_.graph, path);
    for (std::string& line : differences_from(group.expected, path)) {
        replayed.differences.push_back(std::move(line));
    }
    return replayed;
}

// The bits that the machine has; a campaign strikes the check bits and parts of all its policies.
std::vector<traces::Upset> Replay::present(const UpsetGroup& group) const {
    const std::vector<fault::SiteClass> sites = fault::site_classes(bundle_.graph, config_, policy_);
    std::vector<traces::Upset> upsets;
    for (traces::Upset upset : group.upsets) {
        bool here = !fault::depends_on_policy(upset.site);
        for (const fault::SiteClass& site : sites) {
            if (site.kind == upset.site) {
                here = here || upset.unit < site.units;
                const auto absent = static_cast<std::size_t>(kMaxWordBits - site.bits);
                upset.bits = upset.unit < site.units ? upset.bits << absent >> absent : WordBits();
            }
        }
        if (here && upset.bits.any()) {
            upsets.push_back(upset);
        }
    }
    return upsets;
}

std::vector<accel::DetailedRun> Replay::run_detailed(const std::vector<UpsetGroup>& groups) const {
    std::map<std::int64_t, std::vector<std::size_t>> by_image;
    for (std::size_t i = 0; i < groups.size(); ++i) {
        by_image[groups[i].image].push_back(i);
    }
    std::vector<accel::DetailedRun> runs(groups.size());
    for (const auto& [image, members] : by_image) {
        std::vector<std::vector<traces::Upset>> lists;
        for (const std::size_t i : members) {
            lists.push_back(present(groups[i]));
        }
        std::vector<accel::DetailedRun> made = accel::run_detailed_each(
            bundle_.graph, config_, policy_, timeline_, bundle_.image(image), lists, bounds_, filters_);
        for (std::size_t j = 0; j < members.size(); ++j) {
            runs[members[j]] = std::move(made[j]);
        }
    }
    return runs;
}

Inference judged(const accel::DetailedRun& run, const workloads::Graph& graph,
                 const arith::GoldenRun& golden) {
    Inference result;
    result.flags = {run.corrected, run.detected, run.suppressed, run.unrepaired, run.aborted};
    result.runs = run.runs;
    result.cycles = run.cycles;
    if (run.aborted) {
        result.outcome = Outcome::due;
        return result;
    }
    result.logits = run.tensors[index_of(graph.logits)];
    result.outcome = classify(golden.tensors[index_of(graph.logits)], result.logits, run.unrepaired);
    return result;
}

std::vector<std::string> differences_between(const InferenceRunner& runner, const TracedInference& fast,
                                             const accel::DetailedRun& detailed,
                                             const workloads::Graph& graph) {
    const Inference other = judged(detailed, graph, runner.golden());
    Comparison compare("fast machine", "detailed machine");
    compare.same("outcome", std::string(name_of(fast.result.outcome)), std::string(name_of(other.outcome)));
    compare.same("corrected", fast.result.flags.corrected, other.flags.corrected);
    compare.same("detected", fast.result.flags.detected, other.flags.detected);
    compare.same("suppressed", fast.result.flags.suppressed, other.flags.suppressed);
    compare.same("unrepaired", fast.result.flags.unrepaired, other.flags.unrepaired);
    compare.same("aborted", fast.result.flags.aborted, other.flags.aborted);
    compare.same("runs", fast.result.runs, other.runs);
    compare.same("cycles", fast.result.cycles, other.cycles);
    compare.same("recovery cycles", fast.resolution.recovery_cycles, detailed.recovery_cycles);
    if (!fast.result.flags.aborted && !other.flags.aborted) {
        const std::vector<workloads::Codes> tensors = runner.tensors_of(fast);
        for (std::size_t t = 0; t < tensors.size(); ++t) {
            const workloads::Codes& codes = detailed.tensors[t];
            for (std::size_t e = 0; e < std::min(codes.size(), tensors[t].size()); ++e) {
                if (codes[e] != tensors[t][e]) {
                    compare.same("tensor " + graph.tensors[t].name + ", element " + std::to_string(e),
                                 tensors[t][e], codes[e]);
                    break;
                }
            }
        }
    }
    return compare.lines();
}

std::vector<std::string> differences_from(const traces::ExpectedOutcome& expected, const FaultPath& path) {
    Comparison compare("replay", "recorded");
    compare.expected("outcome", std::string(name_of(path.result.outcome)), expected.outcome);
    if (path.sums_known) {
        compare.expected("dead", std::string(name_of(path.result.dead)), expected.dead);
    }
    compare.expected("corrected", path.result.flags.corrected, expected.corrected);
    compare.expected("detected", path.result.flags.detected, expected.detected);
    compare.expected("suppressed", path.result.flags.suppressed, expected.suppressed);
    compare.expected<std::int64_t>("first changed layer", path.first_changed_layer,
                                   expected.first_changed_layer);
    compare.expected<std::int64_t>("last changed layer", path.last_changed_layer,
                                   expected.last_changed_layer);
    compare.expected("changed values", path.changed_values, expected.changed_values);
    compare.expected<std::int64_t>("top-1", path.result.logits.empty() ? -1 : top1(path.result.logits),
                                   expected.top1);
    return compare.lines();
}

}  // namespace fluence::campaign
