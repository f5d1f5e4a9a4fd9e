// Several upsets in one inference: weights of their number, and what is left out.
#pragma once

#include <vector>

namespace fluence::statistics {

// P(K = k) for k = 0 … most of a Poisson variable with mean λ ≥ 0.
std::vector<double> poisson_weights(double mean, int most);
// P(K > most).
double poisson_tail(double mean, int most);
// The smallest number k ≥ 1 with P(K > k) ≤ share.
int poisson_reach(double mean, double share);

// Upsets that are expected in one inference: `bits` of storage (each times its relative sensitivity), a raw
// rate in FIT a Mbit (upsets of 10⁶ bits in 10⁹ hours, JEDEC JESD89), `cycles` at `clock_hz`.
double expected_upsets(double fit_per_mbit, double bits, double cycles, double clock_hz);

}  // namespace fluence::statistics
