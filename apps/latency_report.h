// The latency report of one inference, of one image or a batch, as a table for the terminal, CSV and JSON
// (docs/machine.md says what the columns mean).
#pragma once

#include <nlohmann/json.hpp>
#include <string>

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

    double milliseconds(traces::Cycle cycles) const;
    double cycles_per_image() const { return static_cast<double>(timeline.cycles) / images; }
    std::string table() const;  // with the run's traffic and the area below
    std::string csv() const;
    nlohmann::ordered_json json() const;
};

}  // namespace fluence::apps
