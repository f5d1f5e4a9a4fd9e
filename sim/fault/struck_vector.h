// What upsets leave wrong in the vector unit (sim/dataflow/vector_pipeline.h) while it works on one layer.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/arith/fault_effect.h"
#include "traces/timeline.h"

namespace fluence::fault {

// Bits of a register of the pipeline are inverted while element `index` of a pass is in it.
struct StruckStage {
    std::int32_t pass = 0;
    std::int64_t index = 0;
    int stage = 0;
    std::uint32_t mask = 0;
};
// Bits of a parameter's register are inverted from `cycle` on.
struct StruckParameterBits {
    arith::Parameter parameter = arith::Parameter::bias;
    std::int64_t index = 0;
    traces::Cycle cycle = 0;
    std::uint32_t mask = 0;
};
// The ReLU check's operand, or the bounds of range restriction (lower byte, upper byte), of an element.
struct StruckCheck {
    std::int32_t pass = 0;
    std::int64_t index = 0;
    std::uint32_t mask = 0;
};

struct StruckVector {
    std::vector<StruckStage> stages;
    std::vector<StruckParameterBits> parameters;
    std::vector<StruckCheck> relu, bounds;
    std::vector<StruckCheck> waiting;  // the finished code, while it waits for its pixel
    std::vector<arith::ThresholdFlip> thresholds;
    bool any() const {
        return !stages.empty() || !parameters.empty() || !relu.empty() || !bounds.empty() ||
               !waiting.empty() || !thresholds.empty();
    }
};

}  // namespace fluence::fault
