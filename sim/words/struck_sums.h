// Upsets in words of the output buffer of a machine of words: accumulators, each written by one fold of a
// reduction after the other, read by the next one, and at last by the vector unit.
//
// A word of several accumulators is written in part: the word as it stands is decoded, the new accumulator
// put in its place and the whole encoded again. An error elsewhere in the word is thereby corrected, detected
// (the other accumulators become zero) or, unseen, taken into a valid word.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/fault/resolver.h"
#include "sim/fault/strike.h"
#include "sim/fault/verdicts.h"
#include "sim/words/word_sums.h"

namespace fluence::words {

// What is read wrong of the stored sum of (m, n) of a block behind fold `k_fold` of its reduction: nothing
// but zeros where `zero`, and of that the bits `mask` inverted.
struct StruckStoredSum {
    LayerId layer{};
    const fault::AccumulatorBlock* block = nullptr;
    std::int64_t position = 0;  // inside the block
    std::int32_t k_fold = 0;
    bool zero = false;
    WideBits mask = 0;
};

class StoredSums {
  public:
    // Keeps references. `golden`: of the fault-free run.
    StoredSums(const fault::MachineView& machine, const WordSums& golden, fault::Verdicts& verdicts)
        : machine_(machine), golden_(golden), verdicts_(verdicts) {}

    // All strikes of one word, by ascending cycle. Says in `result` what the first one struck, or why they
    // change nothing.
    void strike(std::int64_t word, const std::vector<fault::Strike>& strikes, fault::Resolution& result);
    const std::vector<StruckStoredSum>& struck() const { return struck_; }

    // The sum of a position as the output buffer stores it behind fold `k_fold`, without upsets.
    WideBits stored(const fault::AccumulatorBlock& block, std::int64_t position, std::int32_t k_fold) const;

  private:
    const fault::MachineView& machine_;
    const WordSums& golden_;
    fault::Verdicts& verdicts_;
    std::vector<StruckStoredSum> struck_;
};

}  // namespace fluence::words
