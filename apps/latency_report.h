// The latency report of one inference as a table for the terminal, CSV and JSON (docs/machine.md says what
// the columns mean).
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "sim/core/accelerator_config.h"
#include "traces/timeline.h"

namespace fluence::apps {

struct LatencyReport {
    std::string network, policy;
    AcceleratorConfig config;
    traces::Timeline timeline;

    double milliseconds(traces::Cycle cycles) const;
    std::string table() const;
    std::string csv() const;
    nlohmann::ordered_json json() const;
};

}  // namespace fluence::apps
