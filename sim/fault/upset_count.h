// How many upsets strike one inference, as experiments say it (key "upsets").
#pragma once

#include "sim/fault/sampler.h"

namespace fluence::fault {

// A number, or {"mean" or "rate_fit_per_mbit", "clock_hz", "most", "means"}.
void parse_upsets(JsonObject& object, UpsetCount& upsets);
// A number, or {"error_rate", "most", "error_rates"}.
void parse_error_count(JsonObject& object, UpsetCount& upsets);
nlohmann::json upsets_json(const UpsetCount& upsets);

}  // namespace fluence::fault
