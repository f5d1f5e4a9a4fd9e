// Single-event upsets: uniform over (cycle, bit), each site kind weighted by its cross-section.
#include "sim/fault/registry.h"

namespace fluence::fault {
namespace {

constexpr double kMaxCrossSection = 1e12;
constexpr double kMaxMean = kMostUpsets;
constexpr double kMaxRate = 1e30, kMaxClock = 1e12;

std::vector<double> parse_means(JsonObject& object) {
    std::vector<double> means;
    const nlohmann::json& list = object.raw("means");
    if (!list.is_array()) {
        object.fail("means", "is no list", "a list of numbers above 0, up to " + std::to_string(kMostUpsets));
    }
    for (const nlohmann::json& value : list) {
        if (!value.is_number() || value.get<double>() <= 0 || value.get<double>() > kMaxMean) {
            object.fail("means", "has " + value.dump(),
                        "numbers above 0, up to " + std::to_string(kMostUpsets));
        }
        means.push_back(value.get<double>());
    }
    return means;
}

UpsetCount parse_poisson(JsonObject object) {
    UpsetCount upsets;
    const bool mean = object.has("mean"), rate = object.has("rate_fit_per_mbit");
    if (mean == rate) {
        object.fail("mean",
                    std::string(mean ? "is there besides" : "is missing, and so is") + " rate_fit_per_mbit",
                    "one of them");
    }
    if (mean) {
        upsets.mean = object.number("mean", 1e-30, kMaxMean);
    } else {
        upsets.rate_fit_per_mbit = object.number("rate_fit_per_mbit", 0, kMaxRate);
        upsets.clock_hz = object.number_or("clock_hz", 0, 0, kMaxClock);
    }
    upsets.most = static_cast<int>(object.integer_or("most", 0, 0, kMostUpsets));
    if (object.has("means")) {
        upsets.means = parse_means(object);
    }
    object.finish();
    return upsets;
}

void parse_upsets(JsonObject& object, FaultModelConfig& config) {
    if (!object.has("upsets")) {
        return;
    }
    if (object.raw("upsets").is_object()) {
        config.upsets = parse_poisson(object.object("upsets"));
    } else {
        config.upsets.fixed = static_cast<int>(object.integer("upsets", 1, kMostUpsets));
    }
}

nlohmann::json upsets_json(const UpsetCount& upsets) {
    if (!upsets.poisson()) {
        return upsets.fixed;
    }
    nlohmann::json value = {{"most", upsets.most}, {"means", upsets.means}};
    if (upsets.mean) {
        value["mean"] = *upsets.mean;
    } else {
        value["rate_fit_per_mbit"] = *upsets.rate_fit_per_mbit;
        value["clock_hz"] = upsets.clock_hz;
    }
    return value;
}

}  // namespace

void parse_seu(JsonObject& object, FaultModelConfig& config) {
    parse_upsets(object, config);
    if (!object.has("cross_section")) {
        return;
    }
    JsonObject sections = object.object("cross_section");
    for (int i = 0; i < kSiteKindCount; ++i) {
        const auto kind = static_cast<SiteKind>(i);
        if (kind != SiteKind::neuron && sections.has(name_of(kind))) {
            config.cross_section[name_of(kind)] = sections.number(name_of(kind), 0, kMaxCrossSection);
        }
    }
    sections.finish();
}

void write_seu(const FaultModelConfig& config, nlohmann::json& value) {
    value["upsets"] = upsets_json(config.upsets);
    value["cross_section"] = nlohmann::json::object();
    for (int i = 0; i < kSiteKindCount; ++i) {
        const auto kind = static_cast<SiteKind>(i);
        const auto given = config.cross_section.find(name_of(kind));
        if (kind != SiteKind::neuron) {
            value["cross_section"][name_of(kind)] = given == config.cross_section.end() ? 1.0 : given->second;
        }
    }
}

std::vector<SiteClass> seu_sites(const FaultModelConfig& config, const workloads::Graph&,
                                 const std::vector<SiteClass>& storage) {
    std::vector<SiteClass> sites;
    for (SiteClass site : storage) {
        const auto given = config.cross_section.find(name_of(site.kind));
        site.cross_section = given == config.cross_section.end() ? 1.0 : given->second;
        if (site.weight() > 0) {
            sites.push_back(site);
        }
    }
    return sites;
}

}  // namespace fluence::fault
