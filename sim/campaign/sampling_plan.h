// Strata of an experiment, their faults, and the looks: what is decided about sampling before the first
// fault.
#pragma once

#include <functional>

#include "sim/campaign/plan.h"

namespace fluence::campaign {

// Fills in plan.strata and plan.batching. Confidence strata need the fault-free inference of every image,
// Neyman's allocation a pilot campaign; both run in `workers` processes and depend on the experiment alone,
// so that every worker, shard and restart plans the same. false where `stop` said so. Throws InputError where
// strata and number of faults do not fit.
bool plan_sampling(CampaignPlan& plan, int workers, const std::function<bool()>& stop);

// Poisson: how many upsets are expected in an inference of the first policy, and how many are simulated.
double mean_upsets(const CampaignPlan& plan);
int most_upsets(const fault::UpsetCount& upsets, double mean);

}  // namespace fluence::campaign
