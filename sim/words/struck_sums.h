// Upsets in words of the output buffer of a machine of words: accumulators, each written by one fold of a
// reduction after the other and at last read by the vector unit.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/fault/resolver.h"
#include "sim/fault/strike.h"
#include "sim/words/word_sums.h"

namespace fluence::words {

// Bits of the stored sum of (m, n) of a block behind fold `k_fold` of its reduction, as the next one that
// reads it finds them.
struct StruckStoredSum {
    LayerId layer{};
    const fault::AccumulatorBlock* block = nullptr;
    std::int64_t position = 0;  // inside the block
    std::int32_t k_fold = 0;
    WideBits mask = 0;
};

class StoredSums {
  public:
    // Keeps references. `golden`: of the fault-free run.
    StoredSums(const fault::MachineView& machine, const WordSums& golden)
        : machine_(machine), golden_(golden) {}

    // Says in `result` what was struck, or why it changes nothing.
    void strike(std::int64_t word, const fault::Strike& strike, fault::Resolution& result);
    const std::vector<StruckStoredSum>& struck() const { return struck_; }

    // The sum of a position as the output buffer stores it behind fold `k_fold`, without upsets.
    WideBits stored(const fault::AccumulatorBlock& block, std::int64_t position, std::int32_t k_fold) const;

  private:
    void strike_accumulator(std::int64_t accumulator, traces::Cycle cycle, WideBits mask,
                            fault::Resolution& result);

    const fault::MachineView& machine_;
    const WordSums& golden_;
    std::vector<StruckStoredSum> struck_;
};

}  // namespace fluence::words
