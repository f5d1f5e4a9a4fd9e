// What machines of other formats than int8 are modelled with.
#pragma once

#include "sim/core/accelerator_config.h"
#include "sim/protect/policy.h"

namespace fluence::accel {

// Throws InputError for a policy with parts beside codes of memories and registers on such a machine.
void check_format(const AcceleratorConfig& config, const protect::Policy& policy);

}  // namespace fluence::accel
