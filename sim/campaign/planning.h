// What a campaign would draw from and how long it would take: for `fluence plan`.
#pragma once

#include "sim/campaign/plan.h"

namespace fluence::campaign {

// Leveugle's population: every bit that can be struck, at every cycle of the run under the first policy, on
// every image. Neurons have no cycle (1).
struct FaultSpace {
    double bits = 0, cycles = 1, images = 0;
    double size() const { return bits * cycles * images; }
};
FaultSpace fault_space(const CampaignPlan& plan);

// Faults a second of one worker process under all policies, golden runs included: the campaign's batches,
// taken from all over it, until `seconds` have passed (at least one batch). Processor time, so that other
// programs on the machine do not enter.
struct MeasuredRate {
    std::int64_t faults = 0;
    double seconds = 0;
    double per_second() const { return static_cast<double>(faults) / seconds; }
};
MeasuredRate measure_rate(const CampaignPlan& plan, double seconds);

}  // namespace fluence::campaign
