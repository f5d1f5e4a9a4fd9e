// Upsets in a filter of whole pixels (sim/dataflow/filter_unit.h): the codes that wait for it, its
// thresholds.
#pragma once

#include <cstdint>

#include "sim/fault/effects.h"
#include "sim/fault/resolver.h"
#include "sim/fault/vector_path.h"

namespace fluence::fault {

class FilterSites {
  public:
    // `work`: of the fault-free run.
    FilterSites(const VectorWork& work, Effects& effects)
        : work_(work), machine_(work.machine), effects_(effects) {}

    // `mask`: the bits to invert, none of them absent. Fills `result` but for its faults.
    void strike(const Upset& upset, std::uint32_t mask, Resolution& result);

  private:
    void buffer(const Upset& upset, std::uint32_t mask, Resolution& result);
    void waiting(LayerId layer, const FilterSchedule::Code& code, std::uint32_t mask, Resolution& result);
    void threshold(const Upset& upset, std::uint32_t mask, Resolution& result);

    const VectorWork work_;
    const MachineView& machine_;
    Effects& effects_;
};

}  // namespace fluence::fault
