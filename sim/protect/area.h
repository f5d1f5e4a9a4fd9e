// Area of a machine under a policy, part by part.
#pragma once

#include <string>
#include <vector>

#include "sim/core/accelerator_config.h"
#include "sim/core/units.h"
#include "sim/protect/policy.h"

namespace fluence::protect {

struct AreaNode {
    std::string name;         // "PE array", "weight buffer", "SECDED decoders" …
    GateEquivalents area{};   // of this node and everything below
    bool protection = false;  // exists only because of the policy
    std::vector<AreaNode> parts;
};

// Logic and on-chip memories; DRAM is off chip, its check bits are reported by dram_check_share().
AreaNode area_of(const AcceleratorConfig& config, const Policy& policy);
// Check bits of a DRAM word over its data bits.
double dram_check_share(const AcceleratorConfig& config, const Policy& policy);

}  // namespace fluence::protect
