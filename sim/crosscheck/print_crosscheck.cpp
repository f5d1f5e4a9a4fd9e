#include <cstdio>
#include <ostream>

#include "sim/crosscheck/crosscheck.h"

namespace fluence::crosscheck {
namespace {

constexpr std::size_t kListedDisagreements = 10;

template <class... Values>
std::string line(const char* format, Values... values) {
    char text[160];
    std::snprintf(text, sizeof text, format, values...);
    return text;
}

void print_sites(std::ostream& out, const FileResult& result) {
    out << line("  %-12s %9s %9s %9s %9s\n", "site", "records", "stepped", "formula", "register");
    for (const auto& [name, tally] : result.sites) {
        const std::string formula = tally.control ? "-" : std::to_string(tally.predicted);
        out << line("  %-12s %9lld %9lld %9s %9lld\n", name.c_str(), static_cast<long long>(tally.records),
                    static_cast<long long>(tally.stepped), formula.c_str(),
                    static_cast<long long>(tally.registers));
    }
}

void print_latencies(std::ostream& out, const FileResult& result) {
    out << line("  %-24s %6s %6s %6s  %-24s  %s\n", "cycles", "M", "K", "N", "stream to last", "total");
    out << line("  %-24s %6s %6s %6s  %8s%8s%8s  %8s%8s%8s\n", "", "", "", "", "recorded", "stepped",
                "formula", "recorded", "stepped", "formula");
    for (const LatencyTally& tally : result.latencies) {
        const Tile& tile = tally.record.tile;
        out << line("  %-24s %6lld %6lld %6lld  %8lld%8lld%8lld  %8lld%8lld%8lld%s\n",
                    tally.record.label.c_str(), static_cast<long long>(tile.m),
                    static_cast<long long>(tile.k), static_cast<long long>(tile.n),
                    static_cast<long long>(tally.record.stream), static_cast<long long>(tally.stepped_stream),
                    static_cast<long long>(tally.predicted_stream),
                    static_cast<long long>(tally.record.total), static_cast<long long>(tally.stepped_total),
                    static_cast<long long>(tally.predicted_total), tally.agrees() ? "" : "  differs");
    }
}

}  // namespace

void print(std::ostream& out, const std::vector<FileResult>& results) {
    for (const FileResult& result : results) {
        out << result.path << "\n";
        if (!result.sites.empty()) {
            print_sites(out, result);
        }
        if (!result.latencies.empty()) {
            print_latencies(out, result);
        }
        for (std::size_t i = 0; i < result.disagreements.size() && i < kListedDisagreements; ++i) {
            out << "  " << result.disagreements[i] << "\n";
        }
        if (result.disagreements.size() > kListedDisagreements) {
            out << "  … and " << result.disagreements.size() - kListedDisagreements << " more\n";
        }
        out << "\n";
    }
    const Totals totals = total(results);
    if (totals.latencies > 0) {
        out << "latencies: " << totals.latencies_agree << " of " << totals.latencies << " agree\n";
    }
    if (totals.contents > 0) {
        out << "register contents: " << totals.contents_agree << " of " << totals.contents
            << " as recorded before and after the upset\n";
    }
    out << "crosscheck: " << totals.data_agree << " of " << totals.data_records
        << " data-register records agree, " << totals.control_agree << " of " << totals.control_records
        << " control records agree\n";
}

}  // namespace fluence::crosscheck
