// Upsets in the vector unit: its pipeline, the parameters that are loaded to it, the checks' registers.
#pragma once

#include <cstdint>

#include "sim/dataflow/vector_pipeline.h"
#include "sim/fault/effects.h"
#include "sim/fault/resolver.h"
#include "sim/fault/vector_path.h"

namespace fluence::fault {

class VectorSites {
  public:
    // `work`: of the fault-free run.
    VectorSites(const VectorWork& work, Effects& effects);

    // `bits`: those to invert, none of them absent. Fills `result` but for its faults.
    void strike(const Upset& upset, const WordBits& bits, Resolution& result);

  private:
    void pipeline(const Upset& upset, std::uint32_t mask, Resolution& result);
    void relu(const Upset& upset, std::uint32_t mask, Resolution& result);
    void bound(const Upset& upset, std::uint32_t mask, Resolution& result);
    void parameter(const Upset& upset, const WordBits& bits, Resolution& result);

    const VectorWork work_;
    const MachineView& machine_;
    Effects& effects_;
    const dataflow::VectorPipeline pipeline_;
};

}  // namespace fluence::fault
