#include "analysis/summary.h"

#include <algorithm>
#include <map>

#include "analysis/breakdown.h"
#include "analysis/notes.h"
#include "sim/core/error.h"

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
    RunningMean delta_loss;
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

}  // namespace

struct SummaryBuilder::Impl {
    campaign::CampaignHeader header;
    std::string file;
    double confidence;
    IntervalMethod method;
    std::size_t reference;
    std::map<std::int32_t, std::size_t> policy_index;  // by id
    std::vector<Tally> tallies;
    std::vector<const OutcomeRow*> by_policy;  // scratch
    BreakdownCounter breakdowns;

    Impl(const campaign::CampaignHeader& campaign_header, const SummaryOptions& options,
         std::string file_name)
        : header(campaign_header),
          file(std::move(file_name)),
          confidence(options.confidence.value_or(campaign_header.confidence)),
          method(options.method),
          reference(find_reference(header.policies)),
          tallies(header.policies.size()),
          breakdowns(header.policies.size(), header) {
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

    Estimate rate(std::int64_t count, std::int64_t total) const {
        return estimate(method, count, total, confidence);
    }

    MeanEstimate mean(const RunningMean& values) const {
        MeanEstimate result;
        result.total = values.total();
        result.mean = values.mean();
        result.standard_error = values.standard_error();
        const double half = normal_quantile(confidence) * result.standard_error;
        result.interval = {result.mean - half, result.mean + half};
        return result;
    }

    void fill_rates(PolicySummary& summary, const Tally& tally) const {
        summary.fault_free_accuracy = rate(tally.images_correct, tally.images);
        summary.accuracy = rate(tally.correct, tally.faults);
        summary.outcomes = estimates(tally.outcomes, method, confidence);
        summary.corrected = rate(tally.corrected, tally.faults);
        summary.detected = rate(tally.detected, tally.faults);
        summary.suppressed = rate(tally.suppressed, tally.faults);
        const std::int64_t alive = tally.dead[static_cast<std::size_t>(fault::DeadReason::none)];
        summary.dead = rate(tally.faults - alive, tally.faults);
        for (int i = 0; i < fault::kDeadReasonCount; ++i) {
            const auto reason = static_cast<fault::DeadReason>(i);
            const std::int64_t count = tally.dead[static_cast<std::size_t>(i)];
            if (reason != fault::DeadReason::none && count > 0) {
                summary.dead_reasons.push_back({name_of(reason), count});
            }
        }
        summary.delta_loss = mean(tally.delta_loss);
    }

    void fill_costs(PolicySummary& summary, const campaign::PolicyRow& row) const {
        const campaign::PolicyRow& base = header.policies[reference];
        summary.cycles = row.cycles;
        summary.cycles_percent =
            percent_more(static_cast<double>(row.cycles), static_cast<double>(base.cycles));
        const nlohmann::json& clock = at_path(header.experiment, {"accelerator", "clock_mhz"});
        if (clock.is_number() && clock.get<double>() > 0) {
            summary.microseconds = static_cast<double>(row.cycles) / clock.get<double>();
        }
        summary.area_ge = row.area_ge;
        summary.area_percent = percent_more(row.area_ge, base.area_ge);
        summary.protection_area_ge = row.protection_area_ge;
        summary.dram_check_share = row.dram_check_share;
        summary.layers = latencies(row.layers);
        summary.area_tree = row.area_tree;
    }

    PolicySummary policy(std::size_t index) const {
        const campaign::PolicyRow& row = header.policies[index];
        const Tally& tally = tallies[index];
        PolicySummary summary;
        summary.name = row.name;
        summary.description = row.description;
        summary.composition = row.composition;
        fill_rates(summary, tally);
        fill_costs(summary, row);
        summary.sdc_difference = paired_difference(tally.sdc, confidence);
        summary.accuracy_difference = paired_difference(tally.accuracy, confidence);
        summary.acted = tally.acted;
        summary.different = tally.different;
        summary.no_effect =
            index != reference && tally.faults > 0 && tally.acted == 0 && tally.different == 0;
        return summary;
    }
};

SummaryBuilder::SummaryBuilder(const campaign::CampaignHeader& header, const SummaryOptions& options,
                               std::string file)
    : impl_(std::make_unique<Impl>(header, options, std::move(file))) {}

SummaryBuilder::~SummaryBuilder() = default;

void SummaryBuilder::add(const campaign::GoldenRow& row) {
    Tally& tally = impl_->tallies[impl_->index_of_policy(row.policy)];
    ++tally.images;
    tally.images_correct += row.top1 == row.label;
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
    const OutcomeRow& reference = *state.by_policy[state.reference];
    for (std::size_t i = 0; i < state.by_policy.size(); ++i) {
        count_row(state.tallies[i], *state.by_policy[i], reference);
    }
    state.breakdowns.add(fault, state.by_policy);
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
    summary.images = state.tallies[state.reference].images;
    summary.faults = state.tallies[state.reference].faults;
    summary.planned_faults = state.header.faults;
    summary.complete = complete;
    summary.confidence = state.confidence;
    summary.method = state.method;
    summary.reference = state.reference;
    for (std::size_t i = 0; i < state.tallies.size(); ++i) {
        summary.policies.push_back(state.policy(i));
    }
    summary.breakdowns = state.breakdowns.finish(state.method, state.confidence);
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
