// Range restriction (Ranger, Chen et al.): bounds of layer outputs from the calibration profile.
#pragma once

#include <vector>

#include "sim/arith/engine.h"
#include "sim/protect/policy.h"
#include "workloads/bundle.h"

namespace fluence::protect {

// One entry a layer, empty where the layer is not restricted: behind each activation (layers with an
// unsigned output), pooling and concatenation behind it reuse the bounds of their inputs, none on the
// layer of the logits. Throws InputError when the bundle has no profile.
std::vector<arith::OutputBounds> output_bounds(const Policy& policy, const workloads::Bundle& bundle);

}  // namespace fluence::protect
