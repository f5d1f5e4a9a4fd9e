// Area of a machine under a policy, part by part, in NAND2 equivalents: the PE array, the vector unit, the
// three on-chip buffers, controller with DMA and address generators, and everything that a policy adds. Not
// counted: DRAM and wiring. docs/costs.md states every formula.
#pragma once

#include "sim/core/accelerator_config.h"
#include "sim/cost/area_tree.h"
#include "sim/protect/policy.h"

namespace fluence::accel {

// Controller, DMA and address generators, as a share of the array's and the vector unit's logic (choice; no
// reference stands behind it, and no policy changes it).
inline constexpr double kControlShare = 0.05;

// The array without protection. A node a register bank (dataflow::register_banks), named after its site kind,
// and nodes for multipliers, adders, operand selection, feeders and accumulation.
cost::AreaNode array_area(const ArrayConfig& array);

cost::AreaNode area_of(const AcceleratorConfig& config, const protect::Policy& policy);

}  // namespace fluence::accel
