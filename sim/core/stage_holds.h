// What a register of the vector unit's pipeline holds, in the order of its stages
// (dataflow/vector_pipeline.h).
#pragma once

namespace fluence {

enum class StageHolds { operand, biased, requantised, code };
inline constexpr int kStageHoldsCount = 4;

}  // namespace fluence
