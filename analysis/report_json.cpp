// report.json: every figure of the summary. Doubles are written so that they read back exactly.
#include "analysis/reports.h"

namespace fluence::analysis {

namespace {

using Json = nlohmann::ordered_json;

constexpr int kReportSchemaVersion = 1;

Json interval_json(const Interval& interval) {
    return Json::array({interval.low, interval.high});
}

Json estimate_json(const Estimate& value) {
    return {{"count", value.count},
            {"total", value.total},
            {"rate", value.rate},  // null where nothing was counted
            {"interval", interval_json(value.interval)}};
}

Json outcomes_json(const OutcomeEstimates& outcomes) {
    Json result = Json::object();
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        result[name_of(static_cast<campaign::Outcome>(i))] = estimate_json(outcomes[i]);
    }
    return result;
}

Json difference_json(const PairedDifference& value) {
    return {{"difference", value.difference},
            {"interval", interval_json(value.interval)},
            {"p_value", value.p_value},
            {"both", value.counts.both},
            {"only_policy", value.counts.only_first},
            {"only_reference", value.counts.only_second},
            {"neither", value.counts.neither}};
}

Json layer_json(const LayerLatency& layer) {
    return {{"name", layer.name},
            {"cycles", layer.cycles},
            {"macs", layer.macs},
            {"busy_cycles", layer.busy},
            {"preload_cycles", layer.preload},
            {"stall_weights", layer.stall_weights},
            {"stall_activations", layer.stall_activations},
            {"stall_drain", layer.stall_drain},
            {"stall_store", layer.stall_store},
            {"stall_port", layer.stall_port},
            {"utilisation", layer.utilisation},
            {"dram_read_words", layer.dram_read_words},
            {"dram_write_words", layer.dram_write_words},
            {"unique_words", layer.unique_words}};
}

Json policy_json(const PolicySummary& policy) {
    Json dead = Json::object();
    for (const DeadCount& reason : policy.dead_reasons) {
        dead[reason.reason] = reason.count;
    }
    Json layers = Json::array();
    for (const LayerLatency& layer : policy.layers) {
        layers.push_back(layer_json(layer));
    }
    return {{"name", policy.name},
            {"description", policy.description},
            {"composition", policy.composition},
            {"fault_free_accuracy", estimate_json(policy.fault_free_accuracy)},
            {"accuracy", estimate_json(policy.accuracy)},
            {"outcomes", outcomes_json(policy.outcomes)},
            {"corrected", estimate_json(policy.corrected)},
            {"detected", estimate_json(policy.detected)},
            {"suppressed", estimate_json(policy.suppressed)},
            {"dead", estimate_json(policy.dead)},
            {"dead_reasons", dead},
            {"delta_loss",
             {{"total", policy.delta_loss.total},
              {"mean", policy.delta_loss.mean},
              {"standard_error", policy.delta_loss.standard_error},
              {"interval", interval_json(policy.delta_loss.interval)}}},
            {"requests",
             {{"false_alarms", estimate_json(policy.false_alarms)},
              {"run_again", estimate_json(policy.run_again)},
              {"recovery_cycles",
               {{"total", policy.recovery_cycles.total},
                {"mean", policy.recovery_cycles.mean},
                {"standard_error", policy.recovery_cycles.standard_error},
                {"interval", interval_json(policy.recovery_cycles.interval)}}}}},
            {"sdc_difference", difference_json(policy.sdc_difference)},
            {"accuracy_difference", difference_json(policy.accuracy_difference)},
            {"faults_acted_on", policy.acted},
            {"faults_ended_otherwise", policy.different},
            {"no_effect", policy.no_effect},
            {"cycles", policy.cycles},
            {"cycles_percent", policy.cycles_percent},
            {"microseconds", policy.microseconds},
            {"area_ge", policy.area_ge},
            {"area_percent", policy.area_percent},
            {"protection_area_ge", policy.protection_area_ge},
            {"dram_check_share", policy.dram_check_share},
            {"energy_pj", policy.energy_pj},
            {"energy_percent", policy.energy_percent},
            {"protection_energy_pj", policy.protection_energy_pj},
            {"area_tree", policy.area_tree},
            {"layers", layers}};
}

Json breakdown_json(const Breakdown& breakdown, const std::vector<PolicySummary>& policies) {
    Json cells = Json::array();
    for (const BreakdownCell& cell : breakdown.cells) {
        Json by_policy = Json::array();
        for (std::size_t i = 0; i < cell.policies.size(); ++i) {
            by_policy.push_back(
                {{"policy", policies[i].name}, {"outcomes", outcomes_json(cell.policies[i])}});
        }
        Json entry = Json::object();
        if (!cell.group.empty()) {
            entry["group"] = cell.group;
        }
        entry["label"] = cell.label;
        entry["policies"] = by_policy;
        cells.push_back(std::move(entry));
    }
    return {{"title", breakdown.title}, {"cells", cells}};
}

Json ledger_json(const Summary& summary) {
    Json cells = Json::array();
    for (const LedgerCell& cell : summary.ledger) {
        Json policies = Json::array();
        for (std::size_t i = 0; i < cell.policies.size(); ++i) {
            Json masked = Json::object();
            for (const campaign::MaskedBy by : entries_of(summary.ledger)) {
                masked[name_of(by)] = estimate_json(cell.policies[i][static_cast<std::size_t>(by)]);
            }
            policies.push_back({{"policy", summary.policies[i].name}, {"masked_by", masked}});
        }
        cells.push_back(
            {{"structure", cell.structure.empty() ? Json() : Json(cell.structure)}, {"policies", policies}});
    }
    return cells;
}

Json vulnerability_json(const Summary& summary) {
    Json structures = Json::array();
    for (const StructureVulnerability& structure : summary.vulnerability.structures) {
        Json policies = Json::array();
        for (std::size_t i = 0; i < structure.policies.size(); ++i) {
            const Vulnerability& found = structure.policies[i];
            policies.push_back({{"policy", summary.policies[i].name},
                                {"avf", estimate_json(found.avf)},
                                {"fit", found.fit},  // null without raw rates
                                {"fit_interval", interval_json(found.fit_range)}});
        }
        structures.push_back({{"structure", structure.structure},
                              {"technology", name_of(structure.technology)},
                              {"bits", structure.bits},
                              {"raw_fit_per_mbit", structure.raw_fit_per_mbit},
                              {"policies", policies}});
    }
    Json totals = Json::array();
    for (std::size_t i = 0; i < summary.vulnerability.fit.size(); ++i) {
        totals.push_back({{"policy", summary.policies[i].name},
                          {"fit", summary.vulnerability.fit[i]},
                          {"fit_interval", interval_json(summary.vulnerability.fit_range[i])}});
    }
    return {{"structures", structures}, {"total", totals}};
}

Json upset_rates_json(const Summary& summary) {
    Json points = Json::array();
    for (const RatePoint& point : summary.vulnerability.rates) {
        Json policies = Json::array();
        for (std::size_t i = 0; i < point.policies.size(); ++i) {
            const RatePoint::Policy& found = point.policies[i];
            const auto value = [](double rate, const Interval& range) {
                return Json{{"rate", rate}, {"interval", interval_json(range)}};
            };
            policies.push_back({{"policy", summary.policies[i].name},
                                {"mean_upsets", found.mean},
                                {"beyond_simulated", found.beyond},
                                {"accuracy", value(found.accuracy, found.accuracy_range)},
                                {"sdc", value(found.sdc, found.sdc_range)},
                                {"due", value(found.due, found.due_range)}});
        }
        if (!summary.vulnerability.level.empty()) {
            points.push_back({{"level", summary.vulnerability.level},
                              {"value", point.error_rate},
                              {"inferences", point.policies.front().inferences},
                              {"policies", policies}});
            continue;
        }
        points.push_back({{"mean_upsets", point.mean}, {"policies", policies}});
        if (point.error_rate > 0) {
            points.back()["error_rate"] = point.error_rate;
        }
    }
    return points;
}

Json strata_json(const Summary& summary) {
    Json strata = Json::array();
    for (const campaign::StratumRow& row : summary.strata) {
        strata.push_back({{"label", row.label},
                          {"upsets", row.upsets},
                          {"weight", row.weight},
                          {"population", row.population},
                          {"planned_faults", row.faults}});
    }
    return strata;
}

}  // namespace

nlohmann::ordered_json to_json(const Summary& summary) {
    Json policies = Json::array();
    for (const PolicySummary& policy : summary.policies) {
        policies.push_back(policy_json(policy));
    }
    Json breakdowns = Json::object();
    for (const Breakdown& breakdown : summary.breakdowns) {
        breakdowns[breakdown.name] = breakdown_json(breakdown, summary.policies);
    }
    return {{"schema", "fluence-report"},
            {"schema_version", kReportSchemaVersion},
            {"experiment",
             {{"name", summary.experiment},
              {"description", summary.description},
              {"workload", summary.workload},
              {"accelerator", summary.accelerator},
              {"fault_model", summary.fault_model},
              {"seed", summary.seed},
              {"images", summary.images},
              {"faults", summary.faults},
              {"planned_faults", summary.planned_faults},
              {"complete", summary.complete},
              {"fp32_top1", summary.fp32_top1 < 0 ? Json() : Json(summary.fp32_top1)},
              {"resolved", summary.resolved}}},
            {"statistics",
             {{"confidence", summary.confidence},
              {"interval", name_of(summary.method)},
              {"paired_interval", "newcombe-method-10"},
              {"paired_test", "mcnemar-exact"},
              {"mean_interval", "normal"},
              {"weighted", summary.weighted},
              {"strata", strata_json(summary)},
              {"looks", summary.looks},
              {"ended_look", summary.ended_look}}},
            {"reference", summary.policies[summary.reference].name},
            {"policies", policies},
            {"breakdowns", breakdowns},
            {"ledger", ledger_json(summary)},
            {"self_check", {{"share", summary.check_share}, {"checked", summary.checked}}},
            {"vulnerability", vulnerability_json(summary)},
            {"upset_rates", upset_rates_json(summary)},
            {"notes", summary.notes}};
}

std::vector<ReportFile> json_report(const Summary& summary) {
    constexpr int kIndent = 2;
    // Names come from users' files: what is not UTF-8 is replaced, not thrown at them.
    const auto invalid = nlohmann::ordered_json::error_handler_t::replace;
    return {{"report.json", to_json(summary).dump(kIndent, ' ', false, invalid) + "\n"}};
}

}  // namespace fluence::analysis
