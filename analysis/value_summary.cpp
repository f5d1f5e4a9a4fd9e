#include "analysis/value_summary.h"

#include <cstdio>
#include <functional>
#include <map>

#include "analysis/csv.h"
#include "analysis/share_text.h"

namespace fluence::analysis {
namespace {

using campaign::ValueCampaign;
using campaign::ValueModel;
using campaign::ValueOutcome;
using campaign::ValueResult;
using campaign::ValueWorkload;
using Property = std::function<bool(const ValueOutcome&)>;

Estimate share(const std::vector<const ValueOutcome*>& faults, const Property& property, double confidence) {
    std::int64_t count = 0;
    for (const ValueOutcome* fault : faults) {
        count += property(*fault) ? 1 : 0;
    }
    return estimate(IntervalMethod::wilson, count, static_cast<std::int64_t>(faults.size()), confidence);
}

std::vector<const ValueOutcome*> all(const ValueResult& result) {
    std::vector<const ValueOutcome*> faults;
    for (const ValueOutcome& fault : result.faults) {
        faults.push_back(&fault);
    }
    return faults;
}

template <class Key>
std::map<std::int32_t, std::vector<const ValueOutcome*>> grouped(const ValueResult& result, Key key) {
    std::map<std::int32_t, std::vector<const ValueOutcome*>> groups;
    for (const ValueOutcome& fault : result.faults) {
        groups[key(fault)].push_back(&fault);
    }
    return groups;
}

Property critical(const ValueResult& result, double tolerance) {
    // In images, so that a drop of exactly the tolerance is tolerated.
    const double images = tolerance * static_cast<double>(result.images) * (1 + 1e-12);
    return [images](const ValueOutcome& fault) { return fault.lost - fault.gained > images; };
}

// The properties that a model's faults are judged by, with their names.
std::vector<std::pair<std::string, Property>> properties(const ValueCampaign& campaign,
                                                         const ValueResult& result) {
    std::vector<std::pair<std::string, Property>> list;
    if (campaign.model == ValueModel::weight_flip) {
        for (const double tolerance : tolerated_drops()) {
            char name[32];
            std::snprintf(name, sizeof name, "drop > %.1f %%", 100 * tolerance);
            list.emplace_back(name, critical(result, tolerance));
        }
        list.emplace_back("no logit changed", [](const ValueOutcome& f) { return f.changed == 0; });
    } else {
        list.emplace_back("masked", [](const ValueOutcome& f) { return f.changed == 0; });
        list.emplace_back("benign", [](const ValueOutcome& f) { return f.changed > 0 && f.sdc == 0; });
        list.emplace_back("sdc", [](const ValueOutcome& f) { return f.sdc > 0; });
    }
    return list;
}

// The property that breakdowns show.
std::pair<std::string, Property> main_property(const ValueCampaign& campaign, const ValueResult& result) {
    const auto list = properties(campaign, result);
    return campaign.model == ValueModel::weight_flip ? list.front() : list.back();
}

const char* name_of(ValueModel model) {
    for (const campaign::ValueModelInfo& info : campaign::value_models()) {
        if (info.model == model) {
            return info.name;
        }
    }
    return "";
}

}  // namespace

std::vector<double> tolerated_drops() {
    std::vector<double> drops;
    for (int half_points = 1; half_points <= 20; ++half_points) {
        drops.push_back(half_points / 200.0);
    }
    return drops;
}

Estimate critical_share(const ValueResult& result, double tolerance, double confidence) {
    return share(all(result), critical(result, tolerance), confidence);
}

std::string value_report(const ValueWorkload& workload, const ValueCampaign& campaign,
                         const ValueResult& result, double confidence) {
    char text[256];
    std::snprintf(text, sizeof text,
                  "%s in %s, %s: %lld faults of %lld possible ones, %lld images (fault-free top-1 %lld)\n"
                  "Share of faults with its %g %% interval (Wilson)\n",
                  workload.name.c_str(), workload.format.c_str(), name_of(campaign.model),
                  static_cast<long long>(result.faults.size()), static_cast<long long>(result.population),
                  static_cast<long long>(result.images), static_cast<long long>(result.golden_correct),
                  100 * confidence);
    std::string report = text;
    for (const auto& [name, property] : properties(campaign, result)) {
        report += share_line(name, share(all(result), property, confidence));
    }
    const auto [name, property] = main_property(campaign, result);
    report += "By bit, " + name + "\n";
    for (const auto& [bit, faults] : grouped(result, [](const ValueOutcome& f) { return f.bit; })) {
        report += share_line(bit < 0 ? "whole word" : "bit " + std::to_string(bit),
                             share(faults, property, confidence));
    }
    report += "By layer, " + name + "\n";
    for (const auto& [layer, faults] : grouped(result, [](const ValueOutcome& f) { return f.layer; })) {
        report += share_line(workload.structure.layers[static_cast<std::size_t>(layer)].name,
                             share(faults, property, confidence));
    }
    return report;
}

nlohmann::json value_json(const ValueWorkload& workload, const ValueCampaign& campaign,
                          const ValueResult& result, double confidence) {
    nlohmann::json value = {{"network", workload.name},
                            {"format", workload.format},
                            {"model", name_of(campaign.model)},
                            {"seed", campaign.seed},
                            {"layers", campaign.layers},
                            {"faults", result.faults.size()},
                            {"population", result.population},
                            {"images", result.images},
                            {"golden_correct", result.golden_correct},
                            {"confidence", confidence},
                            {"interval", "wilson"}};
    for (const auto& [name, property] : properties(campaign, result)) {
        value["shares"][name] = share_json(share(all(result), property, confidence));
    }
    const auto [name, property] = main_property(campaign, result);
    value["breakdown"] = name;
    for (const auto& [bit, faults] : grouped(result, [](const ValueOutcome& f) { return f.bit; })) {
        value["by_bit"][std::to_string(bit)] = share_json(share(faults, property, confidence));
    }
    for (const auto& [layer, faults] : grouped(result, [](const ValueOutcome& f) { return f.layer; })) {
        value["by_layer"][workload.structure.layers[static_cast<std::size_t>(layer)].name] =
            share_json(share(faults, property, confidence));
    }
    return value;
}

std::string value_csv(const ValueWorkload& workload, const ValueResult& result) {
    std::vector<CsvRow> rows = {
        {"fault", "layer", "index", "bit", "image", "golden", "faulty", "changed", "sdc", "gained", "lost"}};
    const auto hexadecimal = [](arith::Word word) {
        char text[16];
        std::snprintf(text, sizeof text, "0x%08x", word);
        return std::string(text);
    };
    for (const ValueOutcome& f : result.faults) {
        rows.push_back({std::to_string(rows.size() - 1),
                        workload.structure.layers[static_cast<std::size_t>(f.layer)].name,
                        std::to_string(f.index), std::to_string(f.bit), std::to_string(f.image),
                        hexadecimal(f.golden), hexadecimal(f.faulty), std::to_string(f.changed),
                        std::to_string(f.sdc), std::to_string(f.gained), std::to_string(f.lost)});
    }
    return csv(rows);
}

}  // namespace fluence::analysis
