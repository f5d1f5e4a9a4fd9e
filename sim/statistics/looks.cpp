#include "sim/statistics/looks.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "sim/statistics/sample_size.h"
#include "sim/statistics/weighted.h"

namespace fluence::statistics {
namespace {

// Half width of Clopper and Pearson's interval around one half.
double half_width_in_the_middle(std::int64_t faults, double confidence) {
    const Interval interval = weighted_rate({{1, faults / 2, faults}}, confidence).interval;
    return (interval.high - interval.low) / 2;
}

// The fewest faults for which every outcome has an interval as narrow as wanted, up to `limit`.
std::int64_t enough(double half_width, double confidence, std::int64_t limit) {
    std::int64_t low = 0, high = 1;  // not enough, enough
    while (high < limit && half_width_in_the_middle(high, confidence) > half_width) {
        low = high;
        high = std::min(limit, 2 * high);
    }
    while (high - low > 1) {
        const std::int64_t middle = low + (high - low) / 2;
        (half_width_in_the_middle(middle, confidence) > half_width ? low : high) = middle;
    }
    return high;
}

}  // namespace

double confidence_of_look(double confidence, int looks) {
    if (looks < 1) {
        throw std::invalid_argument("there is at least one look");
    }
    return 1 - (1 - confidence) / looks;
}

std::vector<std::int64_t> look_schedule(double half_width, double confidence, int looks,
                                        std::int64_t faults) {
    if (!(half_width > 0 && half_width < 0.5) || faults < 1) {
        throw std::invalid_argument("a half width lies between 0 and 0.5, and there is at least one fault");
    }
    const double each = confidence_of_look(confidence, looks);
    const double tail = (1 - each) / 2;
    const double fewest = std::log(tail) / std::log1p(-2 * half_width);
    const std::int64_t last = enough(half_width, each, faults);
    const double first = std::clamp(std::ceil(fewest), 1.0, static_cast<double>(last));
    std::vector<std::int64_t> schedule;
    for (int look = 0; look < looks; ++look) {
        const double share = looks == 1 ? 1 : static_cast<double>(look) / (looks - 1);
        const double at = first * std::pow(static_cast<double>(last) / first, share);
        const auto count = std::min(last, static_cast<std::int64_t>(std::llround(at)));
        if (schedule.empty() || count > schedule.back()) {
            schedule.push_back(count);
        }
    }
    schedule.back() = last;
    return schedule;
}

}  // namespace fluence::statistics
