// Upsets in what duplicated filters keep (sim/dataflow/kept_sums.h): the sums that wait for their copies',
// the comparators.
#pragma once

#include <cstdint>

#include "sim/fault/effects.h"
#include "sim/fault/resolver.h"

namespace fluence::fault {

class DuplicateSites {
  public:
    // `sums`: of the fault-free run.
    DuplicateSites(const MachineView& machine, const FoldSums& sums, Effects& effects)
        : machine_(machine), sums_(sums), effects_(effects) {}

    // `mask`: the bits to invert, none of them absent. Fills `result` but for its faults.
    void strike(const Upset& upset, std::uint32_t mask, Resolution& result);

  private:
    void word(std::int64_t unit, Cycle cycle, std::uint32_t mask, Resolution& result);
    void comparator(std::int64_t lane, Cycle cycle, std::uint32_t mask, Resolution& result);
    // The edge at which the accumulator of a position and a pixel of a pass is kept or compared; that of a
    // position that the next pass begins with is asked of this one.
    Cycle edge(std::int32_t pass, std::int64_t position, std::int64_t pixel) const;
    void note(LayerId layer, std::int64_t element, std::uint32_t golden, std::uint32_t mask,
              Resolution& result);

    const MachineView& machine_;
    const FoldSums& sums_;
    Effects& effects_;
};

}  // namespace fluence::fault
