// The checksum column (docs/policies.md, linear-checksum) in space and time: column C of the array, one PE a
// row, and the memory of its sums. Registers, upsets and the comparison all follow from this file.
//
// A PE of the column multiplies the activations that leave column C − 1 by w̃[k] = Σ_n B[k,n], sums of
// 8 + g bits with g = ⌈log₂ C⌉ that are made ahead of time, and the column sums products to 32 + g bits, in
// which everything wraps. It follows the schedule alone (no control bits travel in it) and the tables of
// space_time.h as one more column does, with c = C, but for these points:
//   weight stationary   row r's register takes w̃[k=r] at the edge that begins the cycle of its first
//                       multiplication, and keeps it until the next fold's. Rows that the fold does not use
//                       add nothing
//   output stationary   w̃[k=t] enters row 0 and moves down as column operands do, never through skew
//                       registers; a sum is handed over by its own PE when it is done, whatever the drain
//   activations         registers of the column's own exist at the input alone; at the output its PEs
//                       multiply what the registers of column C − 1 hold
//   products            of operand_bits + 8 + g bits, so that they do not wrap
// Hand-over. What a sum is handed over as in cycle u is added at edge u + 1 to the word of its pixel, or
// begins it anew where k_fold = 0. A word belongs to a pixel of one pass of the vector unit; there are three
// banks of words, taken by passes with MACs in turn, because the column may begin the block after the next
// before a block is compared.
// Comparison. The accumulator of element i of the pass, read in cycle t and decoded in d cycles, is
// subtracted from its pixel's word at edge t + 1 + d. With the last channel of the block the difference goes
// to the comparator's register of the element's lane instead, and in the cycle that begins there an alarm is
// raised where it is not zero.
#pragma once

#include <cstdint>

#include "sim/dataflow/space_time.h"
#include "workloads/graph.h"

namespace fluence::dataflow {

inline constexpr int kChecksumBanks = 3;

class ChecksumColumn {
  public:
    explicit ChecksumColumn(const ArrayConfig& array);

    int weight_bits() const { return 8 + growth_; }
    int product_bits() const { return operand_bits_ + 8 + growth_; }
    int sum_bits() const { return 32 + growth_; }
    // Registers. Sums: moving ones, or accumulators and the stages behind them, stage by stage.
    int weights() const { return map_.rows(); }
    int activations() const { return at_input_ ? map_.rows() : 0; }
    int products() const { return multiplier_stages_ * map_.rows(); }
    int sums() const {
        return map_.output_stationary() ? accumulator_stages_ * map_.rows() : map_.psum_rows();
    }
    // The cycle in which the sum of pixel m, counted inside the fold, is handed over.
    traces::Cycle hand_over(const traces::Fold& f, std::int64_t m) const {
        return map_.output_stationary()
                   ? map_.psum_cycle(f, map_.steps(f) - 1, static_cast<int>(m), column()) +
                         accumulator_stages_ - 1
                   : map_.accumulate_cycle(f, m, 0, column());
    }
    int column() const { return map_.cols(); }
    const SpaceTimeMap& map() const { return map_; }

    // The low `bits` of a value, and as the signed number that they stand for.
    static std::uint64_t low(std::uint64_t value, int bits) {
        return value & ((std::uint64_t{1} << bits) - 1);
    }
    static std::int64_t extended(std::uint64_t value, int bits) {
        const std::uint64_t sign = std::uint64_t{1} << (bits - 1);
        return static_cast<std::int64_t>((low(value, bits) ^ sign) - sign);
    }

  private:
    SpaceTimeMap map_;
    int growth_ = 0;
    int operand_bits_;
    bool at_input_;
    int multiplier_stages_, accumulator_stages_;
};

// Words of one bank of sums: a pixel each of as many as fit one half of the output buffer with C channels, or
// of the network's largest tile, where layers have fewer channels.
std::int64_t checksum_words(const workloads::Graph& graph, const AcceleratorConfig& config);

}  // namespace fluence::dataflow
