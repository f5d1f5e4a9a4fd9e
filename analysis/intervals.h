// Confidence intervals and tests for counted outcomes.
//
// Sources. Wilson: E. B. Wilson, JASA 22 (1927) 209–212. Clopper–Pearson: C. J. Clopper, E. S. Pearson,
// Biometrika 26 (1934) 404–413. Paired difference: R. G. Newcombe, Statistics in Medicine 17 (1998)
// 2635–2650, method 10 (square-and-add of Wilson limits). Test of paired proportions: Q. McNemar,
// Psychometrika 12 (1947) 153–157, in its exact conditional (binomial) form.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/statistics/weighted.h"

namespace fluence::analysis {

using statistics::Interval;

// How an interval of one proportion is computed.
enum class IntervalMethod { wilson, clopper_pearson };
const char* name_of(IntervalMethod method);                     // "wilson", "clopper-pearson"
IntervalMethod interval_method_named(const std::string& name);  // throws std::out_of_range
std::vector<std::string> interval_method_names();

// Two-sided quantile of the standard normal: P(|Z| ≤ z) = confidence; confidence in (0,1).
double normal_quantile(double confidence);

// Interval of a proportion of which `count` of `total` independent draws were seen; 0 ≤ count ≤ total.
// total 0: nothing is known, [0,1]. Throws std::invalid_argument for other arguments.
Interval wilson(std::int64_t count, std::int64_t total, double confidence);
Interval clopper_pearson(std::int64_t count, std::int64_t total, double confidence);
Interval interval_of(IntervalMethod method, std::int64_t count, std::int64_t total, double confidence);

// An observed proportion; never without its count and interval.
struct Estimate {
    std::int64_t count = 0, total = 0;
    double rate = 0;  // NaN where total is 0
    Interval interval;
};
Estimate estimate(IntervalMethod method, std::int64_t count, std::int64_t total, double confidence);

// The same draws seen under two conditions: how many had the property under which of them.
struct PairedCounts {
    std::int64_t both = 0, only_first = 0, only_second = 0, neither = 0;
    std::int64_t total() const { return both + only_first + only_second + neither; }
};

// Rate under the first condition minus rate under the second.
struct PairedDifference {
    PairedCounts counts;
    double difference = 0;
    Interval interval{-1, 1};  // Newcombe's method 10
    double p_value = 1;        // McNemar, exact, two-sided
};
PairedDifference paired_difference(const PairedCounts& counts, double confidence);

// A mean with the interval of the normal approximation, mean ± z·s/√n. Welford's update, so the result
// depends on the order of the values alone.
class RunningMean {
  public:
    void add(double value);
    std::int64_t total() const { return total_; }
    double mean() const { return mean_; }
    double standard_error() const;  // 0 for fewer than two values

  private:
    std::int64_t total_ = 0;
    double mean_ = 0, squares_ = 0;
};

}  // namespace fluence::analysis
