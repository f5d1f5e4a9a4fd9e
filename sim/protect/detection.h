// The detectors of a layer (linear checksum, duplicated filters, ReLU check) and what their alarms set going.
#pragma once

#include "sim/arith/fault_effect.h"
#include "sim/core/accelerator_config.h"
#include "sim/core/units.h"
#include "sim/protect/policy.h"
#include "workloads/graph.h"

namespace fluence::protect {

struct DetectionVerdict {
    bool detected = false;    // at least one detector of the layer fired
    bool suppressed = false;  // at least one output was zeroed for it
    bool unrepaired = false;  // and no part acts on it
    Cycles recovery{};        // for which the clock stands while the layer's output is filtered
};

// Judges one struck layer. Adds to `fault` what follows an alarm: forced zeros of located blocks, or that the
// layer's gated filter acts.
DetectionVerdict apply_detectors(const Policy& policy, const workloads::Graph& graph,
                                 const AcceleratorConfig& config, arith::LayerFault& fault);

}  // namespace fluence::protect
