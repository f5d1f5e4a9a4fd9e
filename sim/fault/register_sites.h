// Upsets in the registers of a PE array with central control.
#pragma once

#include <cstdint>

#include "sim/fault/effects.h"
#include "sim/fault/resolver.h"

namespace fluence::fault {

class RegisterSites {
  public:
    // `sums`: of the fault-free run.
    RegisterSites(const MachineView& machine, const FoldSums& sums, Effects& effects)
        : machine_(machine), sums_(sums), effects_(effects), cols_(machine.cols) {}

    // `mask`: the bits of the register to invert, none of them absent. Fills `result` but for its faults.
    void strike(const Upset& upset, std::uint32_t mask, Resolution& result);

  private:
    struct Pe {
        std::int64_t row = 0, col = 0;
    };
    // A fold and a step of it; no fold in a bubble.
    struct Slot {
        std::int32_t id = -1;
        std::int64_t step = 0;
        explicit operator bool() const { return id >= 0; }
    };

    Pe pe(std::int64_t unit) const { return {unit / cols_, unit % cols_}; }
    // The fold in whose step `step` register (0,0) takes part in cycle `cycle`.
    Slot slot(Cycle cycle) const;
    const traces::Fold& fold(std::int32_t id) const { return machine_.fold(id); }
    std::int64_t used_cols(const traces::Fold& f) const {
        return machine_.array.input_stationary() ? f.pixels : f.channels;
    }

    // Operands that move: of step `slot` in row (column) `lane`, wrong from PE column (row) `first` on.
    void row_operand(const Slot& slot, std::int64_t lane, std::int64_t first, std::uint32_t mask,
                     Resolution& result);
    void column_operand(const Slot& slot, std::int64_t lane, std::int64_t first, std::uint32_t mask,
                        Resolution& result);
    void skewed(std::int64_t unit, Cycle cycle, std::uint32_t mask, Resolution& result);
    // Operands that stay: of PE (row, col) of the fold, wrong from step `first` on.
    void stationary(std::int32_t id, Pe at, std::int64_t first, std::uint32_t mask, Resolution& result);
    void active(Pe at, Cycle cycle, std::uint32_t mask, Resolution& result);
    // A register of the chain, at or behind edge Fold::preload of its last fold.
    void chain(Pe at, Cycle cycle, std::uint32_t mask, Resolution& result);
    void activation_off(std::int32_t id, std::int64_t m, std::int64_t k, std::int64_t first,
                        std::uint32_t mask, Resolution& result);
    void weight_off(std::int32_t id, std::int64_t k, std::int64_t n, std::int64_t first, std::uint32_t mask,
                    Resolution& result);

    void product(std::int64_t unit, Cycle cycle, std::uint32_t mask, Resolution& result);
    void moving_sum(Pe at, Cycle cycle, std::uint32_t mask, Resolution& result);
    void accumulator(Pe at, int stage, Cycle cycle, std::uint32_t mask, Resolution& result);
    void drain(Pe at, Cycle cycle, std::uint32_t mask, Resolution& result);
    void sum_off(std::int32_t id, std::int64_t m, std::int64_t n, std::int64_t terms, std::uint32_t mask,
                 Resolution& result);
    bool moves_at_every_edge(SiteKind site) const;
    static void holds_zero(std::uint32_t mask, Resolution& result);
    void note(std::int32_t id, std::uint32_t golden, std::uint32_t mask, Resolution& result) const;

    const MachineView& machine_;
    const FoldSums& sums_;
    Effects& effects_;
    const std::int64_t cols_;
};

}  // namespace fluence::fault
