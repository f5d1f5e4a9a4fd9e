// Counts of outcomes by struck layer, by structure and by bit position.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "analysis/summary.h"

namespace fluence::analysis {

// Where in the struck field a fault's lowest bit lies.
struct BitPosition {
    static constexpr int kCheckBit = -1;
    int bit = 0;  // or kCheckBit
};

// Registers, accumulator words and neurons: the bit itself. Words of the weight and activation buffers and
// of DRAM hold int8 values: the bit of the byte. Bits behind the data bits of a word are check bits.
// `accelerator`: the resolved accelerator, which states the data bits of each memory's words.
BitPosition bit_position(const fault::Upset& upset, const nlohmann::json& accelerator);

class BreakdownCounter {
  public:
    BreakdownCounter(std::size_t policies, const campaign::CampaignHeader& header);
    // `rows`: by policy.
    void add(const campaign::FaultRow& fault, const std::vector<const campaign::OutcomeRow*>& rows);
    std::vector<Breakdown> finish(const Sampling& sampling) const;

  private:
    using OutcomeCounts = std::array<std::int64_t, campaign::kOutcomeCount>;
    using Cell = std::vector<std::vector<OutcomeCounts>>;  // by policy and stratum
    // Ordered keys: the order in which cells are reported.
    using Cells = std::map<std::pair<int, int>, Cell>;

    void count(Cells& cells, std::pair<int, int> key, std::size_t policy, std::size_t stratum,
               campaign::Outcome outcome);
    BreakdownCell report(const Cell& cell, const Sampling& sampling) const;
    std::string layer_label(int layer) const;

    std::size_t policies_;
    std::vector<std::int64_t> drawn_;  // by stratum
    std::vector<std::string> layer_names_;
    nlohmann::json accelerator_;
    Cells by_layer_, by_structure_, by_bit_;
};

}  // namespace fluence::analysis
