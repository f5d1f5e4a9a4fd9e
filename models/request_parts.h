// What the requests for import and training have in common.
#pragma once

#include <string>

#include "models/import.h"

namespace fluence::models {

// Keys: divisor, mean, deviation; the last two are a number or a list of numbers; resize (the shorter side,
// or [rows, columns]), antialias, crop, rotate (0, 180).
Preprocessing parse_preprocessing(JsonObject object);
// What parse_preprocessing reads; of the geometry only what is not its default.
nlohmann::json to_json(const Preprocessing& preprocessing);
// Key `weight_scales`: whether weights have a power of two an output channel (channel) instead of one a layer
// (layer), which only fxp8 may.
bool parse_channel_scales(JsonObject& object, bool fxp8);
// `path` seen from `base`; empty stays empty.
std::string resolved_path(const std::string& path, const std::string& base);

}  // namespace fluence::models
