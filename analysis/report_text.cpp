// The report of the terminal: policies, differences, how to read them.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "analysis/format.h"
#include "analysis/prose.h"
#include "analysis/reports.h"

namespace fluence::analysis {

namespace {

using campaign::Outcome;
using Row = std::vector<std::string>;

constexpr std::size_t kLineWidth = 100;

// Terminal control characters in names must not reach the terminal.
std::string printable(const std::string& text) {
    std::string result = text;
    for (char& c : result) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
            c = '?';
        }
    }
    return result;
}

// Columns of UTF-8 text, one a code point.
std::size_t columns(const std::string& text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        constexpr unsigned kContinuation = 0x80, kMask = 0xC0;
        return (static_cast<unsigned char>(c) & kMask) != kContinuation;
    }));
}

// First column left, others right aligned; a rule below the header.
std::string table(const std::vector<Row>& rows) {
    std::vector<std::size_t> widths(rows[0].size(), 0);
    for (const Row& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            widths[i] = std::max(widths[i], columns(row[i]));
        }
    }
    std::string text;
    for (std::size_t r = 0; r < rows.size(); ++r) {
        std::string line;
        for (std::size_t i = 0; i < rows[r].size(); ++i) {
            const std::string padding(widths[i] - columns(rows[r][i]), ' ');
            line += i == 0 ? rows[r][i] + padding : "  " + padding + rows[r][i];
        }
        text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
        if (r == 0) {
            std::size_t total = 2 * (widths.size() - 1);
            for (const std::size_t width : widths) {
                total += width;
            }
            text += std::string(total, '-') + "\n";
        }
    }
    return text;
}

// Breaks at spaces; lines behind the first start with `indent` spaces.
std::string wrapped(const std::string& text, std::size_t indent) {
    std::string result;
    std::size_t column = 0;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t space = std::min(text.find(' ', at), text.size());
        const std::string word = text.substr(at, space - at);
        if (column > indent && column + 1 + columns(word) > kLineWidth) {
            result += "\n" + std::string(indent, ' ');
            column = indent;
        } else if (at > 0) {
            result += " ";
            ++column;
        }
        result += word;
        column += columns(word);
        at = space + 1;
    }
    return result + "\n";
}

std::string rate_cell(const Estimate& value) {
    return value.total == 0 ? "no data" : percent_with_range(value) + " (" + thousands(value.count) + ")";
}

const Estimate& outcome(const PolicySummary& policy, Outcome which) {
    return policy.outcomes[static_cast<std::size_t>(which)];
}

std::string overhead(const std::string& value, double percent_more, bool reference) {
    return reference ? value + " (ref)" : value + " (" + signed_fixed(percent_more, 2) + " %)";
}

std::string marked_name(const Summary& summary, std::size_t policy) {
    const std::string remark = effect_remark(summary, policy);
    return printable(summary.policies[policy].name) + (remark.empty() ? "" : " (" + remark + ")");
}

std::string policy_table(const Summary& summary) {
    std::vector<Row> rows = {
        {"Policy", "Accuracy, one fault", "SDC", "DUE", "Cycles", "Area, GE", "Energy, uJ"}};
    for (std::size_t i = 0; i < summary.policies.size(); ++i) {
        const PolicySummary& policy = summary.policies[i];
        const bool reference = i == summary.reference;
        rows.push_back({marked_name(summary, i), rate_cell(policy.accuracy),
                        rate_cell(outcome(policy, Outcome::sdc)), rate_cell(outcome(policy, Outcome::due)),
                        overhead(thousands(policy.cycles), policy.cycles_percent, reference),
                        overhead(thousands(std::llround(policy.area_ge)), policy.area_percent, reference),
                        overhead(microjoules(policy.energy_pj), policy.energy_percent, reference)});
    }
    return table(rows);
}

std::string difference_table(const Summary& summary) {
    std::vector<Row> rows = {
        {"Policy", "Accuracy, fault-free", "SDC difference, points", "p", "Mean loss change, nats"}};
    for (std::size_t i = 0; i < summary.policies.size(); ++i) {
        const PolicySummary& policy = summary.policies[i];
        const bool reference = i == summary.reference;
        const MeanEstimate& loss = policy.delta_loss;
        rows.push_back({printable(policy.name), rate_cell(policy.fault_free_accuracy),
                        reference ? "ref" : points_with_range(policy.sdc_difference),
                        reference ? "" : p_value_text(policy.sdc_difference.p_value),
                        signed_fixed(loss.mean, 4) + " [" + signed_fixed(loss.interval.low, 4) + ", " +
                            signed_fixed(loss.interval.high, 4) + "]"});
    }
    return table(rows);
}

std::string count_table(const Summary& summary) {
    std::vector<Row> rows = {{"Faults of " + thousands(summary.faults), "Masked", "Benign", "SDC", "DUE",
                              "Dead", "Corrected", "Detected", "Suppressed", "DRAM check bits"}};
    for (const PolicySummary& policy : summary.policies) {
        Row row = {printable(policy.name)};
        for (const Estimate& value : policy.outcomes) {
            row.push_back(thousands(value.count));
        }
        for (const Estimate* value :
             {&policy.dead, &policy.corrected, &policy.detected, &policy.suppressed}) {
            row.push_back(thousands(value->count));
        }
        row.push_back(percent(policy.dram_check_share, 1));
        rows.push_back(std::move(row));
    }
    return table(rows);
}

std::string request_table(const Summary& summary) {
    std::vector<Row> rows = {
        {"Policy", "Run again, fault-free", "Run again, one fault", "Mean recovery, cycles"}};
    for (const PolicySummary& policy : summary.policies) {
        const MeanEstimate& recovery = policy.recovery_cycles;
        rows.push_back({printable(policy.name), rate_cell(policy.false_alarms), rate_cell(policy.run_again),
                        signed_fixed(recovery.mean, 1) + " [" + signed_fixed(recovery.interval.low, 1) +
                            ", " + signed_fixed(recovery.interval.high, 1) + "]"});
    }
    return table(rows);
}

// Where faults were masked under each policy.
std::string ledger_table(const Summary& summary) {
    Row header = {"Masked at"};
    for (const PolicySummary& policy : summary.policies) {
        header.push_back(printable(policy.name));
    }
    std::vector<Row> rows = {header};
    for (const campaign::MaskedBy by : entries_of(summary.ledger)) {
        Row row = {name_of(by)};
        for (const LedgerEstimates& policy : summary.ledger.front().policies) {
            row.push_back(rate_cell(policy[static_cast<std::size_t>(by)]));
        }
        rows.push_back(std::move(row));
    }
    return table(rows);
}

// Faults of each structure by where the reference masked them.
std::string structure_ledger_table(const Summary& summary) {
    const std::vector<campaign::MaskedBy> entries = entries_of(summary.ledger);
    Row header = {"Faults under " + printable(summary.policies[summary.reference].name)};
    for (const campaign::MaskedBy by : entries) {
        header.push_back(name_of(by));
    }
    std::vector<Row> rows = {header};
    for (auto cell = summary.ledger.begin() + 1; cell != summary.ledger.end(); ++cell) {
        Row row = {cell->structure};
        for (const campaign::MaskedBy by : entries) {
            row.push_back(thousands(cell->policies[summary.reference][static_cast<std::size_t>(by)].count));
        }
        rows.push_back(std::move(row));
    }
    return table(rows);
}

std::string significant(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3g", value);
    return text;
}

// AVF in percent of every structure and policy; with raw rates the machine's FIT.
std::string vulnerability_table(const Summary& summary) {
    Row header = {"AVF, percent", "Technology", "Bits"};
    for (const PolicySummary& policy : summary.policies) {
        header.push_back(printable(policy.name));
    }
    std::vector<Row> rows = {header};
    for (const StructureVulnerability& structure : summary.vulnerability.structures) {
        Row row = {structure.structure, name_of(structure.technology),
                   thousands(std::llround(structure.bits))};
        for (const Vulnerability& found : structure.policies) {
            row.push_back(found.avf.total == 0 ? "no data"
                                               : significant(100 * found.avf.rate) + " [" +
                                                     significant(100 * found.avf.interval.low) + ", " +
                                                     significant(100 * found.avf.interval.high) + "]");
        }
        rows.push_back(std::move(row));
    }
    if (summary.vulnerability.has_rates) {
        Row row = {"FIT of all", "", ""};
        for (std::size_t i = 0; i < summary.policies.size(); ++i) {
            const Interval& range = summary.vulnerability.fit_range[i];
            row.push_back(significant(summary.vulnerability.fit[i]) + " [" + significant(range.low) + ", " +
                          significant(range.high) + "]");
        }
        rows.push_back(std::move(row));
    }
    return table(rows);
}

std::string level_table(const Summary& summary) {
    Row header = {"Accuracy at " + summary.vulnerability.level, "Inferences"};
    for (const PolicySummary& policy : summary.policies) {
        header.push_back(printable(policy.name));
    }
    std::vector<Row> rows = {header};
    for (const RatePoint& point : summary.vulnerability.rates) {
        Row row = {significant(point.error_rate), thousands(point.policies.front().inferences)};
        for (const RatePoint::Policy& policy : point.policies) {
            row.push_back(percent(policy.accuracy, 2) + " " + percent_range(policy.accuracy_range, 2));
        }
        rows.push_back(std::move(row));
    }
    return table(rows);
}

std::string rate_table(const Summary& summary) {
    const bool errors = summary.vulnerability.by_error_rate();
    if (!summary.vulnerability.level.empty()) {
        return level_table(summary);
    }
    Row header = {errors ? "Accuracy at error rate" : "Accuracy at mean upsets", "Not simulated, at most"};
    for (const PolicySummary& policy : summary.policies) {
        header.push_back(printable(policy.name));
    }
    std::vector<Row> rows = {header};
    for (const RatePoint& point : summary.vulnerability.rates) {
        double beyond = 0;
        for (const RatePoint::Policy& policy : point.policies) {
            beyond = std::max(beyond, policy.beyond);
        }
        Row row = {errors ? significant(point.error_rate) + " (mean " + significant(point.mean) + ")"
                          : significant(point.mean),
                   significant(100 * beyond) + " %"};
        for (const RatePoint::Policy& policy : point.policies) {
            row.push_back(percent(policy.accuracy, 2) + " " + percent_range(policy.accuracy_range, 2));
        }
        rows.push_back(std::move(row));
    }
    return table(rows);
}

}  // namespace

std::vector<ReportFile> text_report(const Summary& summary) {
    std::string text = printable(headline(summary)) + "\n";
    text += wrapped(printable(sample_line(summary)), 0) + "\n";
    text += policy_table(summary) + "\n";
    text += difference_table(summary) + "\n";
    text += count_table(summary) + "\n";
    text += ledger_table(summary) + "\n";
    text += structure_ledger_table(summary) + "\n";
    if (summary.has_requests()) {
        text += request_table(summary) + "\n";
    }
    if (!summary.vulnerability.structures.empty()) {
        text += vulnerability_table(summary) + "\n";
    }
    if (!summary.vulnerability.rates.empty()) {
        text += rate_table(summary) + "\n";
    }
    text += "How to read this\n";
    for (const Definition& definition : definitions(summary)) {
        text += wrapped("  " + definition.term + ": " + printable(definition.meaning), 4);
    }
    text += "\nNotes\n";
    for (const std::string& note : summary.notes) {
        text += wrapped("  - " + printable(note), 4);
    }
    return {{"report.txt", text}};
}

}  // namespace fluence::analysis
