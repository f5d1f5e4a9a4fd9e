// When a campaign that stops at a requested half width looks at its results, and at which confidence, so that
// stopping does not spoil the interval.
//
// Repeated confidence intervals: C. Jennison, B. W. Turnbull, "Interim analyses: the repeated confidence
// interval approach", Journal of the Royal Statistical Society B 51 (1989) 305–361. The error 1 − confidence
// is spent in equal parts on a number of looks that is fixed beforehand; by Boole's inequality the intervals
// of all looks hold together with the stated confidence, whatever made the campaign stop. (A confidence
// sequence, valid at every fault, is wider: docs/statistics.md compares them.)
#pragma once

#include <cstdint>
#include <vector>

namespace fluence::statistics {

// The confidence of the interval of one look: 1 − (1 − confidence)/looks.
double confidence_of_look(double confidence, int looks);

// Numbers of faults at which the campaign looks, ascending, at most `looks`: in geometric steps from the
// fewest faults that could suffice (an event that was never seen has a Clopper–Pearson interval of that half
// width) to the most that are needed (a proportion of ½), or to `faults` if that is less. The last is where
// the campaign ends in any case.
std::vector<std::int64_t> look_schedule(double half_width, double confidence, int looks, std::int64_t faults);

}  // namespace fluence::statistics
