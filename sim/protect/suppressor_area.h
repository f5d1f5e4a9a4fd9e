// Area of the parts that act on activations and layer outputs: ReLU check and filters (layer_filters.h).
#pragma once

#include <vector>

#include "sim/core/accelerator_config.h"
#include "sim/cost/area_tree.h"
#include "sim/protect/policy.h"

namespace fluence::protect {

// In a lane of the vector unit: the ReLU check compares two codes and keeps one. A filter's lane is its
// arithmetic with the codes of the channels beside; of thresholds each lane has one pair, those of channels
// and neurons travel with the requantiser's parameters and are not counted.
std::vector<cost::AreaNode> suppressor_logic(const AcceleratorConfig& config, const Policy& policy);
// The same and the filter's buffer, an SRAM of 8 bits a lane.
inline constexpr const char* kFilterBuffer = "filter buffer";  // the node's name
std::vector<cost::AreaNode> suppressor_area(const AcceleratorConfig& config, const Policy& policy);

}  // namespace fluence::protect
