#include "sim/campaign/sampling_plan.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <numeric>

#include "sim/campaign/batch_runner.h"
#include "sim/campaign/inference.h"
#include "sim/campaign/wire.h"
#include "sim/campaign/workers.h"
#include "sim/core/error.h"
#include "sim/statistics/looks.h"
#include "sim/statistics/poisson.h"
#include "sim/statistics/weighted.h"

namespace fluence::campaign {
namespace {

constexpr double kRareUpsets = 1e-6;      // share of inferences with upsets whose number is not simulated
constexpr std::int64_t kLeastFaults = 2;  // of a stratum: fewer have no variance

bool has_confidence(const SamplingConfig* config) {
    return config != nullptr &&
           std::find(config->by.begin(), config->by.end(), "confidence") != config->by.end();
}

// Top2Diff of every image without faults, under the first policy; empty where the run was stopped.
std::vector<double> confidences(const CampaignPlan& plan, int workers, const std::function<bool()>& stop) {
    constexpr std::int64_t kImagesOfTask = 16;
    const std::int64_t images = plan.experiment->images;
    std::vector<double> values(static_cast<std::size_t>(images));
    const auto start = [&plan, images] {
        return [&plan, images](std::int64_t task) {
            const workloads::Graph& graph = plan.bundle->graph;
            const EngineParts& parts = plan.engines[plan.policies.front().engine];
            const arith::Engine engine(graph, parts.bounds, plan.sums, parts.filters);
            std::string bytes;
            for (std::int64_t i = task * kImagesOfTask; i < std::min(images, (task + 1) * kImagesOfTask);
                 ++i) {
                const arith::GoldenRun run = engine.run(plan.bundle->image(i));
                const double value =
                    top2_difference(run.tensors[index_of(graph.logits)], graph.tensor(graph.logits).scale);
                bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
            }
            return bytes;
        };
    };
    std::int64_t done = 0;
    const auto take = [&](std::int64_t task, const std::string& bytes) {
        std::memcpy(&values[static_cast<std::size_t>(task * kImagesOfTask)], bytes.data(), bytes.size());
        ++done;
    };
    std::vector<std::int64_t> tasks(static_cast<std::size_t>((images + kImagesOfTask - 1) / kImagesOfTask));
    std::iota(tasks.begin(), tasks.end(), 0);
    run_in_workers(workers, tasks, {start, take, stop}, plan.experiment->file);
    return done == static_cast<std::int64_t>(tasks.size()) ? values : std::vector<double>();
}

std::vector<std::int32_t> groups_of(const Strata& strata) {
    std::vector<std::int32_t> groups;
    for (const Stratum& stratum : strata.list()) {
        groups.push_back(stratum.group);
    }
    return groups;
}

FaultOrder order_of(const Strata& strata, std::vector<std::vector<std::int64_t>> until) {
    std::vector<std::vector<std::int32_t>> groups;
    for (const ImageGroup& group : strata.groups()) {
        groups.push_back(group.images);
    }
    return FaultOrder(std::move(groups), groups_of(strata), std::move(until));
}

// W·√(mean over policies of p(1 − p)) of each stratum, from a campaign of its own whose draws are not those
// of the campaign; empty where the run was stopped. Rates are drawn in by half a fault, so that none is 0.
std::vector<double> neyman_shares(const CampaignPlan& plan, int workers, const std::function<bool()>& stop) {
    Experiment experiment = *plan.experiment;
    constexpr std::uint64_t kPilot = 0x9E3779B97F4A7C15U;  // another seed
    experiment.seed ^= kPilot;
    experiment.self_check = 0;  // its faults enter no result
    CampaignPlan pilot = plan;
    pilot.experiment = &experiment;
    const std::size_t count = plan.strata.list().size();
    pilot.batching =
        Batching(order_of(plan.strata, {std::vector<std::int64_t>(count, experiment.sampling->pilot)}));
    const std::string metric = experiment.stop ? experiment.stop->metric : "sdc";
    const auto counts_as = [&metric](const OutcomeRow& row) {
        return metric == "accuracy"     ? row.correct
               : metric == "due"        ? row.outcome == Outcome::due
               : metric == "sdc_or_due" ? row.outcome == Outcome::sdc || row.outcome == Outcome::due
                                        : row.outcome == Outcome::sdc;
    };
    std::vector<std::vector<double>> events(count, std::vector<double>(plan.policies.size(), 0));
    std::vector<double> total(count, 0);
    const auto start = [&pilot] {
        const auto runner = std::make_shared<BatchRunner>(pilot);
        return [runner](std::int64_t batch) { return encode(runner->run(batch)); };
    };
    std::int64_t done = 0;
    const auto take = [&](std::int64_t, const std::string& bytes) {
        const BatchResult result = decode(bytes);
        for (std::size_t i = 0; i < result.outcomes.size(); ++i) {
            const OutcomeRow& row = result.outcomes[i];
            const auto stratum = static_cast<std::size_t>(result.faults[i / plan.policies.size()].stratum);
            events[stratum][static_cast<std::size_t>(row.policy)] += counts_as(row) ? 1 : 0;
            total[stratum] += row.policy == 0 ? 1 : 0;
        }
        ++done;
    };
    std::vector<std::int64_t> tasks(static_cast<std::size_t>(pilot.batching.count()));
    std::iota(tasks.begin(), tasks.end(), 0);
    run_in_workers(workers, tasks, {start, take, stop}, experiment.file);
    std::vector<double> shares;
    for (std::size_t h = 0; h < count && done == static_cast<std::int64_t>(tasks.size()); ++h) {
        double variance = 0;
        for (const double found : events[h]) {
            const double p = (found + 0.5) / (total[h] + 1);
            variance += p * (1 - p) / static_cast<double>(events[h].size());
        }
        shares.push_back(plan.strata.list()[h].weight * std::sqrt(variance));
    }
    return shares;
}

std::vector<double> shares_of(const CampaignPlan& plan, int workers, const std::function<bool()>& stop) {
    const Experiment& experiment = *plan.experiment;
    const std::string allocation = experiment.sampling ? experiment.sampling->allocation
                                   : experiment.fault_model.upsets.poisson() || !plan.sampler.levels().empty()
                                       ? "equal"
                                       : "proportional";
    if (allocation == "neyman") {
        return neyman_shares(plan, workers, stop);
    }
    std::vector<double> shares;
    for (const Stratum& stratum : plan.strata.list()) {
        shares.push_back(allocation == "equal" ? 1.0 : stratum.weight);
    }
    return shares;
}

// Draws of every stratum by the end of each look.
std::vector<std::vector<std::int64_t>> allocate(const CampaignPlan& plan, const std::vector<double>& shares) {
    const Experiment& experiment = *plan.experiment;
    const std::vector<Stratum>& strata = plan.strata.list();
    const auto count = static_cast<std::int64_t>(strata.size());
    if (experiment.faults < kLeastFaults * count && count > 1) {
        throw InputError(experiment.file, "faults",
                         "is " + std::to_string(experiment.faults) + ", but there are " +
                             std::to_string(count) + " strata",
                         "from " + std::to_string(kLeastFaults * count) + " on, or fewer strata");
    }
    std::vector<std::int64_t> looks = {experiment.faults};
    if (experiment.stop) {
        looks = statistics::look_schedule(experiment.stop->half_width, experiment.confidence,
                                          experiment.stop->looks, experiment.faults);
        if (count > 1 && looks.back() < experiment.faults) {
            looks.back() = experiment.faults;  // weights may ask for more than the worst case without them
        }
    }
    const std::int64_t least = count > 1 ? kLeastFaults : 0;
    std::vector<std::vector<std::int64_t>> until;
    for (const std::int64_t faults : looks) {
        std::vector<std::int64_t> draws =
            statistics::apportion(shares, std::max(faults, least * count), least);
        if (until.empty() || draws != until.back()) {
            until.push_back(std::move(draws));
        }
    }
    for (std::size_t h = 0; h < strata.size(); ++h) {
        if (strata[h].population > 0 && static_cast<double>(until.back()[h]) > strata[h].population) {
            throw InputError(experiment.file, "faults",
                             "stratum \"" + strata[h].label + "\" has only " +
                                 std::to_string(std::llround(strata[h].population)) +
                                 " different faults, fewer than would be drawn from it",
                             "fewer faults, another allocation, or fewer strata");
        }
    }
    return until;
}

double struck_units(const CampaignPlan& plan) {
    double units = 0;
    for (const fault::SiteClass& site : plan.sampler.classes()) {
        units += static_cast<double>(site.units);
    }
    return units;
}

// Of a pattern that the model draws no bit is the first one.
void check_strata(const Experiment& experiment, const fault::Sampler& sampler) {
    if (experiment.sampling && !sampler.levels().empty()) {
        throw InputError(
            experiment.file, "sampling",
            "is there, but a fault of " + experiment.fault_model.name + " disturbs the neurons of all layers",
            "an experiment without it");
    }
    if (experiment.sampling && !sampler.begins_at_bits() &&
        std::count(experiment.sampling->by.begin(), experiment.sampling->by.end(), "bit") > 0) {
        throw InputError(experiment.file, "sampling.strata",
                         "has \"bit\", but " + experiment.fault_model.name + " draws patterns of bits",
                         "structure, layer, confidence");
    }
}

}  // namespace

double mean_upsets(const CampaignPlan& plan) {
    const fault::UpsetCount& upsets = plan.experiment->fault_model.upsets;
    if (upsets.error_rate) {
        return *upsets.error_rate * struck_units(plan);
    }
    if (!upsets.rate_fit_per_mbit) {
        return upsets.mean.value_or(0);
    }
    double bits = 0;
    for (const fault::SiteClass& site : plan.sampler.classes()) {
        bits += site.weight();
    }
    constexpr double kHzPerMHz = 1e6;
    const double clock =
        upsets.clock_hz > 0 ? upsets.clock_hz : kHzPerMHz * plan.experiment->accelerator.clock_mhz;
    return statistics::expected_upsets(*upsets.rate_fit_per_mbit, bits,
                                       static_cast<double>(plan.policies.front().timeline.cycles), clock);
}

int most_upsets(const CampaignPlan& plan, double mean) {
    const fault::UpsetCount& upsets = plan.experiment->fault_model.upsets;
    double largest = mean;
    for (const double other : upsets.means) {
        largest = std::max(largest, other);
    }
    for (const double rate : upsets.error_rates) {
        largest = std::max(largest, rate * struck_units(plan));
    }
    const double some = -std::expm1(-largest);  // P(K ≥ 1)
    return upsets.most > 0
               ? upsets.most
               : std::min(fault::kMostUpsets, statistics::poisson_reach(largest, kRareUpsets * some));
}

bool plan_sampling(CampaignPlan& plan, int workers, const std::function<bool()>& stop) {
    const Experiment& experiment = *plan.experiment;
    check_strata(experiment, plan.sampler);
    const SamplingConfig* config = experiment.sampling ? &*experiment.sampling : nullptr;
    const fault::UpsetCount& upsets = experiment.fault_model.upsets;
    std::vector<ImageGroup> groups(1);
    groups[0].images.resize(static_cast<std::size_t>(experiment.images));
    std::iota(groups[0].images.begin(), groups[0].images.end(), 0);
    if (!plan.sampler.levels().empty()) {
        const fault::FaultModelConfig& model = experiment.fault_model;
        plan.strata = Strata(plan.sampler, model.disturbance, fault::level_of_fault_model(model.name),
                             std::move(groups.front()));
        plan.batching = Batching(order_of(plan.strata, allocate(plan, shares_of(plan, workers, stop))));
        return true;
    }
    if (has_confidence(config)) {
        const std::vector<double> top2diff = confidences(plan, workers, stop);
        if (top2diff.empty()) {
            return false;
        }
        groups = confidence_terciles(top2diff);
    }
    std::vector<double> weights = {1};
    if (upsets.poisson()) {
        const double mean = mean_upsets(plan);
        if (!(mean > 0) || std::isinf(mean)) {
            throw InputError(experiment.file, "fault_model.upsets", "leaves no upset to simulate",
                             "a rate and a clock above 0");
        }
        if (mean > fault::kMostUpsets) {
            throw InputError(experiment.file, "fault_model.upsets",
                             "means " + std::to_string(std::llround(mean)) + " upsets an inference",
                             "a rate that means " + std::to_string(fault::kMostUpsets) + " at most");
        }
        weights = statistics::poisson_weights(mean, most_upsets(plan, mean));
        weights.erase(weights.begin());
    }
    plan.strata = Strata(config, plan.sampler, experiment.accelerator, plan.policies.front().timeline,
                         std::move(groups), weights, upsets.poisson() ? 1 : upsets.fixed);
    const std::vector<double> shares = shares_of(plan, workers, stop);
    if (shares.empty()) {
        return false;
    }
    plan.batching = Batching(order_of(plan.strata, allocate(plan, shares)));
    return true;
}

}  // namespace fluence::campaign
