// Upsets in the registers of a PE array with central control.
#pragma once

#include <cstdint>

#include "sim/core/wide_bits.h"
#include "sim/fault/effects.h"
#include "sim/fault/register_values.h"
#include "sim/fault/resolver.h"

namespace fluence::fault {

class RegisterSites {
  public:
    RegisterSites(const MachineView& machine, const RegisterValues& golden, Effects& effects)
        : machine_(machine), golden_(golden), effects_(effects), cols_(machine.cols) {}

    // `mask`: the bits of the register to invert, none of them absent. Fills `result` but for its faults; of
    // values of more than 64 bits it says the low ones.
    void strike(const Upset& upset, WideBits mask, Resolution& result);

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
    void row_operand(const Slot& slot, std::int64_t lane, std::int64_t first, WideBits mask,
                     Resolution& result);
    void column_operand(const Slot& slot, std::int64_t lane, std::int64_t first, WideBits mask,
                        Resolution& result);
    void skewed(std::int64_t unit, Cycle cycle, WideBits mask, Resolution& result);
    // Operands that stay: of PE (row, col) of the fold, wrong from step `first` on.
    void stationary(std::int32_t id, Pe at, std::int64_t first, WideBits mask, Resolution& result);
    void active(Pe at, Cycle cycle, WideBits mask, Resolution& result);
    // A register of the chain, at or behind edge Fold::preload of its last fold.
    void chain(Pe at, Cycle cycle, WideBits mask, Resolution& result);
    void activation_off(std::int32_t id, std::int64_t m, std::int64_t k, std::int64_t first, WideBits mask,
                        Resolution& result);
    void weight_off(std::int32_t id, std::int64_t k, std::int64_t n, std::int64_t first, WideBits mask,
                    Resolution& result);

    void product(std::int64_t unit, Cycle cycle, WideBits mask, Resolution& result);
    void moving_sum(Pe at, Cycle cycle, WideBits mask, Resolution& result);
    void accumulator(Pe at, int stage, Cycle cycle, WideBits mask, Resolution& result);
    void drain(Pe at, Cycle cycle, WideBits mask, Resolution& result);
    void sum_off(std::int32_t id, std::int64_t m, std::int64_t n, std::int64_t terms, WideBits mask,
                 Resolution& result);
    bool moves_at_every_edge(SiteKind site) const;
    static void holds_zero(WideBits mask, Resolution& result);
    void note(std::int32_t id, WideBits golden, WideBits mask, Resolution& result) const;

    const MachineView& machine_;
    const RegisterValues& golden_;
    Effects& effects_;
    const std::int64_t cols_;
};

}  // namespace fluence::fault
