#include <filesystem>
#include <limits>

#include "models/import.h"
#include "models/registry.h"
#include "models/request_parts.h"
#include "sim/core/json.h"
#include "workloads/dataset.h"

namespace fluence::models {
namespace {

constexpr std::int64_t kMaxImages = 100'000'000;
constexpr double kMaxValue = 1e9;
constexpr int kMaxSide = 32767;
// Of synthetic images, unless the request says otherwise: enough to set scales, few enough for the largest
// network.
constexpr std::int64_t kSyntheticImages = 16;

std::vector<double> numbers(JsonObject& object, const std::string& key, double low) {
    std::vector<double> values;
    if (!object.has(key)) {
        return values;
    }
    const nlohmann::json& list = object.raw(key);
    for (const nlohmann::json& value : list.is_array() ? list : nlohmann::json::array({list})) {
        if (!value.is_number() || value.get<double>() < low || value.get<double>() > kMaxValue) {
            object.fail(key, "holds " + value.dump() + " where a number is needed",
                        nlohmann::json(low).dump() + " to " + nlohmann::json(kMaxValue).dump());
        }
        values.push_back(value.get<double>());
    }
    return values;
}

int side(JsonObject& object, const nlohmann::json& value, const std::string& key) {
    if (!value.is_number_integer() || value < 1 || value > kMaxSide) {
        object.fail(key, "holds " + value.dump() + " where a number of pixels is needed",
                    "1 to " + std::to_string(kMaxSide));
    }
    return value.get<int>();
}

workloads::ImageGeometry parse_geometry(JsonObject& object) {
    workloads::ImageGeometry g;
    if (object.has("resize")) {
        const nlohmann::json& resize = object.raw("resize");
        const bool both = resize.is_array();
        if (both && resize.size() != 2) {
            object.fail("resize", "has " + std::to_string(resize.size()) + " values",
                        "the shorter side, or [rows, columns]");
        }
        g.resize_h = side(object, both ? resize[0] : resize, "resize");
        g.resize_w = both ? side(object, resize[1], "resize") : 0;
    }
    g.antialias = object.boolean_or("antialias", true);
    g.crop = static_cast<int>(object.integer_or("crop", 0, 0, kMaxSide));
    g.rotate = static_cast<int>(object.integer_or("rotate", 0, 0, 180));
    if (g.rotate != 0 && g.rotate != 180) {
        object.fail("rotate", "is " + std::to_string(g.rotate), "0, 180");
    }
    return g;
}

void parse_random_weights(JsonObject& object, ImportRequest& request) {
    if (!object.has("random_weights")) {
        return;
    }
    request.random_weights = static_cast<std::uint64_t>(
        object.integer_or("random_weights", 1, 0, std::numeric_limits<std::int64_t>::max()));
    if (!is_network(request.model) || !request.weights.empty()) {
        object.fail("random_weights", "is given with weights or with a model that brings its own",
                    "for a network of the list alone");
    }
    if (!object.has("dataset")) {
        request.images = kSyntheticImages;
        request.calibration_images = kSyntheticImages;
    }
}

}  // namespace

nlohmann::json to_json(const Preprocessing& p) {
    nlohmann::json json = {{"divisor", p.divisor}, {"mean", p.mean}, {"deviation", p.deviation}};
    const workloads::ImageGeometry& g = p.geometry;
    if (g.resize_h != 0) {
        json["resize"] =
            g.resize_w == 0 ? nlohmann::json(g.resize_h) : nlohmann::json{g.resize_h, g.resize_w};
        json["antialias"] = g.antialias;
    }
    if (g.crop != 0) {
        json["crop"] = g.crop;
    }
    if (g.rotate != 0) {
        json["rotate"] = g.rotate;
    }
    return json;
}

Preprocessing parse_preprocessing(JsonObject object) {
    Preprocessing p;
    p.divisor = object.number_or("divisor", 255, 1e-9, kMaxValue);
    p.mean = numbers(object, "mean", -kMaxValue);
    p.deviation = numbers(object, "deviation", 1e-9);
    p.geometry = parse_geometry(object);
    object.finish();
    return p;
}

bool parse_channel_scales(JsonObject& object, bool fxp8) {
    const bool by_channel = object.choice_or("weight_scales", "layer", {"layer", "channel"}) == "channel";
    if (by_channel && !fxp8) {
        object.fail("weight_scales", "are by channel for fxp8 alone (int8 always has a scale a channel)",
                    "layer");
    }
    return by_channel;
}

std::string resolved_path(const std::string& path, const std::string& base) {
    return path.empty() ? path : (std::filesystem::path(base) / path).lexically_normal().string();
}

ImportRequest parse_import_request(JsonObject object, const std::string& base) {
    ImportRequest request;
    request.model = object.text("model");
    request.weights = resolved_path(object.text_or("weights", ""), base);
    if (!is_network(request.model)) {
        request.model = resolved_path(request.model, base);
        if (!request.weights.empty()) {
            object.fail("weights", "is given, and a TorchScript file brings its own");
        }
    }
    parse_random_weights(object, request);
    if (is_network(request.model) && request.weights.empty() && !request.random_weights) {
        object.fail("weights", "is missing, and \"" + request.model + "\" is a network without them",
                    "weights or random_weights");
    }
    if (!request.random_weights || object.has("dataset")) {
        request.dataset = object.choice("dataset", workloads::dataset_formats());
    }
    request.location = resolved_path(object.text_or("location", "."), base);
    if (object.has("preprocessing")) {
        request.preprocessing = parse_preprocessing(object.object("preprocessing"));
    }
    request.format = workloads::data_format_named(
        object.choice_or("format", workloads::name_of(request.format), workloads::data_format_names()));
    request.refine = object.boolean_or("refine", request.refine);
    request.channel_scales = parse_channel_scales(object, request.format == workloads::DataFormat::fxp8);
    request.images = object.integer_or("images", request.images, 0, kMaxImages);
    request.calibration_images =
        object.integer_or("calibration_images", request.calibration_images, 1, kMaxImages);
    request.golden_images = object.integer_or("golden_images", request.golden_images, 0, kMaxImages);
    request.evaluate = object.integer_or("evaluate", request.evaluate, -1, kMaxImages);
    request.threads = static_cast<int>(object.integer_or("threads", request.threads, 1, 1024));
    object.finish();
    return request;
}

}  // namespace fluence::models
