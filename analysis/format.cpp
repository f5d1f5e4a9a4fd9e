#include "analysis/format.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace fluence::analysis {

namespace {

constexpr std::size_t kLongestNumber = 400;  // fixed notation of the largest double

bool reads_as_zero(const std::string& digits) {
    return digits.find_first_of("123456789") == std::string::npos;
}

}  // namespace

std::string shortest(double value) {
    if (std::isnan(value)) {
        return "";
    }
    std::array<char, kLongestNumber> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value);
    return std::string(text.data(), end.ptr);
}

std::string fixed(double value, int places) {
    if (!std::isfinite(value)) {
        return std::isnan(value) ? "n/a" : (value > 0 ? "inf" : "-inf");
    }
    std::array<char, kLongestNumber> text{};
    const auto end =
        std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed, places);
    std::string digits(text.data(), end.ptr);
    if (digits[0] == '-' && reads_as_zero(digits)) {
        digits.erase(0, 1);
    }
    return digits;
}

std::string signed_fixed(double value, int places) {
    const std::string digits = fixed(value, places);
    return digits[0] == '-' || !std::isfinite(value) ? digits : "+" + digits;
}

std::string microjoules(double picojoules) {
    return fixed(picojoules * 1e-6, 1);
}

std::string thousands(std::int64_t value) {
    std::string digits = std::to_string(value);
    const std::int64_t first = value < 0 ? 1 : 0;
    for (std::int64_t at = static_cast<std::int64_t>(digits.size()) - 3; at > first; at -= 3) {
        digits.insert(static_cast<std::size_t>(at), ",");
    }
    return digits;
}

int percent_places(std::int64_t total) {
    int digits = 0;
    for (std::int64_t power = 1; power < total; power *= 10) {
        ++digits;
    }
    return std::max(1, digits - 2);
}

std::string percent(double rate, int places) {
    return fixed(100 * rate, places) + " %";
}

std::string percent_range(const Interval& interval, int places) {
    return "[" + fixed(100 * interval.low, places) + ", " + fixed(100 * interval.high, places) + "]";
}

std::string percent_with_range(const Estimate& value) {
    if (value.total == 0) {
        return "no data";
    }
    const int places = percent_places(value.total);
    return percent(value.rate, places) + " " + percent_range(value.interval, places);
}

std::string points_with_range(const PairedDifference& value) {
    const int places = percent_places(value.counts.total());
    return signed_fixed(100 * value.difference, places) + " " + "[" +
           signed_fixed(100 * value.interval.low, places) + ", " +
           signed_fixed(100 * value.interval.high, places) + "]";
}

std::string p_value_text(double p) {
    constexpr double kSmallest = 1e-4;
    return p < kSmallest ? "<0.0001" : fixed(p, 4);
}

std::string confidence_text(double confidence) {
    // Shortest text of the percentage, free of the rounding of 100 · confidence.
    const double percentage = std::round(100 * confidence * 1e9) / 1e9;
    return shortest(percentage) + " %";
}

std::string method_title(IntervalMethod method) {
    return method == IntervalMethod::wilson ? "Wilson" : "Clopper-Pearson";
}

}  // namespace fluence::analysis
