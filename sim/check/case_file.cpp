// Cases as JSON. The graph is described as in a workload bundle; its arrays, which a bundle keeps in a file
// of their own, stand beside it.
#include "sim/check/setup.h"
#include "sim/core/error.h"
#include "sim/core/json.h"
#include "workloads/bundle_layout.h"

namespace fluence::check {
namespace {

using nlohmann::json;

constexpr const char* kFormat = "fluence-selfcheck-case";

template <class T>
std::vector<T> integers(JsonObject& object, const std::string& key) {
    const json& list = object.raw(key);
    std::vector<T> values;
    const bool plain = list.is_array() && std::all_of(list.begin(), list.end(), [](const json& item) {
                           return item.is_number_integer();
                       });
    if (!plain) {
        object.fail(key, "is not a list of integers");
    }
    for (const json& item : list) {
        const auto value = item.get<std::int64_t>();
        if (value < std::numeric_limits<T>::min() || value > std::numeric_limits<T>::max()) {
            object.fail(key, "holds " + item.dump());
        }
        values.push_back(static_cast<T>(value));
    }
    return values;
}

json arrays_json(const workloads::Graph& graph) {
    json layers = json::array();
    for (const workloads::Layer& layer : graph.layers) {
        layers.push_back({{"weight", layer.weights},
                          {"bias", layer.bias},
                          {"multiplier", layer.multiplier},
                          {"shift", layer.shift}});
    }
    return layers;
}

workloads::Graph parse_network(JsonObject& root) {
    workloads::Graph graph = workloads::parse_graph(root.object("graph"));
    const std::int64_t images = root.integer_or("images", 1, 1, std::numeric_limits<int>::max());
    for (workloads::TensorInfo& tensor : graph.tensors) {
        tensor.shape.images = static_cast<int>(images);
    }
    std::vector<JsonObject> arrays = root.objects("layers");
    if (arrays.size() != graph.layers.size()) {
        root.fail("layers", "has " + std::to_string(arrays.size()) + " entries",
                  std::to_string(graph.layers.size()));
    }
    for (std::size_t i = 0; i < arrays.size(); ++i) {
        workloads::Layer& layer = graph.layers[i];
        layer.weights = integers<std::int8_t>(arrays[i], "weight");
        layer.bias = integers<std::int32_t>(arrays[i], "bias");
        layer.multiplier = integers<std::int32_t>(arrays[i], "multiplier");
        layer.shift = integers<std::uint8_t>(arrays[i], "shift");
        arrays[i].finish();
    }
    workloads::validate(graph, root.file());
    return graph;
}

json upset_json(const traces::Upset& upset) {
    json bits = json::array();
    for (std::size_t i = 0; i < upset.bits.size(); ++i) {
        if (upset.bits[i]) {
            bits.push_back(i);
        }
    }
    json value = {
        {"site", name_of(upset.site)}, {"unit", upset.unit}, {"cycle", upset.cycle}, {"bits", bits}};
    if (upset.held != traces::Held::no) {
        value["held"] = upset.held == traces::Held::at_1 ? 1 : 0;
    }
    return value;
}

traces::Upset parse_upset(JsonObject object) {
    std::vector<std::string> sites;
    for (int i = 0; i < traces::kSiteKindCount; ++i) {
        const auto kind = static_cast<traces::SiteKind>(i);
        if (!traces::is_value(kind)) {
            sites.emplace_back(name_of(kind));
        }
    }
    traces::Upset upset;
    upset.site = traces::site_kind_named(object.choice("site", sites));
    upset.unit = object.integer("unit", 0, std::numeric_limits<std::int64_t>::max());
    upset.cycle = object.integer("cycle", 0, std::numeric_limits<std::int64_t>::max());
    for (const std::uint8_t bit : integers<std::uint8_t>(object, "bits")) {
        if (bit >= kMaxWordBits) {
            object.fail("bits", "holds " + std::to_string(bit), "0 to " + std::to_string(kMaxWordBits - 1));
        }
        upset.bits.set(bit);
    }
    if (object.has("held")) {
        upset.held = object.integer("held", 0, 1) == 0 ? traces::Held::at_0 : traces::Held::at_1;
    }
    object.finish();
    return upset;
}

}  // namespace

json to_json(const Case& one) {
    json upsets = json::array();
    for (const traces::Upset& upset : one.upsets) {
        upsets.push_back(upset_json(upset));
    }
    return {{"format", kFormat},
            {"graph", workloads::graph_json(one.setup.graph)},
            {"images", one.setup.graph.images()},
            {"layers", arrays_json(one.setup.graph)},
            {"image", one.setup.image},
            {"accelerator", fluence::to_json(one.setup.config)},
            {"policy", protect::to_json(one.setup.policy)},
            {"range_margin", one.setup.range_margin},
            {"upsets", std::move(upsets)}};
}

Case parse_case(const json& value, const std::string& file) {
    JsonObject root(value, file);
    root.choice("format", {kFormat});
    Case one;
    one.setup.graph = parse_network(root);
    one.setup.image = integers<std::int32_t>(root, "image");
    const auto elements =
        static_cast<std::size_t>(one.setup.graph.tensor(one.setup.graph.input).shape.elements());
    if (one.setup.image.size() != elements) {
        root.fail("image", "has " + std::to_string(one.setup.image.size()) + " codes",
                  std::to_string(elements));
    }
    one.setup.config = parse_accelerator(root.raw("accelerator"), file);
    one.setup.policy = protect::parse_policy(root.raw("policy"), file);
    one.setup.range_margin = static_cast<int>(root.integer("range_margin", 0, 255));
    for (const JsonObject& upset : root.objects("upsets")) {
        one.upsets.push_back(parse_upset(upset));
    }
    root.finish();
    return one;
}

}  // namespace fluence::check
