#include "sim/protect/plan.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <map>
#include <stdexcept>

#include "sim/core/error.h"
#include "sim/core/text.h"
#include "workloads/bundle_layout.h"

namespace fluence::protect {
namespace {

constexpr const char* kFormat = "fluence-plan";
constexpr std::int64_t kVersion = 1;
constexpr std::int64_t kMostItems = std::int64_t{1} << 40;

std::int64_t weights_of(const workloads::Graph&, const workloads::Layer& layer) {
    return static_cast<std::int64_t>(layer.weights.size());
}
std::int64_t filters_of(const workloads::Graph& graph, const workloads::Layer& layer) {
    return layer.has_macs() ? graph.tensor(layer.output).shape.channels : 0;
}

struct KindRow {
    PlanKind kind;
    const char* name;
    std::int64_t (*items)(const workloads::Graph& graph, const workloads::Layer& layer);
};
constexpr std::array<KindRow, 2> kKinds = {
    {{PlanKind::weights, "weights", weights_of}, {PlanKind::filters, "filters", filters_of}}};

const KindRow& row_of(PlanKind kind) {
    return *std::find_if(kKinds.begin(), kKinds.end(), [&](const KindRow& row) { return row.kind == kind; });
}

std::int64_t ones(const std::vector<bool>& bits) {
    return std::count(bits.begin(), bits.end(), true);
}

// Hexadecimal digit i holds items 4i … 4i + 3, the first of them in bit 0.
std::string bitmap_of(const std::vector<bool>& bits) {
    std::string digits((bits.size() + 3) / 4, '0');
    for (std::size_t i = 0; i < digits.size(); ++i) {
        unsigned value = 0;
        for (std::size_t b = 0; b < 4 && 4 * i + b < bits.size(); ++b) {
            value |= unsigned{bits[4 * i + b]} << b;
        }
        digits[i] = "0123456789abcdef"[value];
    }
    return digits;
}

int digit_value(char digit) {
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

std::vector<bool> parse_bitmap(JsonObject& object, std::size_t size) {
    const std::string digits = object.text("bitmap");
    if (digits.size() != (size + 3) / 4) {
        object.fail("bitmap", "has " + std::to_string(digits.size()) + " digits",
                    std::to_string((size + 3) / 4) + ", one for four items");
    }
    std::vector<bool> bits(size, false);
    for (std::size_t i = 0; i < digits.size(); ++i) {
        const int value = digit_value(digits[i]);
        if (value < 0) {
            object.fail("bitmap", "holds \"" + std::string(1, digits[i]) + "\" at digit " + std::to_string(i),
                        "0-9, a-f");
        }
        for (std::size_t b = 0; b < 4; ++b) {
            if ((value >> b & 1) == 0) {
                continue;
            }
            if (4 * i + b >= size) {
                object.fail("bitmap", "chooses item " + std::to_string(4 * i + b),
                            "0 to " + std::to_string(size - 1));
            }
            bits[4 * i + b] = true;
        }
    }
    return bits;
}

std::vector<bool> parse_indices(JsonObject& object, std::size_t size) {
    const nlohmann::json& list = object.raw("indices");
    const std::string valid = "a list of numbers from 0 to " + std::to_string(size - 1) + ", each once";
    if (!list.is_array()) {
        object.fail("indices", std::string("is ") + list.type_name(), valid);
    }
    std::vector<bool> bits(size, false);
    for (const nlohmann::json& index : list) {
        if (!index.is_number_unsigned() || index.get<std::uint64_t>() >= size ||
            bits[index.get<std::size_t>()]) {
            object.fail("indices", "holds " + index.dump(), valid);
        }
        bits[index.get<std::size_t>()] = true;
    }
    return bits;
}

Plan::LayerChoice parse_layer(JsonObject& object) {
    Plan::LayerChoice layer;
    layer.layer = object.text("layer");
    const auto size = static_cast<std::size_t>(object.integer("size", 1, kMostItems));
    const bool bitmap = object.has("bitmap");
    if (bitmap == object.has("indices")) {
        object.fail("bitmap", bitmap ? "stands beside \"indices\"" : "is missing",
                    "either \"bitmap\" or \"indices\"");
    }
    layer.chosen = bitmap ? parse_bitmap(object, size) : parse_indices(object, size);
    object.finish();
    return layer;
}

}  // namespace

const char* name_of(PlanKind kind) {
    return row_of(kind).name;
}

std::vector<std::string> plan_kind_names() {
    std::vector<std::string> names;
    for (const KindRow& row : kKinds) {
        names.emplace_back(row.name);
    }
    return names;
}

PlanKind plan_kind_named(const std::string& name) {
    for (const KindRow& row : kKinds) {
        if (name == row.name) {
            return row.kind;
        }
    }
    throw std::out_of_range("unknown kind of plan: " + name);
}

std::int64_t plan_items(PlanKind kind, const workloads::Graph& graph, const workloads::Layer& layer) {
    return row_of(kind).items(graph, layer);
}

std::int64_t plan_items(PlanKind kind, const workloads::Graph& graph) {
    std::int64_t items = 0;
    for (const workloads::Layer& layer : graph.layers) {
        items += plan_items(kind, graph, layer);
    }
    return items;
}

std::int64_t chosen_items(const Choice& choice) {
    std::int64_t chosen = 0;
    for (const std::vector<bool>& layer : choice) {
        chosen += ones(layer);
    }
    return chosen;
}

std::int64_t Plan::items() const {
    std::int64_t items = 0;
    for (const LayerChoice& layer : layers) {
        items += static_cast<std::int64_t>(layer.chosen.size());
    }
    return items;
}

std::int64_t Plan::chosen() const {
    std::int64_t chosen = 0;
    for (const LayerChoice& layer : layers) {
        chosen += ones(layer.chosen);
    }
    return chosen;
}

Plan parse_plan(const nlohmann::json& value, const std::string& file) {
    JsonObject root(value, file);
    Plan plan;
    plan.file = file;
    root.choice("format", {kFormat});
    root.integer("version", kVersion, kVersion);
    plan.kind = plan_kind_named(root.choice("kind", plan_kind_names()));
    plan.network = root.text("network");
    plan.made = root.text_or("made", "");
    for (JsonObject& object : root.objects("layers")) {
        plan.layers.push_back(parse_layer(object));
        const std::string& name = plan.layers.back().layer;
        if (std::any_of(plan.layers.begin(), plan.layers.end() - 1,
                        [&](const Plan::LayerChoice& layer) { return layer.layer == name; })) {
            object.fail("layer", "\"" + name + "\" is there twice", "each layer once");
        }
    }
    root.finish();
    return plan;
}

Plan read_plan(const std::string& path) {
    return parse_plan(read_json_file(path), path);
}

nlohmann::ordered_json to_json(const Plan& plan) {
    nlohmann::ordered_json layers = nlohmann::ordered_json::array();
    for (const Plan::LayerChoice& layer : plan.layers) {
        nlohmann::ordered_json entry = {{"layer", layer.layer}, {"size", layer.chosen.size()}};
        if (plan.kind == PlanKind::filters) {
            entry["indices"] = nlohmann::ordered_json::array();
            for (std::size_t i = 0; i < layer.chosen.size(); ++i) {
                if (layer.chosen[i]) {
                    entry["indices"].push_back(i);
                }
            }
        } else {
            entry["bitmap"] = bitmap_of(layer.chosen);
        }
        layers.push_back(std::move(entry));
    }
    return {{"format", kFormat},       {"version", kVersion}, {"kind", name_of(plan.kind)},
            {"network", plan.network}, {"made", plan.made},   {"layers", std::move(layers)}};
}

std::string digest_of(const Plan& plan) {
    std::string text = name_of(plan.kind);
    for (const Plan::LayerChoice& layer : plan.layers) {
        text += '\n' + layer.layer + ' ' + bitmap_of(layer.chosen);
    }
    const uLong crc =
        crc32_z(crc32_z(0, nullptr, 0), reinterpret_cast<const Bytef*>(text.data()), text.size());
    return workloads::hex32(static_cast<std::uint32_t>(crc));
}

Choice choice_of(const Plan& plan, const workloads::Graph& graph) {
    std::map<std::string, std::size_t> layers;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        if (plan_items(plan.kind, graph, graph.layers[i]) > 0) {
            layers.emplace(graph.layers[i].name, i);
            names.push_back(graph.layers[i].name);
        }
    }
    Choice choice(graph.layers.size());
    for (std::size_t i = 0; i < plan.layers.size(); ++i) {
        const Plan::LayerChoice& planned = plan.layers[i];
        const std::string key = "layers[" + std::to_string(i) + "]";
        const auto found = layers.find(planned.layer);
        if (found == layers.end()) {
            throw InputError(plan.file, key + ".layer",
                             "is \"" + planned.layer + "\", which " + graph.name + " does not have",
                             comma_list(names));
        }
        const auto items =
            static_cast<std::size_t>(plan_items(plan.kind, graph, graph.layers[found->second]));
        if (planned.chosen.size() != items) {
            throw InputError(plan.file, key + ".size",
                             "is " + std::to_string(planned.chosen.size()) + ", and " + planned.layer +
                                 " of " + graph.name + " has other " + name_of(plan.kind),
                             std::to_string(items));
        }
        choice[found->second] = planned.chosen;
    }
    return choice;
}

Plan plan_of(const Choice& choice, PlanKind kind, const workloads::Graph& graph, const std::string& made) {
    Plan plan;
    plan.kind = kind;
    plan.network = graph.name;
    plan.made = made;
    for (std::size_t i = 0; i < choice.size(); ++i) {
        if (!choice[i].empty()) {
            plan.layers.push_back({graph.layers[i].name, choice[i]});
        }
    }
    return plan;
}

}  // namespace fluence::protect
