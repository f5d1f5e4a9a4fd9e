// How far the checksum column's sums of one layer are off, from what the array lets out to it and from upsets
// of its own registers and words.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "sim/dataflow/checksum_column.h"
#include "sim/fault/fold_sums.h"
#include "sim/fault/struck_column.h"

namespace fluence::fault {

// The column's arithmetic without upsets. Positions as FoldSums'.
class ColumnSums {
  public:
    ColumnSums(const MachineView& machine, const FoldSums& sums)
        : machine_(machine), sums_(sums), column_(machine.config.array) {}

    const dataflow::ChecksumColumn& column() const { return column_; }
    std::int64_t weight(const traces::Fold& f, std::int64_t k) const;
    // Σ of the first `terms` products of pixel m, which is no register's value yet.
    std::int64_t partial(const traces::Fold& f, std::int64_t m, std::int64_t terms) const;
    // The word of a pixel of the block with that fold, at the beginning of `cycle`: sums handed over so far
    // less the accumulators compared so far.
    std::uint64_t word(const traces::Fold& f, std::int64_t m, Cycle cycle) const;
    // Edges at which the word is begun, and at which its difference is taken into the comparator.
    Cycle begun(const traces::Fold& f, std::int64_t m) const;
    Cycle compared(const traces::Fold& f, std::int64_t m) const;
    // The edge at which the accumulator of channel n is subtracted.
    Cycle subtracted(const traces::Fold& f, std::int64_t m, std::int64_t n) const;
    // The accumulator without its bias, as the output buffer holds it in the end.
    std::uint32_t accumulator(const traces::Fold& f, std::int64_t m, std::int64_t n) const;
    // All folds of the reduction that the fold is a block of.
    const std::vector<std::int32_t>& reduction(const traces::Fold& f) const;

  private:
    const MachineView& machine_;
    const FoldSums& sums_;
    const dataflow::ChecksumColumn column_;
};

// `rows`: by fold, how operands that leave the last column are off. Adds to `fault`, whose accumulators are
// complete, the deviations of all blocks.
class ChecksumChanges {
  public:
    ChecksumChanges(const MachineView& machine, const FoldSums& sums, const StruckColumn& struck,
                    const std::map<std::int32_t, StruckFold::RowChanges>& rows, arith::LayerFault& fault)
        : machine_(machine),
          sums_(sums),
          column_(machine, sums),
          struck_(struck),
          rows_(rows),
          fault_(fault) {}

    void add();

  private:
    using Point = std::pair<std::int64_t, std::int64_t>;  // (m, k)
    using Terms = std::map<std::int64_t, std::int64_t>;   // change of a product, by k
    using Pixel = std::pair<std::int32_t, std::int64_t>;  // first fold of the reduction, m

    void find_points();
    std::int64_t change_at(const traces::Fold& f, std::int32_t id, const Point& at) const;
    Pixel pixel_of(std::int32_t fold, std::int64_t m) const;
    std::uint64_t handed_over(std::int32_t id, std::int64_t m) const;
    std::int64_t deviation(const Pixel& pixel, const std::vector<ColumnWord>& strikes) const;
    void add_delta(const traces::Fold& f, std::int64_t m, std::int64_t delta);

    const MachineView& machine_;
    const FoldSums& sums_;
    const ColumnSums column_;
    const StruckColumn& struck_;
    const std::map<std::int32_t, StruckFold::RowChanges>& rows_;
    arith::LayerFault& fault_;
    std::map<std::int32_t, std::map<std::int64_t, Terms>> changes_;  // by fold and m
};

}  // namespace fluence::fault
