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
    for (const workloads::Layer& layer : one.setup.graph.layers) {
        const workloads::Shape& out = one.setup.graph.tensor(layer.output).shape;
        stream << "layer " << layer.name << ": " << name_of(layer.kind) << " to " << out.channels << "x"
               << out.height << "x" << out.width << "\n";
    }
    for (const traces::Upset& upset : one.upsets) {
        stream << "upset of " << name_of(upset.site) << " unit " << upset.unit << " at cycle " << upset.cycle
               << ", bits" << bits_of(upset.bits)
               << (upset.held == traces::Held::no     ? ""
                   : upset.held == traces::Held::at_1 ? ", held at 1"
                                                      : ", held at 0")
               << "\n";
    }
}

}  // namespace fluence::apps
