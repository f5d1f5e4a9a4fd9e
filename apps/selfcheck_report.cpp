#include "apps/selfcheck_report.h"

#include <iomanip>
#include <ostream>

namespace fluence::apps {
namespace {

void print_counts(std::ostream& stream, const check::Tally::Counts& counts) {
    const char* between = "";
    for (const auto& [name, count] : counts) {
        stream << between << name << ' ' << count;
        between = ", ";
    }
    stream << "\n";
}

std::string bits_of(const WordBits& bits) {
    std::string text;
    for (std::size_t i = 0; i < bits.size(); ++i) {
        text += bits[i] ? " " + std::to_string(i) : "";
    }
    return text;
}

void print_layers(std::ostream& stream, const workloads::Graph& graph) {
    for (const workloads::Layer& layer : graph.layers) {
        const workloads::Shape& out = graph.tensor(layer.output).shape;
        stream << "layer " << layer.name << ": " << name_of(layer.kind) << " to " << out.channels << "x"
               << out.height << "x" << out.width << "\n";
    }
}

void print_upsets(std::ostream& stream, const check::UpsetList& upsets) {
    for (const traces::Upset& upset : upsets) {
        stream << "upset of " << name_of(upset.site) << " unit " << upset.unit << " at cycle " << upset.cycle
               << ", bits" << bits_of(upset.bits)
               << (upset.held == traces::Held::no     ? ""
                   : upset.held == traces::Held::at_1 ? ", held at 1"
                                                      : ", held at 0")
               << "\n";
    }
}

}  // namespace

void print_tally(std::ostream& stream, const check::Tally& tally, std::uint64_t seed) {
    stream << "Cases by struck site (one upset: live, or why dead; several upsets: with others)\n";
    for (const auto& [array, sites] : tally.sites) {
        stream << array << "\n";
        for (const auto& [site, counts] : sites) {
            stream << "  " << std::left << std::setw(21) << site;
            print_counts(stream, counts);
        }
    }
    stream << "\nOutcomes and flags: ";
    print_counts(stream, tally.outcomes);
    stream << "Machines with: ";
    print_counts(stream, tally.features);
    stream << "Machines drawn that could not run their network: " << tally.refused << "\n\n"
           << "selfcheck: seed " << seed << ", " << tally.cases << " cases, " << tally.upsets << " upsets on "
           << tally.machines << " machines: " << tally.mismatches << " mismatches\n";
}

void print_case(std::ostream& stream, const check::Case& one) {
    stream << "machine " << fluence::to_json(one.setup.config).dump() << "\npolicy "
           << protect::to_json(one.setup.policy).dump() << "\n";
    if (one.setup.graph.images() > 1) {
        stream << "batch of " << one.setup.graph.images() << " images\n";
    }
    print_layers(stream, one.setup.graph);
    print_upsets(stream, one.upsets);
}

void print_word_tally(std::ostream& stream, const check::WordReport& report, std::uint64_t seed) {
    const check::WordTally& tally = report.tally;
    const std::int64_t machines =
        (tally.cases + check::kWordCasesPerMachine - 1) / check::kWordCasesPerMachine;
    stream << "Machines drawn that could not run their network: " << tally.refused << "\n"
           << "selfcheck: seed " << seed << ", " << tally.cases << " cases (" << tally.changed
           << " with changed values; memory codes corrected in " << tally.corrected << ", detected in "
           << tally.detected << ", aborted " << tally.aborted << "), " << tally.upsets << " upsets on "
           << machines << " machines: " << report.mismatches.size() << " mismatches\n";
}

void print_word_case(std::ostream& stream, const check::WordCase& one) {
    stream << "machine " << fluence::to_json(one.setup.config).dump() << "\npolicy "
           << protect::to_json(one.setup.policy).dump() << "\n";
    print_layers(stream, one.setup.graph.structure);
    print_upsets(stream, one.upsets);
}

}  // namespace fluence::apps
