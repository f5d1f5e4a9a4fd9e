// Upsets in the checksum column: its registers, the words of its sums, the comparator.
#pragma once

#include <cstdint>

#include "sim/fault/checksum_changes.h"
#include "sim/fault/effects.h"
#include "sim/fault/resolver.h"

namespace fluence::fault {

class ChecksumSites {
  public:
    // `sums`: of the fault-free run.
    ChecksumSites(const MachineView& machine, const FoldSums& sums, Effects& effects)
        : machine_(machine), sums_(sums), column_(machine, sums), effects_(effects) {}

    // `mask`: the bits to invert, none of them absent. Fills `result` but for its faults.
    void strike(const Upset& upset, std::uint64_t mask, Resolution& result);

  private:
    // A fold and a step of it; no fold in a bubble.
    struct Slot {
        std::int32_t id = -1;
        std::int64_t step = 0;
        explicit operator bool() const { return id >= 0; }
    };
    Slot slot(Cycle cycle) const;
    const traces::Fold& fold(std::int32_t id) const { return machine_.fold(id); }
    const dataflow::SpaceTimeMap& map() const { return machine_.array; }
    int col() const { return column_.column().column(); }
    // Pixel and term that a row multiplies in a step; false where it adds nothing.
    bool multiplies(const Slot& now, int row, std::int64_t& m, std::int64_t& k) const;

    void weight(int row, Cycle cycle, std::uint64_t mask, Resolution& result);
    void activation(int row, Cycle cycle, std::uint64_t mask, Resolution& result);
    void product(int stage, int row, Cycle cycle, std::uint64_t mask, Resolution& result);
    void moving_sum(int row, Cycle cycle, std::uint64_t mask, Resolution& result);
    void accumulator(int stage, int row, Cycle cycle, std::uint64_t mask, Resolution& result);
    void word(std::int64_t unit, Cycle cycle, std::uint64_t mask, Resolution& result);
    void comparator(std::int64_t lane, Cycle cycle, std::uint64_t mask, Resolution& result);
    void sum_off(std::int32_t id, std::int64_t m, std::int64_t terms, std::uint64_t mask, Resolution& result);
    void note(LayerId layer, std::int64_t golden, int bits, std::uint64_t mask, Resolution& result) const;
    StruckColumn& struck(std::int32_t id) { return effects_.of_fold(id).column; }

    const MachineView& machine_;
    const FoldSums& sums_;
    const ColumnSums column_;
    Effects& effects_;
};

}  // namespace fluence::fault
