#include "sim/campaign/plan.h"

#include <zlib.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "sim/accel/area.h"
#include "sim/accel/child_process.h"
#include "sim/accel/energy.h"
#include "sim/accel/machine.h"
#include "sim/campaign/inference.h"
#include "sim/campaign/sampling_plan.h"
#include "sim/campaign/workers.h"
#include "sim/core/error.h"
#include "sim/fault/sum_rule.h"
#include "sim/protect/area.h"
#include "sim/protect/rerun.h"

namespace fluence::campaign {
namespace {

using workloads::Codes;

bool same_bounds(const std::vector<arith::OutputBounds>& a, const std::vector<arith::OutputBounds>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
        return x.lo == y.lo && x.hi == y.hi && (x.zero_outside == y.zero_outside || x.lo.empty());
    });
}

// The engines of a plan, each once. Filters are equal where the same policy parts act with the same tables.
class Engines {
  public:
    std::size_t number(const protect::Policy& policy, std::vector<arith::OutputBounds> bounds,
                       const workloads::Bundle& bundle, const AcceleratorConfig& config) {
        Identity identity{filter_json(policy), policy_tables(policy, bundle, config)};
        std::vector<arith::LayerFilters> filters =
            protect::layer_filters(policy, bundle.graph, identity.tables);
        if (filters.empty()) {
            identity = {};
        }
        for (std::size_t i = 0; i < parts_.size(); ++i) {
            if (same_bounds(parts_[i].bounds, bounds) && identities_[i].json == identity.json &&
                identities_[i].tables == identity.tables) {
                return i;
            }
        }
        parts_.push_back({std::move(bounds), std::move(filters)});
        identities_.push_back(std::move(identity));
        return parts_.size() - 1;
    }
    std::vector<EngineParts> take() { return std::move(parts_); }

  private:
    struct Identity {
        nlohmann::json json;
        protect::FilterTables tables;
    };
    // All that decides which filters act where: the policy without its memories.
    static nlohmann::json filter_json(protect::Policy policy) {
        policy.name.clear();
        policy.description.clear();
        policy.memory = {};
        policy.confidence_rerun.reset();
        policy.temporal_dmr.reset();
        policy.due_rerun.reset();
        return protect::to_json(policy);
    }

    std::vector<EngineParts> parts_;
    std::vector<Identity> identities_;
};

std::string first_difference(const workloads::Graph& graph, const std::vector<Codes>& expected,
                             const std::vector<Codes>& actual) {
    for (std::size_t t = 0; t < expected.size(); ++t) {
        if (t < actual.size() && !actual[t].empty() && actual[t] != expected[t]) {
            return graph.tensors[t].name;
        }
    }
    return actual.size() <= index_of(graph.logits) || actual[index_of(graph.logits)].empty()
               ? graph.tensor(graph.logits).name
               : "";
}

// The golden activations that came with the bundle are what the engine computes.
void check_golden(const workloads::Bundle& bundle) {
    const arith::Engine engine(bundle.graph);
    for (std::size_t image = 0; image < bundle.golden.size(); ++image) {
        const auto run = engine.run(bundle.image(static_cast<std::int64_t>(image)));
        const std::string tensor = first_difference(bundle.graph, run.tensors, bundle.golden[image]);
        if (!tensor.empty()) {
            throw InputError(
                "bundle " + bundle.graph.name, "golden activations",
                "tensor \"" + tensor + "\" of image " + std::to_string(image) +
                    " is not what this program computes from the weights; export the bundle again");
        }
    }
}

// The timeline of the machine under a policy, as bytes; what the machine left in DRAM is what the engine
// computes. (The machine works on values in front of range restriction, so the engine has no bounds here.)
std::string simulate_machine(const Experiment& experiment, const workloads::Bundle& bundle,
                             const protect::Policy& policy) {
    const workloads::Codes image = bundle.image(0);
    const accel::MachineRun machine = accel::run_machine(bundle.graph, experiment.accelerator, policy, image);
    const auto sums = fault::sum_rule(bundle.graph, experiment.accelerator);
    const auto run = arith::Engine(bundle.graph, {}, sums).run(image);
    const std::string tensor = first_difference(bundle.graph, run.tensors, machine.tensors);
    if (!tensor.empty()) {
        throw std::logic_error("machine and engine disagree on tensor \"" + tensor + "\" under policy " +
                               policy.name);
    }
    std::ostringstream bytes;
    traces::write(bytes, machine.timeline);
    return bytes.str();
}

// One timeline a policy; fewer where the run was stopped.
std::vector<traces::Timeline> simulate_machines(const Experiment& experiment, const workloads::Bundle& bundle,
                                                int workers, const std::function<bool()>& stop) {
    // The engine stays out of this process, which forks again later: it must not own a library's threads
    // then.
    const auto work = [&](std::int64_t task) {
        if (task == 0) {
            check_golden(bundle);
            return std::string();
        }
        return simulate_machine(experiment, bundle, experiment.policies[static_cast<std::size_t>(task - 1)]);
    };
    std::map<std::int64_t, traces::Timeline> timelines;
    const auto done = [&](std::int64_t task, const std::string& bytes) {
        if (task > 0) {
            std::istringstream stream(bytes);
            timelines[task] = traces::read_timeline(stream, "timeline from a worker");
        }
    };
    std::vector<std::int64_t> tasks(experiment.policies.size() + 1);
    std::iota(tasks.begin(), tasks.end(), 0);
    run_in_workers(workers, tasks, {[&] { return Work(work); }, done, stop}, experiment.file);
    std::vector<traces::Timeline> ordered;
    ordered.reserve(timelines.size());
    for (auto& [task, timeline] : timelines) {
        ordered.push_back(std::move(timeline));
    }
    return ordered;
}

// In a child process, because this one forks again.
std::vector<double> mean_outputs(const Experiment& experiment, const workloads::Bundle& bundle) {
    if (!fault::needs_mean_outputs(experiment.fault_model)) {
        return {};
    }
    if (bundle.calibration_count == 0) {
        throw InputError("bundle " + bundle.graph.name, "calibration_images",
                         "is 0, and fault model " + experiment.fault_model.name +
                             " takes the layers' mean outputs from them: import the model again with this "
                             "version");
    }
    const std::int64_t images =
        std::min(experiment.fault_model.disturbance.calibration_images, bundle.calibration_count);
    const std::string bytes = accel::in_child_process([&] {
        const std::vector<std::uint8_t> coded = nlohmann::json::to_cbor(
            mean_output_codes(bundle, fault::sum_rule(bundle.graph, experiment.accelerator), images));
        return std::string(coded.begin(), coded.end());
    });
    return nlohmann::json::from_cbor(bytes).get<std::vector<double>>();
}

nlohmann::json to_json(const cost::AreaNode& node) {
    nlohmann::json value = {
        {"name", node.name}, {"area_ge", node.area.count()}, {"protection", node.protection}};
    for (const cost::AreaNode& part : node.parts) {
        value["parts"].push_back(to_json(part));
    }
    return value;
}

// As far as the longest request of all policies may reach.
void plan_later_upsets(CampaignPlan& plan) {
    if (!plan.experiment->fault_model.upsets.poisson()) {
        return;
    }
    const AcceleratorConfig& config = plan.experiment->accelerator;
    plan.later_mean = mean_upsets(plan);
    for (const PolicyPlan& policy : plan.policies) {
        const auto run = static_cast<double>(policy.timeline.cycles);
        const Cycles pause = protect::check_cycles(policy.policy, config, plan.bundle->graph) +
                             protect::restart_cycles(config);
        const int more = protect::most_runs(policy.policy) - 1;
        plan.later_extent =
            std::max(plan.later_extent, more * (run + static_cast<double>(pause.count())) / run);
    }
}

PolicyRow policy_row(const CampaignPlan& plan, std::size_t index) {
    const PolicyPlan& policy = plan.policies[index];
    const cost::AreaNode area = accel::area_of(plan.experiment->accelerator, policy.policy);
    PolicyRow row;
    row.id = static_cast<std::int32_t>(index);
    row.name = policy.policy.name;
    row.description = policy.policy.description;
    row.cycles = policy.timeline.cycles;
    row.area_ge = area.area.count();
    row.protection_area_ge = cost::added_area(area).count();
    row.dram_check_share = protect::dram_check_share(plan.experiment->accelerator, policy.policy);
    const std::vector<accel::EnergyPart> energy =
        accel::energy_of(plan.experiment->accelerator, policy.policy, policy.timeline, cost::EnergyTable());
    row.energy_pj = accel::total_of(energy).count();
    row.protection_energy_pj = accel::added_of(energy).count();
    row.composition = protect::to_json(policy.policy);
    row.area_tree = to_json(area);
    row.layers = policy.timeline.layers;
    return row;
}

class Crc {
  public:
    template <class T>
    void add(const std::vector<T>& values) {
        add_value(values.size());
        add(values.data(), values.size() * sizeof(T));
    }
    template <class T>
    void add_value(const T& value) {
        add(&value, sizeof value);
    }
    void add(const void* data, std::size_t size) {
        if (size > 0) {  // zlib takes a null pointer for "start again"
            value_ = crc32_z(value_, static_cast<const Bytef*>(data), size);
        }
    }
    std::string text() const {
        char digits[9];
        std::snprintf(digits, sizeof digits, "%08lx", value_);
        return digits;
    }

  private:
    uLong value_ = crc32_z(0, nullptr, 0);
};

// Under the policy that stores most.
std::int64_t dram_words(const std::vector<fault::SiteClass>& storage) {
    std::int64_t words = 0;
    for (const fault::SiteClass& site : storage) {
        words = site.kind == fault::SiteKind::dram ? site.units : words;
    }
    return words;
}

}  // namespace

std::string program_version() {
    return std::string("fluence ") + FLUENCE_VERSION;
}

std::string workload_digest(const workloads::Bundle& bundle, std::int64_t images) {
    Crc crc;
    for (const workloads::TensorInfo& tensor : bundle.graph.tensors) {
        crc.add_value(tensor.shape);
        crc.add_value(tensor.format);
        crc.add_value(tensor.scale);
    }
    for (const workloads::Layer& layer : bundle.graph.layers) {
        crc.add_value(layer.kind);
        crc.add(layer.inputs);
        crc.add_value(layer.output);
        crc.add_value(layer.window);
        crc.add_value(layer.groups);
        crc.add_value(layer.channels_before);
        crc.add_value(layer.channels_after);
        crc.add(layer.weights);
        crc.add(layer.bias);
        crc.add(layer.multiplier);
        crc.add(layer.shift);
        crc.add_value(layer.clamp_lo);
        crc.add_value(layer.clamp_hi);
    }
    const std::int64_t bytes = images * bundle.graph.tensor(bundle.graph.input).shape.elements();
    crc.add(bundle.images.data(), static_cast<std::size_t>(bytes));
    crc.add(bundle.labels.data(), static_cast<std::size_t>(images) * sizeof bundle.labels[0]);
    crc.add(bundle.calibration.data(), bundle.calibration.size());
    return crc.text();
}

std::optional<CampaignPlan> make_plan(const Experiment& experiment, const workloads::Bundle& bundle,
                                      int workers, const std::function<bool()>& stop) {
    if (experiment.images > bundle.image_count) {
        throw InputError(experiment.file, "images",
                         "is " + std::to_string(experiment.images) + ", but the workload has " +
                             std::to_string(bundle.image_count) + " images",
                         "1 to " + std::to_string(bundle.image_count));
    }
    Engines engines;
    std::vector<PolicyPlan> policies;
    std::vector<std::vector<fault::SiteClass>> sites;
    for (const protect::Policy& given : experiment.policies) {
        const protect::Policy policy = calibrated(given, bundle, experiment.accelerator);
        policies.push_back(
            {policy,
             {},
             engines.number(policy, policy_bounds(policy, bundle), bundle, experiment.accelerator)});
        sites.push_back(fault::site_classes(bundle.graph, experiment.accelerator, policy));
    }
    const std::vector<fault::SiteClass> storage = fault::unite(sites);
    fault::Sampler sampler(experiment.fault_model, bundle.graph, storage, mean_outputs(experiment, bundle));
    std::vector<traces::Timeline> timelines = simulate_machines(experiment, bundle, workers, stop);
    if (timelines.size() < policies.size()) {
        return std::nullopt;
    }
    for (std::size_t i = 0; i < policies.size(); ++i) {
        policies[i].timeline = std::move(timelines[i]);
    }
    CampaignPlan plan{&experiment,
                      &bundle,
                      Batching(experiment.images, experiment.faults),
                      std::move(sampler),
                      Strata(),
                      engines.take(),
                      fault::sum_rule(bundle.graph, experiment.accelerator),
                      std::move(policies),
                      dram_words(storage)};
    if (!plan_sampling(plan, workers, stop)) {
        return std::nullopt;
    }
    plan_later_upsets(plan);
    return plan;
}

PlannedFault planned_fault(const CampaignPlan& plan, std::int64_t id) {
    const FaultOrder& order = plan.batching.order();
    const FaultOrder::Place place = order.place(id);
    PlannedFault fault;
    fault.image = order.image(place);
    fault.stratum = place.stratum;
    fault.draw = plan.strata.draw(plan.sampler, plan.experiment->seed, id, place.stratum, order.round(place),
                                  fault.image);
    if (plan.later_mean > 0 && plan.later_extent > 0) {
        const std::vector<fault::DrawnUpset> later = plan.sampler.later(
            plan.experiment->seed, static_cast<std::uint64_t>(id), plan.later_mean, plan.later_extent);
        fault.draw.further.insert(fault.draw.further.end(), later.begin(), later.end());
    }
    return fault;
}

CampaignHeader make_header(const CampaignPlan& plan) {
    const workloads::Graph& graph = plan.bundle->graph;
    CampaignHeader header;
    header.program = program_version();
    header.experiment = plan.experiment->resolved;
    header.workload = graph.name;
    header.workload_digest = workload_digest(*plan.bundle, plan.experiment->images);
    header.provenance = plan.bundle->provenance;
    for (const workloads::Layer& layer : graph.layers) {
        header.layer_names.push_back(layer.name);
        header.layer_kinds.emplace_back(workloads::name_of(layer.kind));
    }
    header.fp32_top1 = plan.bundle->fp32_top1;
    header.images = plan.experiment->images;
    header.faults = plan.batching.order().faults();
    header.batches = plan.batching.count();
    header.confidence = plan.experiment->confidence;
    header.dram_words = plan.dram_words;
    for (const fault::SiteClass& site : plan.sampler.classes()) {
        header.sites.push_back({name_of(site.kind), site.units, site.bits, site.layer, site.cross_section});
    }
    for (std::size_t i = 0; i < plan.policies.size(); ++i) {
        header.policies.push_back(policy_row(plan, i));
    }
    const FaultOrder& order = plan.batching.order();
    header.strata.clear();
    for (const Stratum& stratum : plan.strata.list()) {
        const auto number = static_cast<std::int32_t>(header.strata.size());
        header.strata.push_back({stratum.label, stratum.upsets, stratum.weight, stratum.population,
                                 order.draws_until(order.looks() - 1, number), stratum.level});
    }
    for (std::int64_t look = 0; plan.experiment->stop && look < order.looks(); ++look) {
        header.looks.push_back({order.first(look + 1), plan.batching.first_batch(look + 1)});
    }
    return header;
}

}  // namespace fluence::campaign
