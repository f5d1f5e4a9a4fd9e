// Upsets in the registers of the PE array.
#pragma once

#include <cstdint>

#include "sim/fault/effects.h"
#include "sim/fault/resolver.h"

namespace fluence::fault {

class RegisterSites {
  public:
    RegisterSites(const MachineView& machine, Effects& effects) : machine_(machine), effects_(effects) {}

    // `unit` and `cycle` as in Upset; `mask`: the bits to invert. Fill `result` but for its faults.
    void weight(std::int64_t unit, Cycle cycle, std::uint32_t mask, Resolution& result);
    void shadow_weight(std::int64_t unit, Cycle cycle, std::uint32_t mask, Resolution& result);
    void activation(std::int64_t unit, Cycle cycle, std::uint32_t mask, Resolution& result);
    void partial_sum(std::int64_t unit, Cycle cycle, std::uint32_t mask, Resolution& result);

  private:
    // The fold whose pixel `pixel` occupies a diagonal of the array; null in a bubble.
    const traces::Fold* fold_of_slot(Cycle slot, std::int64_t& pixel) const;
    // A register of the weight chain, at or behind edge Fold::preload of `id`.
    void chain_word(std::int32_t id, std::int32_t row, std::int32_t col, Cycle cycle, std::uint32_t mask,
                    Resolution& result);
    // The weight of (row, col) of `fold` is wrong for the pixels from `first` on.
    void weight_used(std::int32_t id, std::int32_t row, std::int32_t col, std::uint32_t mask,
                     std::int64_t first, Resolution& result);
    bool holds_weight(const traces::Fold& fold, std::int32_t row, std::int32_t col) const {
        return row < fold.used_rows && col < fold.used_cols;
    }
    std::int32_t weight_of(const traces::Fold& fold, std::int32_t row, std::int32_t col) const;

    const MachineView& machine_;
    Effects& effects_;
};

}  // namespace fluence::fault
