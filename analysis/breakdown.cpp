#include "analysis/breakdown.h"

#include <limits>
#include <numeric>

namespace fluence::analysis {

namespace {

using fault::SiteKind;

// Faults that struck no layer's work come last.
constexpr int kNoLayer = std::numeric_limits<int>::max();
constexpr int kCheckLast = std::numeric_limits<int>::max();

int lowest_bit(const WordBits& bits) {
    for (int i = 0; i < kMaxWordBits; ++i) {
        if (bits.test(static_cast<std::size_t>(i))) {
            return i;
        }
    }
    return 0;
}

// The accelerator's key of a memory, or null where the site is not a word of a memory.
const char* memory_key(SiteKind kind) {
    switch (kind) {
        case SiteKind::weight_buffer:
        case SiteKind::activation_buffer:
        case SiteKind::output_buffer:
        case SiteKind::dram:
            return fault::name_of(kind);
        default:
            return nullptr;
    }
}

int data_bits(const nlohmann::json& accelerator, const char* memory) {
    const auto found = accelerator.find(memory);
    if (found == accelerator.end() || !found->is_object()) {
        return kMaxWordBits;
    }
    const auto bits = found->find("word_bits");
    return bits != found->end() && bits->is_number_integer() ? bits->get<int>() : kMaxWordBits;
}

}  // namespace

BitPosition bit_position(const fault::Upset& upset, const nlohmann::json& accelerator) {
    const int bit = lowest_bit(upset.bits);
    const char* memory = memory_key(upset.site);
    if (memory == nullptr) {
        return {bit};
    }
    if (bit >= data_bits(accelerator, memory)) {
        return {BitPosition::kCheckBit};
    }
    constexpr int kByte = 8;
    return {upset.site == SiteKind::output_buffer ? bit : bit % kByte};
}

BreakdownCounter::BreakdownCounter(std::size_t policies, const campaign::CampaignHeader& header)
    : policies_(policies), drawn_(header.strata.size(), 0), layer_names_(header.layer_names) {
    const auto found = header.experiment.find("accelerator");
    accelerator_ = found != header.experiment.end() ? *found : nlohmann::json::object();
}

void BreakdownCounter::count(Cells& cells, std::pair<int, int> key, std::size_t policy, std::size_t stratum,
                             campaign::Outcome outcome) {
    Cell& cell = cells[key];
    if (cell.empty()) {
        cell.resize(policies_, std::vector<OutcomeCounts>(drawn_.size(), OutcomeCounts{}));
    }
    ++cell[policy][stratum][static_cast<std::size_t>(outcome)];
}

void BreakdownCounter::add(const campaign::FaultRow& fault,
                           const std::vector<const campaign::OutcomeRow*>& rows) {
    const auto stratum = static_cast<std::size_t>(fault.stratum);
    ++drawn_[stratum];
    const int structure = static_cast<int>(fault.upset.site);
    const int bit = bit_position(fault.upset, accelerator_).bit;
    for (std::size_t policy = 0; policy < rows.size(); ++policy) {
        const campaign::OutcomeRow& row = *rows[policy];
        const int layer = row.struck_layer < 0 ? kNoLayer : row.struck_layer;
        count(by_layer_, {0, layer}, policy, stratum, row.outcome);
        count(by_structure_, {0, structure}, policy, stratum, row.outcome);
        count(by_bit_, {structure, bit == BitPosition::kCheckBit ? kCheckLast : bit}, policy, stratum,
              row.outcome);
    }
}

BreakdownCell BreakdownCounter::report(const Cell& cell, const Sampling& sampling) const {
    BreakdownCell result;
    for (const std::vector<OutcomeCounts>& strata : cell) {
        OutcomeEstimates outcomes;
        for (std::size_t i = 0; i < outcomes.size(); ++i) {
            std::vector<StratumTally> tallies;
            for (const OutcomeCounts& counts : strata) {
                tallies.push_back(
                    {counts[i], std::accumulate(counts.begin(), counts.end(), std::int64_t{0})});
            }
            outcomes[i] = sampling.domain_rate(tallies, drawn_);
        }
        result.policies.push_back(outcomes);
    }
    return result;
}

std::string BreakdownCounter::layer_label(int layer) const {
    if (layer == kNoLayer) {
        return "(no layer)";
    }
    const std::size_t index = static_cast<std::size_t>(layer);
    return index < layer_names_.size() ? layer_names_[index] : "layer " + std::to_string(layer);
}

std::vector<Breakdown> BreakdownCounter::finish(const Sampling& sampling) const {
    Breakdown layers{"layer", "Outcome by struck layer", {}};
    for (const auto& [key, cell] : by_layer_) {
        BreakdownCell entry = report(cell, sampling);
        entry.label = layer_label(key.second);
        layers.cells.push_back(std::move(entry));
    }
    Breakdown structures{"structure", "Outcome by structure", {}};
    for (const auto& [key, cell] : by_structure_) {
        BreakdownCell entry = report(cell, sampling);
        entry.label = name_of(static_cast<SiteKind>(key.second));
        structures.cells.push_back(std::move(entry));
    }
    Breakdown bits{"bit", "Outcome by bit position", {}};
    for (const auto& [key, cell] : by_bit_) {
        BreakdownCell entry = report(cell, sampling);
        entry.group = name_of(static_cast<SiteKind>(key.first));
        entry.label = key.second == kCheckLast ? "check" : std::to_string(key.second);
        bits.cells.push_back(std::move(entry));
    }
    return {std::move(layers), std::move(structures), std::move(bits)};
}

}  // namespace fluence::analysis
