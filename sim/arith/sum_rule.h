// How an array with narrow or saturating sums adds up a layer's products. Each fold's sum lives in registers
// of the array; the output buffer adds the folds' sums and the bias in 32 bits, which wrap.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "sim/core/accelerator_config.h"
#include "workloads/graph.h"

namespace fluence::arith {

// A register for sums, `bits` (2 … 32) wide, behind an adder that wraps (two's complement) or saturates.
class SumRegister {
  public:
    SumRegister(int bits, Overflow overflow) : bits_(bits), saturates_(overflow == Overflow::saturate) {}

    std::int32_t lowest() const { return static_cast<std::int32_t>(-(std::int64_t{1} << (bits_ - 1))); }
    std::int32_t highest() const { return static_cast<std::int32_t>((std::int64_t{1} << (bits_ - 1)) - 1); }
    bool saturates() const { return saturates_; }

    // What the register takes where the adder's exact result is `sum`.
    std::int32_t fit(std::int64_t sum) const {
        if (saturates_) {
            return static_cast<std::int32_t>(std::clamp<std::int64_t>(sum, lowest(), highest()));
        }
        const int unused = 64 - bits_;
        return static_cast<std::int32_t>(
            static_cast<std::int64_t>(static_cast<std::uint64_t>(sum) << unused) >> unused);
    }
    // One addition; `sum` is what the register holds.
    std::int32_t add(std::int32_t sum, std::int32_t term) const { return fit(std::int64_t{sum} + term); }

  private:
    int bits_;
    bool saturates_;
};

// The default adds exactly modulo 2³², whatever the folds.
struct SumRule {
    int bits = 32;
    Overflow overflow = Overflow::wrap;
    // By layer: the ends of its folds in the reduction k, ascending, the last one K; a fold's products are
    // added with k ascending, starting from 0. Empty for layers without MACs, and altogether where exact().
    std::vector<std::vector<std::int64_t>> fold_ends;

    bool exact() const { return bits == 32 && overflow == Overflow::wrap; }
    SumRegister sum_register() const { return {bits, overflow}; }
};

// Whether some codes of the layer's input format drive a sum of `rule` out of its register's range; false
// for layers without MACs.
bool can_overflow(const workloads::Graph& graph, LayerId layer, const SumRule& rule);

}  // namespace fluence::arith
