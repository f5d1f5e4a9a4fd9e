// Permanent faults: bits of the PE array's registers held at 0 or 1, uniform over bits, each kind of register
// weighted by its cross-section; every run of an inference meets them. Zhang, Gu, Basu, Garg, "Analyzing and
// Mitigating the Impact of Permanent Faults on a Systolic Array Based Neural Network Accelerator" (VTS 2018).
#include "sim/fault/registry.h"
#include "sim/fault/upset_count.h"

namespace fluence::fault {
namespace {

constexpr double kMaxCrossSection = 1e12;

double cross_section_of(const FaultModelConfig& config, SiteKind kind) {
    const auto given = config.cross_section.find(name_of(kind));
    return given == config.cross_section.end() ? 1.0 : given->second;
}

template <class Visit>
void for_each_register(Visit visit) {
    for (int i = 0; i < kSiteKindCount; ++i) {
        if (const auto kind = static_cast<SiteKind>(i); traces::is_array_register(kind)) {
            visit(kind);
        }
    }
}

}  // namespace

void parse_stuck_at(JsonObject& object, FaultModelConfig& config) {
    config.upsets.fixed = static_cast<int>(object.integer_or("upsets", 1, 1, kMostUpsets));
    const std::string value =
        object.has("value") ? object.choice("value", {"0", "1", "both"}) : std::string("both");
    if (value != "both") {
        config.stuck_at.value = value == "1" ? 1 : 0;
    }
    config.stuck_at.whole_run = !object.has("from") || object.choice("from", {"start", "random"}) == "start";
    if (!object.has("cross_section")) {
        return;
    }
    JsonObject sections = object.object("cross_section");
    for_each_register([&](SiteKind kind) {
        if (sections.has(name_of(kind))) {
            config.cross_section[name_of(kind)] = sections.number(name_of(kind), 0, kMaxCrossSection);
        }
    });
    sections.finish();
}

void write_stuck_at(const FaultModelConfig& config, nlohmann::json& value) {
    value["upsets"] = upsets_json(config.upsets);
    value["value"] = config.stuck_at.value ? std::to_string(*config.stuck_at.value) : "both";
    value["from"] = config.stuck_at.whole_run ? "start" : "random";
    value["cross_section"] = nlohmann::json::object();
    for_each_register(
        [&](SiteKind kind) { value["cross_section"][name_of(kind)] = cross_section_of(config, kind); });
}

std::vector<SiteClass> register_sites(const FaultModelConfig& config, const workloads::Graph&,
                                      const std::vector<SiteClass>& storage) {
    std::vector<SiteClass> sites;
    for (SiteClass site : storage) {
        if (!traces::is_array_register(site.kind)) {
            continue;
        }
        site.bits = site.own_bits;
        site.cross_section = cross_section_of(config, site.kind);
        if (site.weight() > 0) {
            sites.push_back(site);
        }
    }
    return sites;
}

void strike_held(const FaultModelConfig& config, int, RandomStream& random, DrawnUpset& draw) {
    const bool at_1 = config.stuck_at.value ? *config.stuck_at.value == 1 : random.below(2) == 1;
    draw.upset.held = at_1 ? traces::Held::at_1 : traces::Held::at_0;
}

}  // namespace fluence::fault
