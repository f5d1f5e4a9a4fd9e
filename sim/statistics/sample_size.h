// How many faults a campaign needs, before it runs.
//
// Source: R. Leveugle, A. Calvez, P. Maistri, P. Vanhauwaert, "Statistical fault injection: quantified error
// and confidence", DATE 2009, 502–506. docs/statistics.md derives it.
#pragma once

#include <cstdint>

namespace fluence::statistics {

// Two-sided quantile of the standard normal: P(|Z| ≤ z) = confidence; confidence in (0,1).
double normal_quantile(double confidence);

// The cut-off point t as tables print it: the quantile rounded to three decimals (95 %: 1.960, 99 %: 2.576).
double cut_off_point(double confidence);

// Smallest number of faults for which a proportion near `proportion` is known to ± `margin`:
// n = N / (1 + e²(N − 1) / (t²·p(1 − p))), rounded up; `population` infinity: t²·p(1 − p)/e².
// margin, confidence and proportion in (0,1), population ≥ 1; otherwise throws std::invalid_argument.
double sample_size(double margin, double confidence, double population, double proportion = 0.5);

// The other way round: the margin that `faults` faults reach; 0 where they are the whole population.
double margin_of(double faults, double confidence, double population, double proportion = 0.5);

}  // namespace fluence::statistics
