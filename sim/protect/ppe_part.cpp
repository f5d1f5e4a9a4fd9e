// The ppe part of a policy file.
#include "sim/protect/parts.h"
#include "sim/protect/ranking.h"
#include "sim/protect/register_code.h"

namespace fluence::protect {
namespace {

constexpr int kMostColumns = 1 << 16;  // the array's are looked at where it is known

std::vector<std::string> protections() {
    std::vector<std::string> names;
    for (const std::string& name : register_code_names()) {
        if (name != "none") {
            names.push_back(name);
        }
    }
    return names;
}

PpePart::Split parse_split(JsonObject& object, const std::string& key, bool share) {
    PpePart::Split split;
    if (share) {
        split.share = object.number(key, 0, 1);
    } else {
        split.columns = static_cast<int>(object.integer(key, 0, kMostColumns));
    }
    return split;
}

nlohmann::json write_split(const PpePart::Split& split) {
    return split.share < 0 ? nlohmann::json(split.columns) : nlohmann::json(split.share);
}

}  // namespace

void parse_ppe(const PartInfo&, JsonObject& object, Policy& policy) {
    if (policy.ppe) {
        object.fail("part", "is given twice");
    }
    PpePart part;
    const bool share = object.has("share");
    if (share && object.has("columns")) {
        object.fail("columns", "is given, and share too", "one of columns, share");
    }
    part.split = parse_split(object, share ? "share" : "columns", share);
    parse_protected_registers(object.choice("protection", protections()), object, part.registers);
    JsonObject ranking = object.object("ranking");
    part.ranking = parse_ranking(ranking);
    if (object.has("schedule")) {
        JsonObject schedule = object.object("schedule");
        for (const auto& layer : object.raw("schedule").items()) {
            part.schedule[layer.key()] = parse_split(schedule, layer.key(), share);
        }
        schedule.finish();
    }
    policy.ppe = std::move(part);
}

std::vector<nlohmann::json> write_ppe(const PartInfo&, const Policy& policy) {
    if (!policy.ppe) {
        return {};
    }
    const PpePart& part = *policy.ppe;
    nlohmann::json entry;
    for (const std::string& name : protections()) {
        for (nlohmann::json& registers : write_protected_registers(name, part.registers)) {
            entry = std::move(registers);
            entry["protection"] = name;
        }
    }
    entry[part.split.share < 0 ? "columns" : "share"] = write_split(part.split);
    entry["ranking"] = to_json(part.ranking);
    for (const auto& [layer, split] : part.schedule) {
        entry["schedule"][layer] = write_split(split);
    }
    return {entry};
}

}  // namespace fluence::protect
