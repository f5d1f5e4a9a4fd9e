// Proportions from stratified samples: estimate and interval.
//
// Estimator and variance: W. G. Cochran, Sampling Techniques, 3rd ed., Wiley 1977, §5.3–5.5. Interval: limits
// of Clopper and Pearson (Biometrika 26, 1934, 404–413), carried over to weighted counts by a beta
// distribution with the moments of the sample and one further event in the stratum where it weighs most; the
// same step that M. P. Fay and E. J. Feuer (Statistics in Medicine 16, 1997, 791–801) take for weighted sums
// of Poisson counts. With one stratum it is Clopper and Pearson's interval exactly. docs/statistics.md has
// the derivation and simulated coverage.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

namespace fluence::statistics {

struct Interval {
    double low = 0, high = 1;
};

// `total` draws of a stratum, `count` of which have the property.
struct StratumCount {
    double weight = 1;  // share of the population
    std::int64_t count = 0, total = 0;
    // Size of the stratum where draws are without replacement; infinity: with replacement.
    double population = std::numeric_limits<double>::infinity();
};

struct WeightedRate {
    double rate = 0;  // Σ W_h x_h/n_h; NaN where nothing was drawn
    Interval interval;
};

// Weights need not add up to 1; they are divided by their sum. A stratum without draws may hold anything: it
// widens the interval by its weight and is left out of the rate. Throws std::invalid_argument for counts
// outside 0 … total, negative weights, and a confidence outside (0,1).
WeightedRate weighted_rate(const std::vector<StratumCount>& strata, double confidence);

// Variance of Σ W_h x_h/n_h with finite-population correction, weights divided by their sum over strata with
// draws: Σ W_h² (1 − n_h/N_h) p_h(1 − p_h)/(n_h − 1); strata with one draw count as p_h = ½.
double weighted_variance(const std::vector<StratumCount>& strata);

// Faults of each stratum in proportion to `shares` (Webster's method of odd divisors, A. Sainte-Laguë, 1910;
// house monotone: with more faults no stratum gets fewer), at least `least` each. Adds up to `faults`
// exactly. Throws std::invalid_argument where faults < least · shares.size().
std::vector<std::int64_t> apportion(const std::vector<double>& shares, std::int64_t faults,
                                    std::int64_t least);

}  // namespace fluence::statistics
