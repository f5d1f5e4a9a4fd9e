#include "analysis/word_summary.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <vector>

#include "analysis/csv.h"
#include "analysis/intervals.h"
#include "analysis/share_text.h"

namespace fluence::analysis {
namespace {

using campaign::WordCampaign;
using campaign::WordCampaignResult;
using campaign::WordEffect;
using campaign::WordOutcome;

constexpr std::array<WordEffect, 5> kEffects = {WordEffect::dead, WordEffect::masked, WordEffect::benign,
                                                WordEffect::sdc, WordEffect::due};

Estimate share(const std::vector<const WordOutcome*>& faults, WordEffect effect, double confidence) {
    const auto count = std::count_if(faults.begin(), faults.end(),
                                     [&](const WordOutcome* fault) { return fault->effect == effect; });
    return estimate(IntervalMethod::wilson, count, static_cast<std::int64_t>(faults.size()), confidence);
}

std::vector<const WordOutcome*> all(const WordCampaignResult& result) {
    std::vector<const WordOutcome*> faults;
    for (const WordOutcome& fault : result.faults) {
        faults.push_back(&fault);
    }
    return faults;
}

std::map<traces::SiteKind, std::vector<const WordOutcome*>> by_site(const WordCampaignResult& result) {
    std::map<traces::SiteKind, std::vector<const WordOutcome*>> sites;
    for (const WordOutcome& fault : result.faults) {
        sites[fault.site].push_back(&fault);
    }
    return sites;
}

// Faults of which a code said so.
std::int64_t flagged(const WordCampaignResult& result, bool WordOutcome::*flag) {
    return std::count_if(result.faults.begin(), result.faults.end(),
                         [&](const WordOutcome& fault) { return fault.*flag; });
}

std::int64_t bits_of(const WordCampaignResult& result) {
    std::int64_t bits = 0;
    for (const fault::SiteClass& site : result.sites) {
        bits += site.units * site.bits;
    }
    return bits;
}

std::string hexadecimal(std::uint64_t bits) {
    char text[24];
    std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(bits));
    return text;
}

}  // namespace

std::string word_report(const workloads::WordGraph& graph, const WordCampaign& campaign,
                        const WordCampaignResult& result, double confidence) {
    char text[512];
    std::snprintf(
        text, sizeof text,
        "%s in %s on %s under %s, seu: %lld faults (%d upset%s each) over %lld bits and %lld cycles, %lld "
        "images (fault-free top-1 %lld)\nShare of faults with its %g %% interval (Wilson)\n",
        graph.structure.name.c_str(), workloads::name_of(graph.format), campaign.machine.name.c_str(),
        campaign.policy.name.empty() ? "none" : campaign.policy.name.c_str(),
        static_cast<long long>(result.faults.size()), campaign.upsets, campaign.upsets == 1 ? "" : "s",
        static_cast<long long>(bits_of(result)), static_cast<long long>(result.cycles),
        static_cast<long long>(result.images), static_cast<long long>(result.golden_correct),
        100 * confidence);
    std::string report = text;
    for (const WordEffect effect : kEffects) {
        report += share_line(name_of(effect), share(all(result), effect, confidence));
    }
    report += "Codes corrected in " + std::to_string(flagged(result, &WordOutcome::corrected)) +
              " faults and detected in " + std::to_string(flagged(result, &WordOutcome::detected)) + "\n";
    report += "By site of the first upset, sdc\n";
    for (const auto& [site, faults] : by_site(result)) {
        report += share_line(traces::name_of(site), share(faults, WordEffect::sdc, confidence));
    }
    return report;
}

nlohmann::json word_json(const workloads::WordGraph& graph, const WordCampaign& campaign,
                         const WordCampaignResult& result, double confidence) {
    nlohmann::json value = {{"network", graph.structure.name},
                            {"format", workloads::name_of(graph.format)},
                            {"model", "seu"},
                            {"accelerator", to_json(campaign.machine)},
                            {"policy", protect::to_json(campaign.policy)},
                            {"corrected", flagged(result, &WordOutcome::corrected)},
                            {"detected", flagged(result, &WordOutcome::detected)},
                            {"seed", campaign.seed},
                            {"upsets", campaign.upsets},
                            {"faults", result.faults.size()},
                            {"bits", bits_of(result)},
                            {"cycles", result.cycles},
                            {"images", result.images},
                            {"golden_correct", result.golden_correct},
                            {"confidence", confidence},
                            {"interval", "wilson"}};
    for (const WordEffect effect : kEffects) {
        value["shares"][name_of(effect)] = share_json(share(all(result), effect, confidence));
        for (const auto& [site, faults] : by_site(result)) {
            value["by_site"][traces::name_of(site)][name_of(effect)] =
                share_json(share(faults, effect, confidence));
        }
    }
    return value;
}

std::string word_csv(const workloads::WordGraph& graph, const WordCampaignResult& result) {
    std::vector<CsvRow> rows = {{"fault", "image", "site", "unit", "bit", "cycle", "layer", "golden",
                                 "faulty", "effect", "dead", "changed_values", "golden_top1", "top1",
                                 "corrected", "detected"}};
    for (const WordOutcome& f : result.faults) {
        rows.push_back({std::to_string(rows.size() - 1), std::to_string(f.image), traces::name_of(f.site),
                        std::to_string(f.unit), std::to_string(f.bit), std::to_string(f.cycle),
                        f.layer < 0 ? "" : graph.structure.layers[static_cast<std::size_t>(f.layer)].name,
                        hexadecimal(f.golden_bits), hexadecimal(f.faulty_bits), name_of(f.effect),
                        name_of(f.dead), std::to_string(f.changed_values), std::to_string(f.golden_top1),
                        std::to_string(f.top1), f.corrected ? "1" : "0", f.detected ? "1" : "0"});
    }
    return csv(rows);
}

}  // namespace fluence::analysis
