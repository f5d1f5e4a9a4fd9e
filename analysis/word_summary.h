// What a campaign of upsets on a machine of words says: shares with their counts and intervals.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "sim/campaign/word_campaign.h"

namespace fluence::analysis {

// Tables for people: all faults, and by site.
std::string word_report(const workloads::WordGraph& graph, const campaign::WordCampaign& campaign,
                        const campaign::WordCampaignResult& result, double confidence);
// The same numbers, with campaign and machine.
nlohmann::json word_json(const workloads::WordGraph& graph, const campaign::WordCampaign& campaign,
                         const campaign::WordCampaignResult& result, double confidence);
// One line a fault, with a header line.
std::string word_csv(const workloads::WordGraph& graph, const campaign::WordCampaignResult& result);

}  // namespace fluence::analysis
