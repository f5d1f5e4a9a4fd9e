// Single-event upsets: uniform over (cycle, bit), each site kind weighted by its cross-section.
#include "sim/fault/registry.h"
#include "sim/fault/upset_count.h"

namespace fluence::fault {
namespace {

constexpr double kMaxCrossSection = 1e12;

}  // namespace

void parse_seu(JsonObject& object, FaultModelConfig& config) {
    parse_upsets(object, config.upsets);
    if (!object.has("cross_section")) {
        return;
    }
    JsonObject sections = object.object("cross_section");
    for (int i = 0; i < kSiteKindCount; ++i) {
        const auto kind = static_cast<SiteKind>(i);
        if (!traces::is_value(kind) && sections.has(name_of(kind))) {
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
        if (!traces::is_value(kind)) {
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
