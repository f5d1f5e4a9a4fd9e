#include "analysis/summary.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "analysis/breakdown.h"
#include "analysis/notes.h"
#include "sim/core/error.h"
#include "sim/statistics/looks.h"

namespace fluence::analysis {

namespace {

using campaign::kOutcomeCount;
using campaign::Outcome;
using campaign::OutcomeRow;

// What is counted of one policy while rows come in.
struct Tally {
    std::int64_t images = 0, images_correct = 0;
    std::int64_t faults = 0, correct = 0;
    std::array<std::int64_t, kOutcomeCount> outcomes{};
    std::array<std::int64_t, fault::kDeadReasonCount> dead{};
    std::int64_t corrected = 0, detected = 0, suppressed = 0, acted = 0, different = 0;
    std::int64_t image_cycles = 0, images_again = 0, again = 0;
    RunningMean delta_loss, recovery;
    PairedCounts sdc, accuracy;  // first: this policy, second: the reference
};

void count_pair(PairedCounts& counts, bool first, bool second) {
    if (first) {
        ++(second ? counts.both : counts.only_first);
    } else {
        ++(second ? counts.only_second : counts.neither);
    }
}

// Whether two inferences with the same fault ended in another way, flags aside.
bool ended_otherwise(const OutcomeRow& a, const OutcomeRow& b) {
    return a.outcome != b.outcome || a.top1 != b.top1 || a.changed_values != b.changed_values ||
           a.first_changed_layer != b.first_changed_layer || a.last_changed_layer != b.last_changed_layer ||
           a.delta_loss != b.delta_loss;
}

void count_row(Tally& tally, const OutcomeRow& row, const OutcomeRow& reference) {
    ++tally.faults;
    tally.correct += row.correct;
    ++tally.outcomes[static_cast<std::size_t>(row.outcome)];
    ++tally.dead[static_cast<std::size_t>(row.dead)];
    tally.corrected += row.corrected;
    tally.detected += row.detected;
    tally.suppressed += row.suppressed;
    tally.acted += row.corrected || row.detected || row.suppressed;
    tally.different += ended_otherwise(row, reference);
    tally.delta_loss.add(row.delta_loss);
    tally.again += row.runs > 1;
    tally.recovery.add(static_cast<double>(row.recovery_cycles));
    count_pair(tally.sdc, row.outcome == Outcome::sdc, reference.outcome == Outcome::sdc);
    count_pair(tally.accuracy, row.correct, reference.correct);
}

double percent_more(double value, double reference) {
    return reference > 0 ? 100 * (value - reference) / reference : 0;
}

std::vector<LayerLatency> latencies(const std::vector<traces::LayerStats>& layers) {
    std::vector<LayerLatency> result;
    for (const traces::LayerStats& stats : layers) {
        LayerLatency layer;
        layer.name = stats.name;
        layer.cycles = stats.end - stats.begin;
        layer.macs = stats.macs;
        layer.busy = stats.busy_cycles;
        layer.preload = stats.preload_cycles;
        layer.stall_weights = stats.stall_weights;
        layer.stall_activations = stats.stall_activations;
        layer.stall_drain = stats.stall_drain;
        layer.stall_store = stats.stall_store;
        layer.stall_port = stats.stall_port;
        layer.utilisation = stats.utilisation;
        layer.dram_read_words = stats.dram_read_words;
        layer.dram_write_words = stats.dram_write_words;
        layer.unique_words = stats.unique_words;
        result.push_back(std::move(layer));
    }
    return result;
}

std::size_t find_reference(const std::vector<campaign::PolicyRow>& policies) {
    const auto none = std::find_if(policies.begin(), policies.end(),
                                   [](const campaign::PolicyRow& policy) { return policy.name == "none"; });
    return none == policies.end() ? 0 : static_cast<std::size_t>(none - policies.begin());
}

// A value of a nested object of the resolved experiment, or null.
const nlohmann::json& at_path(const nlohmann::json& value, const std::vector<std::string>& keys) {
    static const nlohmann::json nothing;
    const nlohmann::json* at = &value;
    for (const std::string& key : keys) {
        const auto found = at->is_object() ? at->find(key) : at->end();
        if (!at->is_object() || found == at->end()) {
            return nothing;
        }
        at = &*found;
    }
    return *at;
}

std::string text_at(const nlohmann::json& value, const std::vector<std::string>& keys) {
    const nlohmann::json& found = at_path(value, keys);
    if (found.is_null()) {
        return "";
    }
    return found.is_string() ? found.get<std::string>() : found.dump();
}

// Looks of a campaign that stops by a rule share the error of its intervals; 0: there is no such rule.
int looks_of(const campaign::CampaignHeader& header) {
    const nlohmann::json& looks = at_path(header.experiment, {"stop", "looks"});
    return looks.is_number_integer() ? looks.get<int>() : 0;
}

// The experiment's; where it stops by a rule the one that covers at every look, whatever is asked for.
IntervalMethod method_of(const campaign::CampaignHeader& header) {
    const nlohmann::json& name = at_path(header.experiment, {"interval"});
    return name.is_string() ? interval_method_named(name.get<std::string>()) : IntervalMethod::wilson;
}

double confidence_of_intervals(const campaign::CampaignHeader& header, double confidence) {
    const int looks = looks_of(header);
    // Outside (0,1) it is refused later.
    return looks > 0 && confidence > 0 && confidence < 1 ? statistics::confidence_of_look(confidence, looks)
                                                         : confidence;
}

}  // namespace

struct SummaryBuilder::Impl {
    campaign::CampaignHeader header;
    std::string file;
    double confidence;
    IntervalMethod method;
    std::size_t reference;
    std::map<std::int32_t, std::size_t> policy_index;  // by id
    std::vector<std::vector<Tally>> tallies;           // by policy and stratum
    std::vector<const OutcomeRow*> by_policy;          // scratch
    BreakdownCounter breakdowns;
    LedgerCounter ledger;
    std::int64_t checked = 0;
    VulnerabilityCounter vulnerability;
    Sampling sampling;

    Impl(const campaign::CampaignHeader& campaign_header, const SummaryOptions& options,
         std::string file_name)
        : header(campaign_header),
          file(std::move(file_name)),
          confidence(options.confidence.value_or(campaign_header.confidence)),
          method(looks_of(header) > 0 ? IntervalMethod::clopper_pearson
                                      : options.method.value_or(method_of(header))),
          reference(find_reference(header.policies)),
          tallies(header.policies.size(), std::vector<Tally>(header.strata.size())),
          breakdowns(header.policies.size(), header),
          ledger(header.policies.size(), header.strata.size()),
          vulnerability(header),
          sampling(header.strata, method, confidence_of_intervals(header, confidence)) {
        if (!(confidence > 0 && confidence < 1)) {
            throw InputError(file, "confidence", "is " + nlohmann::json(confidence).dump(),
                             "a number between 0 and 1, for instance 0.95");
        }
        if (header.policies.empty()) {
            throw InputError(file, "policies", "the results hold no policy");
        }
        for (std::size_t i = 0; i < header.policies.size(); ++i) {
            policy_index[header.policies[i].id] = i;
        }
    }

    std::size_t index_of_policy(std::int32_t id) const {
        const auto found = policy_index.find(id);
        if (found == policy_index.end()) {
            throw InputError(file, "policy",
                             "a row names policy " + std::to_string(id) + ", which is not listed");
        }
        return found->second;
    }

    template <class Count>
    Estimate rate(const std::vector<Tally>& strata, Count&& count) const {
        std::vector<StratumTally> tallies_of;
        for (const Tally& tally : strata) {
            tallies_of.push_back({count(tally), tally.faults});
        }
        return sampling.rate(tallies_of);
    }

    // Over images, which are all looked at.
    Estimate fault_free(const std::vector<Tally>& strata, std::int64_t count) const {
        return estimate(method, count, strata.front().images, sampling.confidence());
    }

    MeanEstimate mean(const std::vector<Tally>& strata, RunningMean Tally::*of) const {
        std::vector<RunningMean> values;
        MeanEstimate result;
        for (const Tally& tally : strata) {
            values.push_back(tally.*of);
            result.total += (tally.*of).total();
        }
        const Sampling::Mean found = sampling.mean(values);
        result.mean = found.mean;
        result.standard_error = found.standard_error;
        result.interval = found.interval;
        return result;
    }

    void fill_rates(PolicySummary& summary, const std::vector<Tally>& strata) const {
        summary.fault_free_accuracy = fault_free(strata, strata.front().images_correct);
        summary.false_alarms = fault_free(strata, strata.front().images_again);
        summary.run_again = rate(strata, [](const Tally& tally) { return tally.again; });
        summary.recovery_cycles = mean(strata, &Tally::recovery);
        summary.accuracy = rate(strata, [](const Tally& tally) { return tally.correct; });
        for (std::size_t i = 0; i < kOutcomeCount; ++i) {
            summary.outcomes[i] = rate(strata, [i](const Tally& tally) { return tally.outcomes[i]; });
        }
        summary.corrected = rate(strata, [](const Tally& tally) { return tally.corrected; });
        summary.detected = rate(strata, [](const Tally& tally) { return tally.detected; });
        summary.suppressed = rate(strata, [](const Tally& tally) { return tally.suppressed; });
        summary.dead = rate(strata, [](const Tally& tally) {
            return tally.faults - tally.dead[static_cast<std::size_t>(fault::DeadReason::none)];
        });
        for (int i = 0; i < fault::kDeadReasonCount; ++i) {
            const auto reason = static_cast<fault::DeadReason>(i);
            std::int64_t count = 0;
            for (const Tally& tally : strata) {
                count += tally.dead[static_cast<std::size_t>(i)];
            }
            if (reason != fault::DeadReason::none && count > 0) {
                summary.dead_reasons.push_back({name_of(reason), count});
            }
        }
        summary.delta_loss = mean(strata, &Tally::delta_loss);
    }

    void fill_differences(PolicySummary& summary, const std::vector<Tally>& strata) const {
        std::vector<PairedCounts> sdc, accuracy;
        for (const Tally& tally : strata) {
            sdc.push_back(tally.sdc);
            accuracy.push_back(tally.accuracy);
            summary.acted += tally.acted;
            summary.different += tally.different;
        }
        summary.sdc_difference = sampling.difference(sdc);
        summary.accuracy_difference = sampling.difference(accuracy);
    }

    std::int64_t faults(std::size_t policy) const {
        std::int64_t sum = 0;
        for (const Tally& tally : tallies[policy]) {
            sum += tally.faults;
        }
        return sum;
    }

    // Of a fault-free inference with all its runs; where no image is in yet those of one run.
    double cycles(std::size_t policy) const {
        const Tally& tally = tallies[policy].front();
        return tally.image_cycles > 0
                   ? static_cast<double>(tally.image_cycles) / static_cast<double>(tally.images)
                   : static_cast<double>(header.policies[policy].cycles);
    }

    void fill_costs(PolicySummary& summary, std::size_t index) const {
        const campaign::PolicyRow& row = header.policies[index];
        const campaign::PolicyRow& base = header.policies[reference];
        summary.cycles = std::llround(cycles(index));
        summary.cycles_percent = percent_more(cycles(index), cycles(reference));
        const nlohmann::json& clock = at_path(header.experiment, {"accelerator", "clock_mhz"});
        if (clock.is_number() && clock.get<double>() > 0) {
            summary.microseconds = cycles(index) / clock.get<double>();
        }
        summary.area_ge = row.area_ge;
        summary.area_percent = percent_more(row.area_ge, base.area_ge);
        summary.protection_area_ge = row.protection_area_ge;
        summary.dram_check_share = row.dram_check_share;
        summary.energy_pj = row.energy_pj;
        summary.energy_percent = percent_more(row.energy_pj, base.energy_pj);
        summary.protection_energy_pj = row.protection_energy_pj;
        summary.layers = latencies(row.layers);
        summary.area_tree = row.area_tree;
    }

    PolicySummary policy(std::size_t index) const {
        const campaign::PolicyRow& row = header.policies[index];
        PolicySummary summary;
        summary.name = row.name;
        summary.description = row.description;
        summary.composition = row.composition;
        fill_rates(summary, tallies[index]);
        fill_costs(summary, index);
        fill_differences(summary, tallies[index]);
        summary.no_effect =
            index != reference && faults(index) > 0 && summary.acted == 0 && summary.different == 0;
        return summary;
    }
};

bool Summary::has_requests() const {
    return std::any_of(policies.begin(), policies.end(), [](const PolicySummary& policy) {
        return policy.false_alarms.count > 0 || policy.run_again.count > 0 ||
               policy.recovery_cycles.mean != 0;
    });
}

SummaryBuilder::SummaryBuilder(const campaign::CampaignHeader& header, const SummaryOptions& options,
                               std::string file)
    : impl_(std::make_unique<Impl>(header, options, std::move(file))) {}

SummaryBuilder::~SummaryBuilder() = default;

void SummaryBuilder::add(const campaign::GoldenRow& row) {
    Tally& tally = impl_->tallies[impl_->index_of_policy(row.policy)].front();
    ++tally.images;
    tally.images_correct += row.top1 == row.label;
    tally.images_again += row.runs > 1;
    tally.image_cycles += row.cycles;
}

void SummaryBuilder::add(const campaign::FaultRow& fault, const std::vector<OutcomeRow>& rows) {
    Impl& state = *impl_;
    state.by_policy.assign(state.tallies.size(), nullptr);
    for (const OutcomeRow& row : rows) {
        state.by_policy[state.index_of_policy(row.policy)] = &row;
    }
    if (rows.size() != state.tallies.size() ||
        std::count(state.by_policy.begin(), state.by_policy.end(), nullptr) != 0) {
        throw InputError(state.file, "fault " + std::to_string(fault.id),
                         "has " + std::to_string(rows.size()) + " outcomes, not one of each of the " +
                             std::to_string(state.tallies.size()) + " policies");
    }
    if (fault.stratum < 0 || static_cast<std::size_t>(fault.stratum) >= state.header.strata.size()) {
        throw InputError(state.file, "fault " + std::to_string(fault.id),
                         "is of stratum " + std::to_string(fault.stratum) + ", which is not listed");
    }
    const auto stratum = static_cast<std::size_t>(fault.stratum);
    const OutcomeRow& reference = *state.by_policy[state.reference];
    for (std::size_t i = 0; i < state.by_policy.size(); ++i) {
        count_row(state.tallies[i][stratum], *state.by_policy[i], reference);
    }
    state.breakdowns.add(fault, state.by_policy);
    state.ledger.add(fault, state.by_policy);
    state.checked += fault.checked;
    state.vulnerability.add(fault, state.by_policy);
}

Summary SummaryBuilder::finish(bool complete) const {
    const Impl& state = *impl_;
    const nlohmann::json& experiment = state.header.experiment;
    Summary summary;
    summary.experiment = text_at(experiment, {"name"});
    summary.description = text_at(experiment, {"description"});
    summary.workload = state.header.workload;
    summary.accelerator = text_at(experiment, {"accelerator", "name"});
    summary.fault_model = text_at(experiment, {"fault_model", "name"});
    summary.seed = text_at(experiment, {"seed"});
    summary.resolved = experiment;
    summary.fp32_top1 = state.header.fp32_top1;
    summary.images = state.tallies[state.reference].front().images;
    summary.faults = state.faults(state.reference);
    summary.planned_faults = state.header.faults_needed();
    summary.complete = complete;
    summary.confidence = state.confidence;
    summary.method = state.method;
    summary.reference = state.reference;
    for (std::size_t i = 0; i < state.tallies.size(); ++i) {
        summary.policies.push_back(state.policy(i));
    }
    summary.breakdowns = state.breakdowns.finish(state.sampling);
    summary.ledger = state.ledger.finish(state.sampling);
    summary.checked = state.checked;
    const nlohmann::json& share = at_path(experiment, {"self_check"});
    summary.check_share = share.is_number() ? share.get<double>() : 0;
    std::vector<double> fault_free;
    for (const PolicySummary& policy : summary.policies) {
        fault_free.push_back(policy.fault_free_accuracy.rate);
    }
    summary.vulnerability = state.vulnerability.finish(state.sampling, state.reference, fault_free);
    summary.weighted = state.sampling.weighted();
    summary.strata = state.header.strata;
    summary.looks = looks_of(state.header);
    summary.ended_look = state.header.ended_look + 1;
    summary.notes = notes_on(summary);
    return summary;
}

Summary summarise(const campaign::ResultReader& reader, const SummaryOptions& options,
                  const std::string& file) {
    SummaryBuilder builder(reader.header(), options, file);
    reader.for_each_golden([&builder](const campaign::GoldenRow& row) { builder.add(row); });
    reader.for_each_fault([&builder](const campaign::FaultRow& fault, const std::vector<OutcomeRow>& rows) {
        builder.add(fault, rows);
    });
    return builder.finish(reader.complete());
}

}  // namespace fluence::analysis
