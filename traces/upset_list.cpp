#include "traces/upset_list.h"

#include <algorithm>
#include <fstream>
#include <istream>
#include <limits>
#include <ostream>
#include <stdexcept>

#include "sim/core/error.h"
#include "sim/core/json.h"

namespace fluence::traces {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kLargestIndex = std::numeric_limits<std::int32_t>::max();

std::vector<std::string> site_names() {
    std::vector<std::string> names;
    for (int i = 0; i < kSiteKindCount; ++i) {
        names.emplace_back(name_of(static_cast<SiteKind>(i)));
    }
    return names;
}

bool has_stages(SiteKind kind) {
    return kind == SiteKind::pe_product || kind == SiteKind::pe_psum_stage;
}

bool has_row_behind_the_last(SiteKind kind) {
    return kind == SiteKind::pe_psum || kind == SiteKind::pe_chain;
}

WordBits read_bits(JsonObject& object) {
    const std::string valid = "a list of bit positions, each 0 to " + std::to_string(kMaxWordBits - 1);
    if (!object.has("bits")) {
        object.fail("bits", "is missing", valid);
    }
    const nlohmann::json& list = object.raw("bits");
    WordBits bits;
    if (!list.is_array() || list.empty()) {
        object.fail("bits", "is " + list.dump(), valid);
    }
    for (const nlohmann::json& position : list) {
        if (!position.is_number_integer() || position.get<std::int64_t>() < 0 ||
            position.get<std::int64_t>() >= kMaxWordBits) {
            object.fail("bits", "names bit " + position.dump(), valid);
        }
        const auto bit = position.get<std::size_t>();
        if (bits[bit]) {
            object.fail("bits", "names bit " + position.dump() + " twice");
        }
        bits[bit] = true;
    }
    return bits;
}

std::int64_t read_unit(JsonObject& object, SiteKind kind, const ArrayConfig& array) {
    const bool by_position = object.has("row") || object.has("col") || object.has("stage");
    if (!by_position) {
        return object.integer("unit", 0, kLargest);
    }
    if (object.has("unit")) {
        object.fail("unit", "stands beside row, col or stage", "one of the two");
    }
    if (!has_rows_and_columns(kind)) {
        object.fail("row", std::string("does not go with ") + name_of(kind), "unit");
    }
    const std::int64_t rows = array.rows + (has_row_behind_the_last(kind) ? 1 : 0);
    const std::int64_t row = object.integer("row", 0, rows - 1);
    const std::int64_t col = object.integer("col", 0, array.cols - 1);
    // Stages of the multiplier count from 1, those behind the accumulator too.
    const int stages = kind == SiteKind::pe_product ? array.multiplier_stages : array.accumulator_stages - 1;
    const std::int64_t stage =
        has_stages(kind) ? object.integer_or("stage", 1, 1, std::max(stages, 1)) - 1 : 0;
    return (stage * array.rows + row) * array.cols + col;
}

// The key of a disturbance's level.
const char* level_key(SiteKind kind) {
    return kind == SiteKind::neuron_dropout ? "probability" : "deviation";
}

WordBits read_level(JsonObject& object, SiteKind kind) {
    const double most = kind == SiteKind::neuron_dropout ? 1 : kLargestNoise;
    return level_bits(kind, object.number(level_key(kind), 0, most));
}

Held read_held(JsonObject& object, SiteKind kind) {
    if (!object.has("held")) {
        return Held::no;
    }
    if (!is_array_register(kind)) {
        object.fail("held", std::string("does not go with ") + name_of(kind), "registers of the PE array");
    }
    return object.integer("held", 0, 1) == 0 ? Held::at_0 : Held::at_1;
}

Upset read_upset(JsonObject& object, const ArrayConfig& array) {
    Upset upset;
    upset.site = site_kind_named(object.choice("site", site_names()));
    upset.unit = read_unit(object, upset.site, array);
    if (is_value(upset.site)) {
        upset.layer = static_cast<std::int32_t>(object.integer("layer", 0, kLargestIndex));
        upset.cycle = object.integer_or("cycle", 0, 0, upset.site == SiteKind::mac_output ? kLargest : 0);
    } else {
        upset.cycle = object.integer("cycle", 0, kLargest);
    }
    upset.bits = is_disturbance(upset.site) ? read_level(object, upset.site) : read_bits(object);
    upset.held = read_held(object, upset.site);
    return upset;
}

std::optional<bool> read_flag(JsonObject& object, const std::string& key) {
    return object.has(key) ? std::optional<bool>(object.boolean_or(key, false)) : std::nullopt;
}

std::optional<std::int64_t> read_number(JsonObject& object, const std::string& key) {
    return object.has(key) ? std::optional<std::int64_t>(object.integer(key, -1, kLargest)) : std::nullopt;
}

std::optional<std::string> read_text(JsonObject& object, const std::string& key) {
    return object.has(key) ? std::optional<std::string>(object.text(key)) : std::nullopt;
}

ExpectedOutcome read_expected(JsonObject object) {
    ExpectedOutcome expected;
    expected.outcome = read_text(object, "outcome");
    expected.dead = read_text(object, "dead");
    expected.corrected = read_flag(object, "corrected");
    expected.detected = read_flag(object, "detected");
    expected.suppressed = read_flag(object, "suppressed");
    expected.first_changed_layer = read_number(object, "first_changed_layer");
    expected.last_changed_layer = read_number(object, "last_changed_layer");
    expected.changed_values = read_number(object, "changed_values");
    expected.top1 = read_number(object, "top1");
    object.finish();
    return expected;
}

UpsetGroup read_group(JsonObject object, const ArrayConfig& array) {
    UpsetGroup group;
    group.id = object.text_or("id", object.path());
    group.image = object.integer_or("image", 0, 0, kLargestIndex);
    if (object.has("upsets")) {
        for (JsonObject& upset : object.objects("upsets")) {
            group.upsets.push_back(read_upset(upset, array));
            upset.finish();
        }
        if (group.upsets.empty()) {
            object.fail("upsets", "is empty");
        }
    } else {
        group.upsets.push_back(read_upset(object, array));
    }
    if (object.has("expected")) {
        group.expected = read_expected(object.object("expected"));
    }
    object.finish();
    return group;
}

void read_meta(JsonObject object, UpsetList& list) {
    const std::string type = object.text("type");
    if (type != "meta") {
        object.fail("type", "is \"" + type + "\"", "meta, on the first line");
    }
    object.integer("schema", kUpsetListSchemaVersion, kUpsetListSchemaVersion);
    list.workload = object.text_or("workload", "");
    list.accelerator = object.text_or("accelerator", "");
    list.policy = object.text_or("policy", "");
    object.finish();
}

nlohmann::json parse_line(const std::string& line, const std::string& name, const std::string& where) {
    try {
        return nlohmann::json::parse(line);
    } catch (const nlohmann::json::parse_error& error) {
        throw InputError(name, where, "is not valid JSON (byte " + std::to_string(error.byte) + ")");
    }
}

Json json_of(const Upset& upset) {
    Json value = {{"site", name_of(upset.site)}, {"unit", upset.unit}};
    if (is_value(upset.site)) {
        value["layer"] = upset.layer;
    }
    if (!is_value(upset.site) || upset.cycle > 0) {
        value["cycle"] = upset.cycle;
    }
    if (is_disturbance(upset.site)) {
        value[level_key(upset.site)] = level_of(upset);
        return value;
    }
    value["bits"] = Json::array();
    for (std::size_t bit = 0; bit < kMaxWordBits; ++bit) {
        if (upset.bits[bit]) {
            value["bits"].push_back(bit);
        }
    }
    if (upset.held != Held::no) {
        value["held"] = upset.held == Held::at_1 ? 1 : 0;
    }
    return value;
}

template <class T>
void add(Json& value, const char* key, const std::optional<T>& known) {
    if (known) {
        value[key] = *known;
    }
}

Json json_of(const ExpectedOutcome& expected) {
    Json value = Json::object();
    add(value, "outcome", expected.outcome);
    add(value, "dead", expected.dead);
    add(value, "corrected", expected.corrected);
    add(value, "detected", expected.detected);
    add(value, "suppressed", expected.suppressed);
    add(value, "first_changed_layer", expected.first_changed_layer);
    add(value, "last_changed_layer", expected.last_changed_layer);
    add(value, "changed_values", expected.changed_values);
    add(value, "top1", expected.top1);
    return value;
}

}  // namespace

bool has_rows_and_columns(SiteKind kind) {
    switch (kind) {
        case SiteKind::weight_buffer:
        case SiteKind::activation_buffer:
        case SiteKind::output_buffer:
        case SiteKind::dram:
        case SiteKind::neuron:
        case SiteKind::mac_output:
        case SiteKind::weight:
        case SiteKind::array_skew:
        case SiteKind::checksum_weight:
        case SiteKind::checksum_activation:
        case SiteKind::checksum_product:
        case SiteKind::checksum_psum:
        case SiteKind::checksum_sum:
        case SiteKind::checksum_compare:
        case SiteKind::vector_pipeline:
        case SiteKind::vector_parameter:
        case SiteKind::range_bound:
        case SiteKind::relu_operand:
        case SiteKind::duplicate_sum:
        case SiteKind::duplicate_compare:
        case SiteKind::filter_buffer:
        case SiteKind::filter_threshold:
        case SiteKind::kept_answer:
        case SiteKind::confidence_threshold:
        case SiteKind::neuron_dropout:
        case SiteKind::neuron_noise:
            return false;
        default:
            return true;
    }
}

UpsetList read_upset_list(std::istream& stream, const std::string& name, const ArrayConfig& array) {
    UpsetList list;
    bool has_meta = false;
    std::string line;
    for (std::int64_t number = 1; std::getline(stream, line); ++number) {
        if (line.find_first_not_of(" \t\r") == std::string::npos) {
            continue;
        }
        const std::string where = "line " + std::to_string(number);
        const nlohmann::json value = parse_line(line, name, where);
        if (has_meta) {
            list.groups.push_back(read_group(JsonObject(value, name, where), array));
        } else {
            read_meta(JsonObject(value, name, where), list);
            has_meta = true;
        }
    }
    if (!has_meta) {
        throw InputError(name, "line 1", "the meta line is missing",
                         R"({"type": "meta", "schema": 1} and one line an inference)");
    }
    return list;
}

UpsetList read_upset_list(const std::string& path, const ArrayConfig& array) {
    std::ifstream stream(path, std::ios::binary);
    if (!stream) {
        throw InputError(path, "", "cannot be opened for reading");
    }
    return read_upset_list(stream, path, array);
}

void write_upset_list(std::ostream& stream, const UpsetList& list) {
    Json meta = {{"type", "meta"}, {"schema", kUpsetListSchemaVersion}};
    for (const auto& [key, text] :
         {std::pair("workload", &list.workload), std::pair("accelerator", &list.accelerator),
          std::pair("policy", &list.policy)}) {
        if (!text->empty()) {
            meta[key] = *text;
        }
    }
    stream << meta.dump() << '\n';
    for (const UpsetGroup& group : list.groups) {
        Json line = {{"id", group.id}, {"image", group.image}};
        if (group.upsets.size() == 1) {
            line.update(json_of(group.upsets[0]));
        } else {
            for (const Upset& upset : group.upsets) {
                line["upsets"].push_back(json_of(upset));
            }
        }
        const Json expected = json_of(group.expected);
        if (!expected.empty()) {
            line["expected"] = expected;
        }
        stream << line.dump() << '\n';
    }
}

}  // namespace fluence::traces
