// Results made by hand, without a simulator.
#pragma once

#include <vector>

#include "analysis/summary.h"

namespace fluence::analysis::testing {

struct Fault {
    campaign::FaultRow fault;
    std::vector<campaign::OutcomeRow> rows;  // one a policy
};

struct Campaign {
    campaign::CampaignHeader header;
    std::vector<campaign::GoldenRow> golden;
    std::vector<Fault> faults;
};

// Policies "none" (1,000 cycles, 10,000 GE) and "secded" (1,100 cycles, 12,500 GE); 2 images; 4 faults in two
// layers and three structures. summary_test.cpp counts it by hand.
Campaign tiny_campaign();

// `faults` random faults over 8 layers and 8 structures under 5 policies, outcomes drawn at rates that the
// policies lower by different amounts. The same seed gives the same rows.
Campaign random_campaign(std::uint64_t seed, std::int64_t images, std::int64_t faults);

Summary summarise(const Campaign& campaign, const SummaryOptions& options = {}, bool complete = true);

}  // namespace fluence::analysis::testing
