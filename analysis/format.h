// Numbers as text, the same in every locale.
#pragma once

#include <cstdint>
#include <string>

#include "analysis/intervals.h"

namespace fluence::analysis {

// The shortest text that reads back as the same double; "" for NaN.
std::string shortest(double value);
std::string fixed(double value, int places);
// With a sign, "+0.00" for zero.
std::string signed_fixed(double value, int places);
// Picojoules as microjoules, "66.8".
std::string microjoules(double picojoules);
// 12345678 → "12,345,678".
std::string thousands(std::int64_t value);

// Decimal places of a percentage so that one count of `total` shows: 2 for 2,000, 3 for 20,000.
int percent_places(std::int64_t total);
// "1.85 %" and "[1.35, 2.54]", percent.
std::string percent(double rate, int places);
std::string percent_range(const Interval& interval, int places);
// "1.85 % [1.35, 2.54]"; "no data" where total is 0.
std::string percent_with_range(const Estimate& value);
// A difference of rates in percentage points: "-1.25 [-1.80, -0.78]".
std::string points_with_range(const PairedDifference& value);
// "0.032", "<0.0001".
std::string p_value_text(double p);
// 0.95 → "95 %".
std::string confidence_text(double confidence);

// "Wilson", "Clopper-Pearson", for prose.
std::string method_title(IntervalMethod method);

}  // namespace fluence::analysis
