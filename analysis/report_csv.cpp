// CSV (RFC 4180, UTF-8, LF): one file a table. Doubles are the shortest text that reads back exactly.
#include <initializer_list>

#include "analysis/csv.h"
#include "analysis/format.h"
#include "analysis/reports.h"

namespace fluence::analysis {

namespace {

using campaign::kOutcomeCount;
using campaign::Outcome;
using Row = CsvRow;

void append(Row& row, const Row& more) {
    row.insert(row.end(), more.begin(), more.end());
}

Row estimate_header(const std::string& name) {
    return {name + "_count", name + "_total", name + "_rate", name + "_low", name + "_high"};
}

Row estimate_fields(const Estimate& value) {
    return {std::to_string(value.count), std::to_string(value.total), shortest(value.rate),
            shortest(value.interval.low), shortest(value.interval.high)};
}

Row difference_header(const std::string& name) {
    return {name + "_difference",   name + "_difference_low", name + "_difference_high",
            name + "_difference_p", name + "_only_policy",    name + "_only_reference"};
}

Row difference_fields(const PairedDifference& value) {
    return {shortest(value.difference),
            shortest(value.interval.low),
            shortest(value.interval.high),
            shortest(value.p_value),
            std::to_string(value.counts.only_first),
            std::to_string(value.counts.only_second)};
}

std::string policies_csv(const Summary& summary) {
    Row header = {"policy", "reference"};
    append(header, estimate_header("fault_free_accuracy"));
    append(header, estimate_header("accuracy"));
    for (int i = 0; i < kOutcomeCount; ++i) {
        append(header, estimate_header(name_of(static_cast<Outcome>(i))));
    }
    for (const char* flag : {"corrected", "detected", "suppressed", "dead"}) {
        append(header, estimate_header(flag));
    }
    append(header, difference_header("sdc"));
    append(header, difference_header("accuracy"));
    append(header, {"delta_loss_mean", "delta_loss_low", "delta_loss_high", "cycles", "cycles_percent",
                    "microseconds", "area_ge", "area_percent", "protection_area_ge", "dram_check_share",
                    "energy_pj", "energy_percent", "protection_energy_pj", "faults_acted_on",
                    "faults_ended_otherwise", "no_effect"});
    append(header, estimate_header("run_again_fault_free"));
    append(header, estimate_header("run_again"));
    append(header, {"recovery_cycles_mean", "recovery_cycles_low", "recovery_cycles_high"});
    std::vector<Row> rows = {header};
    for (const PolicySummary& policy : summary.policies) {
        Row row = {policy.name, summary.policies[summary.reference].name};
        append(row, estimate_fields(policy.fault_free_accuracy));
        append(row, estimate_fields(policy.accuracy));
        for (const Estimate& outcome : policy.outcomes) {
            append(row, estimate_fields(outcome));
        }
        for (const Estimate* flag : {&policy.corrected, &policy.detected, &policy.suppressed, &policy.dead}) {
            append(row, estimate_fields(*flag));
        }
        append(row, difference_fields(policy.sdc_difference));
        append(row, difference_fields(policy.accuracy_difference));
        append(row, {shortest(policy.delta_loss.mean), shortest(policy.delta_loss.interval.low),
                     shortest(policy.delta_loss.interval.high), std::to_string(policy.cycles),
                     shortest(policy.cycles_percent), shortest(policy.microseconds), shortest(policy.area_ge),
                     shortest(policy.area_percent), shortest(policy.protection_area_ge),
                     shortest(policy.dram_check_share), shortest(policy.energy_pj),
                     shortest(policy.energy_percent), shortest(policy.protection_energy_pj),
                     std::to_string(policy.acted), std::to_string(policy.different),
                     policy.no_effect ? "1" : "0"});
        append(row, estimate_fields(policy.false_alarms));
        append(row, estimate_fields(policy.run_again));
        append(row, {shortest(policy.recovery_cycles.mean), shortest(policy.recovery_cycles.interval.low),
                     shortest(policy.recovery_cycles.interval.high)});
        rows.push_back(std::move(row));
    }
    return csv(rows);
}

// Long form: one row a breakdown, cell, policy and outcome.
std::string outcomes_csv(const Summary& summary) {
    std::vector<Row> rows = {
        {"breakdown", "group", "cell", "policy", "outcome", "count", "total", "rate", "low", "high"}};
    for (const Breakdown& breakdown : summary.breakdowns) {
        for (const BreakdownCell& cell : breakdown.cells) {
            for (std::size_t i = 0; i < cell.policies.size(); ++i) {
                for (std::size_t k = 0; k < cell.policies[i].size(); ++k) {
                    Row row = {breakdown.name, cell.group, cell.label, summary.policies[i].name,
                               name_of(static_cast<Outcome>(k))};
                    append(row, estimate_fields(cell.policies[i][k]));
                    rows.push_back(std::move(row));
                }
            }
        }
    }
    return csv(rows);
}

std::string dead_csv(const Summary& summary) {
    std::vector<Row> rows = {{"policy", "reason", "count", "total"}};
    for (const PolicySummary& policy : summary.policies) {
        for (const DeadCount& reason : policy.dead_reasons) {
            rows.push_back({policy.name, reason.reason, std::to_string(reason.count),
                            std::to_string(policy.dead.total)});
        }
    }
    return csv(rows);
}

std::string latency_csv(const Summary& summary) {
    std::vector<Row> rows = {{"policy", "layer", "cycles", "macs", "busy_cycles", "preload_cycles",
                              "stall_weights", "stall_activations", "stall_drain", "stall_store",
                              "stall_port", "utilisation", "dram_read_words", "dram_write_words",
                              "unique_words"}};
    for (const PolicySummary& policy : summary.policies) {
        for (const LayerLatency& layer : policy.layers) {
            Row row = {policy.name, layer.name};
            for (const std::int64_t value :
                 {layer.cycles, layer.macs, layer.busy, layer.preload, layer.stall_weights,
                  layer.stall_activations, layer.stall_drain, layer.stall_store, layer.stall_port}) {
                row.push_back(std::to_string(value));
            }
            append(row, {shortest(layer.utilisation), std::to_string(layer.dram_read_words),
                         std::to_string(layer.dram_write_words), std::to_string(layer.unique_words)});
            rows.push_back(std::move(row));
        }
    }
    return csv(rows);
}

// Long form: one row a structure ("" for all), policy and place.
std::string ledger_csv(const Summary& summary) {
    std::vector<Row> rows = {{"structure", "policy", "masked_by", "count", "total", "rate", "low", "high"}};
    for (const LedgerCell& cell : summary.ledger) {
        for (std::size_t i = 0; i < cell.policies.size(); ++i) {
            for (const campaign::MaskedBy by : entries_of(summary.ledger)) {
                Row row = {cell.structure, summary.policies[i].name, name_of(by)};
                append(row, estimate_fields(cell.policies[i][static_cast<std::size_t>(by)]));
                rows.push_back(std::move(row));
            }
        }
    }
    return csv(rows);
}

std::string vulnerability_csv(const Summary& summary) {
    Row header = {"structure", "technology", "bits", "raw_fit_per_mbit", "policy"};
    append(header, estimate_header("avf"));
    append(header, {"fit", "fit_low", "fit_high"});
    std::vector<Row> rows = {header};
    for (const StructureVulnerability& structure : summary.vulnerability.structures) {
        for (std::size_t i = 0; i < structure.policies.size(); ++i) {
            const Vulnerability& found = structure.policies[i];
            Row row = {structure.structure, name_of(structure.technology), shortest(structure.bits),
                       shortest(structure.raw_fit_per_mbit), summary.policies[i].name};
            append(row, estimate_fields(found.avf));
            append(row, {shortest(found.fit), shortest(found.fit_range.low), shortest(found.fit_range.high)});
            rows.push_back(std::move(row));
        }
    }
    return csv(rows);
}

// One row a mean number of upsets and policy: what a plot of accuracy against the rate of upsets needs.
std::string upset_rate_csv(const Summary& summary) {
    std::vector<Row> rows = {{"mean_upsets", "error_rate", "policy", "policy_mean_upsets", "beyond_simulated",
                              "accuracy", "accuracy_low", "accuracy_high", "sdc", "sdc_low", "sdc_high",
                              "due", "due_low", "due_high"}};
    for (const RatePoint& point : summary.vulnerability.rates) {
        for (std::size_t i = 0; i < point.policies.size(); ++i) {
            const RatePoint::Policy& found = point.policies[i];
            rows.push_back({shortest(point.mean), point.error_rate > 0 ? shortest(point.error_rate) : "",
                            summary.policies[i].name, shortest(found.mean), shortest(found.beyond),
                            shortest(found.accuracy), shortest(found.accuracy_range.low),
                            shortest(found.accuracy_range.high), shortest(found.sdc),
                            shortest(found.sdc_range.low), shortest(found.sdc_range.high),
                            shortest(found.due), shortest(found.due_range.low),
                            shortest(found.due_range.high)});
        }
    }
    return csv(rows);
}

// One row a level and policy.
std::string levels_csv(const Summary& summary) {
    std::vector<Row> rows = {{summary.vulnerability.level, "policy", "inferences", "accuracy", "accuracy_low",
                              "accuracy_high", "sdc", "sdc_low", "sdc_high", "due", "due_low", "due_high"}};
    for (const RatePoint& point : summary.vulnerability.rates) {
        for (std::size_t i = 0; i < point.policies.size(); ++i) {
            const RatePoint::Policy& found = point.policies[i];
            rows.push_back({shortest(point.error_rate), summary.policies[i].name,
                            std::to_string(found.inferences), shortest(found.accuracy),
                            shortest(found.accuracy_range.low), shortest(found.accuracy_range.high),
                            shortest(found.sdc), shortest(found.sdc_range.low),
                            shortest(found.sdc_range.high), shortest(found.due),
                            shortest(found.due_range.low), shortest(found.due_range.high)});
        }
    }
    return csv(rows);
}

std::string strata_csv(const Summary& summary) {
    std::vector<Row> rows = {{"stratum", "upsets", "weight", "population", "planned_faults"}};
    for (const campaign::StratumRow& row : summary.strata) {
        rows.push_back({row.label, std::to_string(row.upsets), shortest(row.weight), shortest(row.population),
                        std::to_string(row.faults)});
    }
    return csv(rows);
}

}  // namespace

std::vector<ReportFile> csv_report(const Summary& summary) {
    std::vector<ReportFile> files = {
        {"policies.csv", policies_csv(summary)}, {"outcomes.csv", outcomes_csv(summary)},
        {"dead_reasons.csv", dead_csv(summary)}, {"ledger.csv", ledger_csv(summary)},
        {"latency.csv", latency_csv(summary)},   {"vulnerability.csv", vulnerability_csv(summary)}};
    if (summary.weighted) {
        files.push_back({"strata.csv", strata_csv(summary)});
    }
    if (!summary.vulnerability.rates.empty()) {
        const bool levels = !summary.vulnerability.level.empty();
        files.push_back(levels ? ReportFile{"levels.csv", levels_csv(summary)}
                               : ReportFile{"upset_rates.csv", upset_rate_csv(summary)});
    }
    return files;
}

}  // namespace fluence::analysis
