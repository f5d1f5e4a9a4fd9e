// A share with its count and interval, as programs that print one table write it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "analysis/intervals.h"

namespace fluence::analysis {

// "  name   count / total   rate %   [low, high]", the last three in per cent, and a line's end.
std::string share_line(const std::string& name, const Estimate& share);
nlohmann::json share_json(const Estimate& share);

}  // namespace fluence::analysis
