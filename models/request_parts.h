// What the requests for import and training have in common.
#pragma once

#include <string>

#include "models/import.h"

namespace fluence::models {

// Keys: divisor, mean, deviation; the last two are a number or a list of numbers.
Preprocessing parse_preprocessing(JsonObject object);
// `path` seen from `base`; empty stays empty.
std::string resolved_path(const std::string& path, const std::string& base);

}  // namespace fluence::models
