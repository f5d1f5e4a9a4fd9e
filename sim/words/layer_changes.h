// What upsets leave wrong in one layer of a machine of words, as changes of the layer's arithmetic.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "sim/arith/word_values.h"
#include "sim/fault/effects.h"
#include "sim/fault/word_sites.h"
#include "sim/words/struck_sums.h"
#include "sim/words/vector_sites.h"

namespace fluence::words {

class WordLayerChanges {
  public:
    // Keeps references. `sums`: of the tensors that the layer meets.
    WordLayerChanges(const fault::MachineView& machine, const workloads::WordGraph& graph,
                     const WordSums& sums)
        : machine_(machine), graph_(graph), sums_(sums) {}

    void add(const fault::StruckLayer& struck);
    void add(const StruckStoredSum& struck);
    void add(const StruckStage& struck);
    void add(const StruckRegister& struck);
    void add(const fault::WordSites::StruckLogit& logit);
    // With everything that was added, once.
    arith::WordLayerFault take();
    // Whether a sum, an operand, a parameter, a stage of the vector unit or a logit is another one than
    // without upsets.
    bool any() const { return any_; }

  private:
    using WordLayerFault = arith::WordLayerFault;
    using Place = std::pair<const fault::AccumulatorBlock*, std::int64_t>;  // position inside the block
    // What is wrong with one output's sum: whole sums of folds, and what is read of the sums stored behind
    // them (cleared first, where so; then bits inverted).
    struct Output {
        std::map<std::int32_t, WideBits> folds;                    // by k_fold: the sum that leaves the array
        std::map<std::int32_t, std::pair<bool, WideBits>> stored;  // by k_fold
    };

    void add_folds(const fault::StruckLayer& struck);
    void add_reads(const fault::StruckLayer& struck);
    void add_parameters(const fault::StruckLayer& struck);
    Word parameter(LayerId layer, bool shift, std::int64_t index) const;
    void use_registers();
    // The output's sum behind its last fold, with what is wrong and without.
    struct Totals {
        WideBits wrong = 0, right = 0;
    };
    Totals totals(const fault::AccumulatorBlock& block, std::int64_t position, const Output& output) const;

    const fault::MachineView& machine_;
    const workloads::WordGraph& graph_;
    const WordSums& sums_;
    std::map<Place, Output> outputs_;
    std::map<std::int64_t, fault::BitChange> logits_;
    std::map<std::int64_t, WordLayerFault::Held> held_;
    std::map<std::pair<bool, std::int64_t>, std::vector<StruckRegister>> registers_;  // by shift, index
    WordLayerFault fault_;
    bool any_ = false;
};

}  // namespace fluence::words
