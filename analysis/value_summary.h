// What a campaign of faults in stored values says: shares with their counts and intervals.
//
// A weight bit is critical for a tolerance when its flip costs more than that share of the images' top-1
// (Traiola et al.): (lost − gained)/images > tolerance.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "analysis/intervals.h"
#include "sim/campaign/value_campaign.h"

namespace fluence::analysis {

// 0.5 % … 10 % in steps of 0.5 %.
std::vector<double> tolerated_drops();

// The faults that are critical, of all.
Estimate critical_share(const campaign::ValueResult& result, double tolerance, double confidence);

// Tables for people.
std::string value_report(const campaign::ValueWorkload& workload, const campaign::ValueCampaign& campaign,
                         const campaign::ValueResult& result, double confidence);
// The same numbers, with campaign and workload.
nlohmann::json value_json(const campaign::ValueWorkload& workload, const campaign::ValueCampaign& campaign,
                          const campaign::ValueResult& result, double confidence);
// One line a fault, with a header line.
std::string value_csv(const campaign::ValueWorkload& workload, const campaign::ValueResult& result);

}  // namespace fluence::analysis
