// The latency report of one inference, of one image or a batch, as a table for the terminal, CSV and JSON
// (docs/machine.md says what the columns mean).
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sim/accel/energy.h"
#include "sim/core/accelerator_config.h"
#include "sim/core/units.h"
#include "traces/timeline.h"

namespace fluence::apps {

struct LatencyReport {
    std::string network, policy;
    int images = 1;  // of the batch
    AcceleratorConfig config;
    traces::Timeline timeline;
    GateEquivalents area{}, unprotected_area{};  // of logic and on-chip memories, with and without the policy
    std::vector<accel::EnergyPart> energy;       // of this inference
    cost::Process process;                       // that it is stated for
    // Inference end of the policy: at least so many runs, a check behind each, a restart between two. The
    // cycles of everything else are those of one run.
    int runs = 1;
    Cycles check{}, restart{};
    traces::Cycle request_cycles() const {
        return runs * (timeline.cycles + check.count()) + (runs - 1) * restart.count();
    }

    double milliseconds(traces::Cycle cycles) const;
    double cycles_per_image() const { return static_cast<double>(timeline.cycles) / images; }
    std::string table() const;  // with the run's traffic, area and energy below
    std::string csv() const;
    nlohmann::ordered_json json() const;
};

}  // namespace fluence::apps
