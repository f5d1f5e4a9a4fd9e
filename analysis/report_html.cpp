// report.html: one self-contained page. Tables are written here; charts are drawn by html/page.js from the
// summary embedded as JSON.
#include <cmath>
#include <cstdio>

#include "analysis/assets.h"
#include "analysis/format.h"
#include "analysis/html_text.h"
#include "analysis/prose.h"
#include "analysis/reports.h"

namespace fluence::analysis {

namespace {

using campaign::Outcome;

// A table in its own scrolling box. Cells are HTML already.
class Table {
  public:
    Table(const std::string& caption, const std::vector<std::string>& header) {
        html_ = "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"" + html_escaped(caption) +
                "\"><table><caption>" + html_escaped(caption) + "</caption><thead><tr>";
        for (const std::string& name : header) {
            html_ += "<th scope=\"col\">" + html_escaped(name) + "</th>";
        }
        html_ += "</tr></thead><tbody>\n";
    }
    void add_row(const std::string& name, const std::vector<std::string>& cells, bool highlighted = false) {
        html_ += highlighted ? "<tr class=\"reference\">" : "<tr>";
        html_ += "<th scope=\"row\"><span class=\"name\">" + name + "</span></th>";
        for (const std::string& cell : cells) {
            html_ += "<td>" + cell + "</td>";
        }
        html_ += "</tr>\n";
    }
    std::string str() const { return html_ + "</tbody></table></div>"; }

  private:
    std::string html_;
};

std::string with_small(const std::string& main, const std::string& small) {
    return main + "<small>" + small + "</small>";
}

std::string count_of(const Estimate& value) {
    return thousands(value.count) + " of " + thousands(value.total);
}

std::string rate_cell(const Estimate& value) {
    if (value.total == 0) {
        return "no data";
    }
    const int places = percent_places(value.total);
    return with_small(percent(value.rate, places),
                      percent_range(value.interval, places) + "<br>" + count_of(value));
}

std::string policy_name(const Summary& summary, std::size_t index) {
    std::string name = html_escaped(summary.policies[index].name);
    if (index == summary.reference) {
        name += " <span class=\"tag\">reference</span>";
    }
    if (const std::string remark = effect_remark(summary, index); !remark.empty()) {
        name += " <span class=\"tag\">" + remark + "</span>";
    }
    return name;
}

std::string overhead(const std::string& value, double percent_more, bool reference) {
    return with_small(value, reference ? "reference" : signed_fixed(percent_more, 2) + " %");
}

const Estimate& outcome(const PolicySummary& policy, Outcome which) {
    return policy.outcomes[static_cast<std::size_t>(which)];
}

std::string policy_table(const Summary& summary) {
    Table table("Policies: rate, " + confidence_text(summary.confidence) + " interval (percent) and count",
                {"Policy", "Accuracy, fault-free", "Accuracy, one fault", "SDC", "DUE", "Cycles", "Area, GE",
                 "Energy, µJ"});
    for (std::size_t i = 0; i < summary.policies.size(); ++i) {
        const PolicySummary& policy = summary.policies[i];
        const bool reference = i == summary.reference;
        table.add_row(policy_name(summary, i),
                      {rate_cell(policy.fault_free_accuracy), rate_cell(policy.accuracy),
                       rate_cell(outcome(policy, Outcome::sdc)), rate_cell(outcome(policy, Outcome::due)),
                       overhead(thousands(policy.cycles), policy.cycles_percent, reference),
                       overhead(thousands(std::llround(policy.area_ge)), policy.area_percent, reference),
                       overhead(microjoules(policy.energy_pj), policy.energy_percent, reference)},
                      reference);
    }
    return table.str();
}

std::string difference_cell(const PairedDifference& value) {
    const int places = percent_places(value.counts.total());
    return with_small(signed_fixed(100 * value.difference, places),
                      "[" + signed_fixed(100 * value.interval.low, places) + ", " +
                          signed_fixed(100 * value.interval.high, places) + "]<br>p " +
                          html_escaped(p_value_text(value.p_value)));
}

std::string difference_table(const Summary& summary) {
    Table table("Differences to " + summary.policies[summary.reference].name +
                    " on the same faults, in percentage points, with paired intervals and McNemar's p",
                {"Policy", "SDC", "Accuracy, one fault", "SDC removed", "SDC added", "Cycles", "Area, GE",
                 "Protection, GE", "DRAM check bits"});
    for (std::size_t i = 0; i < summary.policies.size(); ++i) {
        const PolicySummary& policy = summary.policies[i];
        if (i == summary.reference) {
            continue;
        }
        table.add_row(
            policy_name(summary, i),
            {difference_cell(policy.sdc_difference), difference_cell(policy.accuracy_difference),
             thousands(policy.sdc_difference.counts.only_second),
             thousands(policy.sdc_difference.counts.only_first),
             signed_fixed(policy.cycles_percent, 2) + " %", signed_fixed(policy.area_percent, 2) + " %",
             thousands(std::llround(policy.protection_area_ge)), percent(policy.dram_check_share, 1)});
    }
    return table.str();
}

std::string dead_reasons(const PolicySummary& policy) {
    std::string text;
    for (const DeadCount& reason : policy.dead_reasons) {
        text += (text.empty() ? "" : "<br>") + html_escaped(reason.reason) + " " + thousands(reason.count);
    }
    return text.empty() ? "none" : text;
}

std::string fate_table(const Summary& summary) {
    Table table("Outcomes and flags of all faults by policy, and why dead faults changed nothing",
                {"Policy", "Benign", "Masked", "Corrected", "Detected", "Suppressed", "Dead", "Dead because",
                 "Mean loss change, nats"});
    for (std::size_t i = 0; i < summary.policies.size(); ++i) {
        const PolicySummary& policy = summary.policies[i];
        const MeanEstimate& loss = policy.delta_loss;
        table.add_row(
            policy_name(summary, i),
            {rate_cell(outcome(policy, Outcome::benign)), rate_cell(outcome(policy, Outcome::masked)),
             rate_cell(policy.corrected), rate_cell(policy.detected), rate_cell(policy.suppressed),
             rate_cell(policy.dead), dead_reasons(policy),
             with_small(signed_fixed(loss.mean, 4), "[" + signed_fixed(loss.interval.low, 4) + ", " +
                                                        signed_fixed(loss.interval.high, 4) + "]")},
            i == summary.reference);
    }
    return table.str();
}

std::string request_table(const Summary& summary) {
    Table table("Inferences that were run again, and what faults cost in cycles",
                {"Policy", "Run again, fault-free", "Run again, one fault", "Mean recovery, cycles"});
    for (std::size_t i = 0; i < summary.policies.size(); ++i) {
        const PolicySummary& policy = summary.policies[i];
        const MeanEstimate& recovery = policy.recovery_cycles;
        table.add_row(
            policy_name(summary, i),
            {rate_cell(policy.false_alarms), rate_cell(policy.run_again),
             with_small(signed_fixed(recovery.mean, 1), "[" + signed_fixed(recovery.interval.low, 1) + ", " +
                                                            signed_fixed(recovery.interval.high, 1) + "]")},
            i == summary.reference);
    }
    return table.str();
}

std::string ledger_table(const Summary& summary) {
    const std::vector<campaign::MaskedBy> entries = entries_of(summary.ledger);
    std::vector<std::string> header = {"Structure, policy"};
    for (const campaign::MaskedBy by : entries) {
        header.emplace_back(name_of(by));
    }
    Table table("Where faults were masked, by structure and policy: rate, interval (percent) and count",
                header);
    for (const LedgerCell& cell : summary.ledger) {
        for (std::size_t i = 0; i < cell.policies.size(); ++i) {
            std::vector<std::string> cells;
            for (const campaign::MaskedBy by : entries) {
                cells.push_back(rate_cell(cell.policies[i][static_cast<std::size_t>(by)]));
            }
            table.add_row(html_escaped(cell.structure.empty() ? "all" : cell.structure) + "<small>" +
                              html_escaped(summary.policies[i].name) + "</small>",
                          cells, cell.structure.empty());
        }
    }
    return table.str();
}

std::string latency_table(const Summary& summary) {
    const std::vector<LayerLatency>& layers = summary.policies[summary.reference].layers;
    if (layers.empty()) {
        return "<p>The results hold no cycles by layer.</p>";
    }
    std::vector<std::string> header = {"Layer"};
    for (const PolicySummary& policy : summary.policies) {
        header.push_back(policy.name);
    }
    Table table("Cycles of each layer in one fault-free inference by policy; layers may overlap", header);
    for (std::size_t layer = 0; layer < layers.size(); ++layer) {
        std::vector<std::string> cells;
        for (const PolicySummary& policy : summary.policies) {
            cells.push_back(layer < policy.layers.size() ? thousands(policy.layers[layer].cycles) : "");
        }
        table.add_row(html_escaped(layers[layer].name), cells);
    }
    return table.str();
}

std::string significant(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3g", value);
    return text;
}

std::string range_of(double low, double high) {
    return "[" + significant(low) + ", " + significant(high) + "]";
}

std::vector<std::string> columns_by_policy(const Summary& summary, std::vector<std::string> header) {
    for (const PolicySummary& policy : summary.policies) {
        header.push_back(policy.name);
    }
    return header;
}

std::string vulnerability_table(const Summary& summary) {
    if (summary.vulnerability.structures.empty()) {
        return "";
    }
    const bool rates = summary.vulnerability.has_rates;
    Table table(std::string("AVF by structure: P(SDC or DUE | upset there), percent") +
                    (rates ? ", and FIT from the raw rates" : ""),
                columns_by_policy(summary, {"Structure", "Bits"}));
    for (const StructureVulnerability& structure : summary.vulnerability.structures) {
        std::vector<std::string> cells = {
            with_small(thousands(std::llround(structure.bits)), html_escaped(name_of(structure.technology)))};
        for (const Vulnerability& found : structure.policies) {
            std::string small = range_of(100 * found.avf.interval.low, 100 * found.avf.interval.high) +
                                "<br>" + count_of(found.avf);
            if (rates) {
                small += "<br>" + significant(found.fit) + " FIT " +
                         range_of(found.fit_range.low, found.fit_range.high);
            }
            cells.push_back(found.avf.total == 0 ? "no data"
                                                 : with_small(significant(100 * found.avf.rate), small));
        }
        table.add_row(html_escaped(structure.structure), cells);
    }
    if (rates) {
        std::vector<std::string> cells = {""};
        for (std::size_t i = 0; i < summary.policies.size(); ++i) {
            const Interval& range = summary.vulnerability.fit_range[i];
            cells.push_back(with_small(significant(summary.vulnerability.fit[i]) + " FIT",
                                       range_of(range.low, range.high)));
        }
        table.add_row("All", cells, true);
    }
    return table.str();
}

std::string level_table(const Summary& summary) {
    Table table("Accuracy where the neurons of unprotected PEs are disturbed, percent",
                columns_by_policy(summary, {summary.vulnerability.level}));
    for (const RatePoint& point : summary.vulnerability.rates) {
        std::vector<std::string> cells;
        for (const RatePoint::Policy& found : point.policies) {
            cells.push_back(with_small(percent(found.accuracy, 2), percent_range(found.accuracy_range, 2)));
        }
        table.add_row(with_small(significant(point.error_rate),
                                 thousands(point.policies.front().inferences) + " inferences"),
                      cells);
    }
    return table.str();
}

std::string rate_table(const Summary& summary) {
    if (summary.vulnerability.rates.empty()) {
        return "";
    }
    const bool errors = summary.vulnerability.by_error_rate();
    if (!summary.vulnerability.level.empty()) {
        return level_table(summary);
    }
    Table table(errors ? "Accuracy at an error rate of each output, percent"
                       : "Accuracy at a mean number of upsets in an inference of " +
                             summary.policies[summary.reference].name + " (longer runs meet more), percent",
                columns_by_policy(summary, {errors ? "Error rate" : "Mean upsets"}));
    for (const RatePoint& point : summary.vulnerability.rates) {
        std::vector<std::string> cells;
        for (const RatePoint::Policy& found : point.policies) {
            cells.push_back(with_small(percent(found.accuracy, 2),
                                       percent_range(found.accuracy_range, 2) + "<br>not simulated " +
                                           significant(100 * found.beyond) + " %"));
        }
        table.add_row(errors ? with_small(significant(point.error_rate),
                                          "mean " + significant(point.mean) + " an inference")
                             : significant(point.mean),
                      cells);
    }
    return table.str();
}

std::string facts(const Summary& summary) {
    std::vector<Definition> rows = {
        {"Experiment", summary.experiment},
        {"Network", summary.workload},
        {"Machine", summary.accelerator},
        {"Fault model", summary.fault_model},
        {"Seed", summary.seed},
        {"Faults", thousands(summary.faults)},
        {"Images", thousands(summary.images)},
        {"Intervals", confidence_text(summary.confidence) + " " + method_title(summary.method)}};
    if (summary.fp32_top1 >= 0) {
        rows.push_back({"fp32 top-1", percent(summary.fp32_top1, 2)});
    }
    std::string html;
    for (const Definition& row : rows) {
        html += "<div><dt>" + html_escaped(row.term) + "</dt><dd>" +
                html_escaped(row.meaning.empty() ? "not stated" : row.meaning) + "</dd></div>\n";
    }
    return html;
}

std::string list_of(const std::vector<std::string>& items) {
    std::string html;
    for (const std::string& item : items) {
        html += "<li>" + html_escaped(item) + "</li>\n";
    }
    return html;
}

std::string definition_list(const Summary& summary) {
    std::string html;
    for (const Definition& row : definitions(summary)) {
        html += "<dt>" + html_escaped(row.term) + "</dt><dd>" + html_escaped(row.meaning) + "</dd>\n";
    }
    return html;
}

// What the charts need of the summary.
std::string chart_data(const Summary& summary) {
    nlohmann::ordered_json data = to_json(summary);
    data["experiment"].erase("resolved");
    data.erase("ledger");
    for (nlohmann::ordered_json& policy : data["policies"]) {
        for (const char* unused : {"composition", "area_tree", "layers"}) {
            policy.erase(unused);
        }
    }
    return script_safe(data.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

}  // namespace

std::vector<ReportFile> html_report(const Summary& summary) {
    const std::string title = headline(summary) + ": " + thousands(summary.faults) + " faults (" +
                              summary.fault_model + ", seed " + summary.seed + ")";
    const std::string lead =
        summary.description.empty()
            ? "What faults do to the network on this machine, and what each protection policy costs."
            : summary.description;
    const std::string reference = summary.policies[summary.reference].name;
    const std::map<std::string, std::string> values = {
        {"title", html_escaped(title)},
        {"headline", html_escaped(headline(summary))},
        {"lead", html_escaped(lead)},
        {"facts", facts(summary)},
        {"sample", html_escaped(sample_line(summary))},
        {"policy_table", policy_table(summary)},
        {"difference_lead", html_escaped("Every policy met the same faults as \"" + reference +
                                         "\", so they are compared fault by fault.")},
        {"difference_table", difference_table(summary)},
        {"fate_table", fate_table(summary) + (summary.has_requests() ? request_table(summary) : "")},
        {"ledger_table", ledger_table(summary)},
        {"latency_table", latency_table(summary)},
        {"vulnerability_table", vulnerability_table(summary)},
        {"rate_table", rate_table(summary)},
        {"notes", list_of(summary.notes)},
        {"definitions", definition_list(summary)},
        {"data", chart_data(summary)},
        {"page_css", std::string(assets::page_css())},
        {"chart_js", std::string(assets::chart_js())},
        {"plugins_js", std::string(assets::plugins_js())},
        {"page_js", std::string(assets::page_js())},
    };
    return {{"report.html", filled(assets::page_html(), values)}};
}

}  // namespace fluence::analysis
