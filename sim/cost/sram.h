// Area of SRAM macros, brought to the unit of logic.
//
// A single-port macro of the open IHP SG13G2 130 nm PDK takes 4845 + 3.321·bits + 492·columns + 8.66·words
// µm² (least squares over its macros, tests/data/area; within 10 % of each). Divided by the area of that
// PDK's own sg13g2_nand2_1 (7.2576 µm²) it is a number of NAND2 equivalents, which adds to logic that was
// calibrated in another node: both shrink, their ratio is taken as constant.
#pragma once

#include <cstdint>

#include "sim/core/units.h"

namespace fluence::cost {

// µm² at 130 nm.
double sram_macro_um2(std::int64_t words, int columns);
// A memory of any size: as few macros of equal depth as hold it with at most kMaxMacroWords words each.
GateEquivalents sram(std::int64_t words, int columns);

inline constexpr std::int64_t kMaxMacroWords = 8192;  // the deepest macro the model was fitted to

}  // namespace fluence::cost
