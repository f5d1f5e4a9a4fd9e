#include "workloads/bundle_layout.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>

#include "sim/core/error.h"

namespace fluence::workloads {
namespace {

constexpr std::int64_t kMaxInt = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t kMinInt = std::numeric_limits<std::int32_t>::min();
constexpr std::array<NumberFormat, 3> kFormats = {NumberFormat::u8, NumberFormat::s8, NumberFormat::s32};
constexpr std::array<OpKind, 8> kKinds = {OpKind::conv, OpKind::linear, OpKind::max_pool, OpKind::avg_pool,
                                          OpKind::add,  OpKind::concat, OpKind::flatten,  OpKind::subsample};

template <class T, std::size_t N>
T choice(JsonObject& object, const std::string& key, const std::array<T, N>& values) {
    std::vector<std::string> names;
    for (const T value : values) {
        names.emplace_back(name_of(value));
    }
    const std::string name = object.choice(key, names);
    return values[static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin())];
}

// A list of exactly N integers.
template <std::size_t N>
std::array<int, N> integers(JsonObject& object, const std::string& key, std::int64_t low, std::int64_t high) {
    const nlohmann::json& list = object.raw(key);
    const std::string valid = std::to_string(low) + " to " + std::to_string(high);
    if (!list.is_array() || list.size() != N) {
        object.fail(key, "is not a list of " + std::to_string(N) + " integers");
    }
    std::array<int, N> values{};
    for (std::size_t i = 0; i < N; ++i) {
        const bool large = list[i].is_number_unsigned() && list[i].get<std::uint64_t>() > std::uint64_t{1}
                                                                                              << 62;
        if (!list[i].is_number_integer() || large || list[i].get<std::int64_t>() < low ||
            list[i].get<std::int64_t>() > high) {
            object.fail(key, "holds " + list[i].dump(), valid);
        }
        values[i] = list[i].get<int>();
    }
    return values;
}

TensorInfo parse_tensor(JsonObject object) {
    TensorInfo tensor;
    tensor.name = object.text("name");
    const auto shape = integers<3>(object, "shape", 1, kMaxInt);
    tensor.shape = {shape[0], shape[1], shape[2]};
    tensor.format = choice(object, "format", kFormats);
    tensor.scale = object.number("scale", 0, std::numeric_limits<double>::max());
    object.finish();
    return tensor;
}

Window parse_window(JsonObject object) {
    const auto kernel = integers<2>(object, "kernel", 1, kMaxInt);
    const auto stride = integers<2>(object, "stride", 1, kMaxInt);
    const auto padding = integers<2>(object, "padding", 0, kMaxInt);
    const auto dilation = integers<2>(object, "dilation", 1, kMaxInt);
    object.finish();
    return {kernel[0], kernel[1], stride[0], stride[1], padding[0], padding[1], dilation[0], dilation[1]};
}

using TensorNames = std::map<std::string, TensorId>;

TensorId tensor_named(const TensorNames& names, const std::string& name, JsonObject& object,
                      const std::string& key) {
    const auto found = names.find(name);
    if (found == names.end()) {
        object.fail(key, "names no tensor: \"" + name + "\"");
    }
    return found->second;
}

Layer parse_layer(JsonObject object, const TensorNames& names) {
    Layer layer;
    layer.name = object.text("name");
    layer.kind = choice(object, "kind", kKinds);
    for (const std::string& name : object.text_list("inputs")) {
        layer.inputs.push_back(tensor_named(names, name, object, "inputs"));
    }
    if (layer.inputs.empty()) {
        object.fail("inputs", "is empty");
    }
    layer.output = tensor_named(names, object.text("output"), object, "output");
    if (object.has("window")) {
        layer.window = parse_window(object.object("window"));
    }
    layer.groups = static_cast<int>(object.integer_or("groups", 1, 1, kMaxInt));
    if (object.has("zero_channels")) {
        const auto zeros = integers<2>(object, "zero_channels", -kMaxInt, kMaxInt);
        layer.channels_before = zeros[0];
        layer.channels_after = zeros[1];
    }
    if (object.has("clamp")) {
        const auto clamp = integers<2>(object, "clamp", kMinInt, kMaxInt);
        layer.clamp_lo = clamp[0];
        layer.clamp_hi = clamp[1];
    }
    object.finish();
    return layer;
}

nlohmann::json layer_json(const Graph& graph, const Layer& layer) {
    nlohmann::json value = {
        {"name", layer.name}, {"kind", name_of(layer.kind)}, {"output", graph.tensor(layer.output).name}};
    value["inputs"] = nlohmann::json::array();
    for (const TensorId id : layer.inputs) {
        value["inputs"].push_back(graph.tensor(id).name);
    }
    const bool windowed = layer.kind == OpKind::conv || layer.kind == OpKind::max_pool ||
                          layer.kind == OpKind::avg_pool || layer.kind == OpKind::subsample;
    if (windowed) {
        const Window& w = layer.window;
        value["window"] = {{"kernel", {w.kernel_h, w.kernel_w}},
                           {"stride", {w.stride_h, w.stride_w}},
                           {"padding", {w.pad_h, w.pad_w}},
                           {"dilation", {w.dilation_h, w.dilation_w}}};
    }
    if (layer.kind == OpKind::conv || (layer.kind == OpKind::subsample && layer.groups != 1)) {
        value["groups"] = layer.groups;
    }
    if (layer.kind == OpKind::subsample) {
        value["zero_channels"] = {layer.channels_before, layer.channels_after};
    }
    if (!layer.multiplier.empty()) {
        value["clamp"] = {layer.clamp_lo, layer.clamp_hi};
    }
    return value;
}

}  // namespace

std::string layer_tensor(std::size_t layer, const std::string& what) {
    return "layers." + std::to_string(layer) + "." + what;
}

std::string golden_tensor(std::size_t image, const std::string& tensor) {
    return "golden." + std::to_string(image) + "." + tensor;
}

std::string profile_tensor(const std::string& tensor, const std::string& end) {
    return "profile." + tensor + "." + end;
}

Extents extents_of(const Shape& shape) {
    return {shape.channels, shape.height, shape.width};
}

Extents images_extents(const Graph& graph, std::int64_t count) {
    Extents shape = extents_of(graph.tensor(graph.input).shape);
    shape.insert(shape.begin(), count);
    return shape;
}

Extents weight_extents(const Graph& graph, const Layer& layer) {
    const Shape& input = graph.tensor(layer.inputs.at(0)).shape;
    const std::int64_t out = graph.tensor(layer.output).shape.channels;
    if (layer.kind == OpKind::linear) {
        // Saturated where a damaged description overflows: no tensor of a file has that extent.
        const bool sane = input.channels <= std::numeric_limits<std::int64_t>::max() / input.plane();
        return {out, sane ? input.elements() : std::numeric_limits<std::int64_t>::max()};
    }
    return {out, input.channels / layer.groups, layer.window.kernel_h, layer.window.kernel_w};
}

std::string hex32(std::uint32_t value) {
    std::string text;
    for (int shift = 28; shift >= 0; shift -= 4) {
        text += "0123456789abcdef"[value >> shift & 15u];
    }
    return text;
}

nlohmann::json graph_json(const Graph& graph) {
    nlohmann::json tensors = nlohmann::json::array();
    for (const TensorInfo& tensor : graph.tensors) {
        tensors.push_back({{"name", tensor.name},
                           {"shape", extents_of(tensor.shape)},
                           {"format", name_of(tensor.format)},
                           {"scale", tensor.scale}});
    }
    nlohmann::json layers = nlohmann::json::array();
    for (const Layer& layer : graph.layers) {
        layers.push_back(layer_json(graph, layer));
    }
    return {{"name", graph.name},
            {"input", graph.tensor(graph.input).name},
            {"logits", graph.tensor(graph.logits).name},
            {"tensors", std::move(tensors)},
            {"layers", std::move(layers)}};
}

Graph parse_graph(JsonObject object) {
    Graph graph;
    graph.name = object.text("name");
    TensorNames names;
    for (const JsonObject& tensor : object.objects("tensors")) {
        graph.tensors.push_back(parse_tensor(tensor));
        names.emplace(graph.tensors.back().name, tensor_id(graph.tensors.size() - 1));
    }
    graph.input = tensor_named(names, object.text("input"), object, "input");
    graph.logits = tensor_named(names, object.text("logits"), object, "logits");
    for (const JsonObject& layer : object.objects("layers")) {
        graph.layers.push_back(parse_layer(layer, names));
    }
    object.finish();
    return graph;
}

namespace {

void check_golden(const Bundle& bundle, const std::string& file) {
    for (std::size_t image = 0; image < bundle.golden.size(); ++image) {
        for (std::size_t t = 0; t < bundle.graph.tensors.size(); ++t) {
            const TensorInfo& tensor = bundle.graph.tensors[t];
            const std::string key = golden_tensor(image, tensor.name);
            if (bundle.golden[image].size() != bundle.graph.tensors.size() ||
                static_cast<std::int64_t>(bundle.golden[image][t].size()) != tensor.shape.elements()) {
                throw InputError(file, key, "is missing or has another size than its tensor");
            }
            for (const std::int32_t code : bundle.golden[image][t]) {
                if (code < min_code(tensor.format) || code > max_code(tensor.format)) {
                    throw InputError(file, key, "holds " + std::to_string(code), name_of(tensor.format));
                }
            }
        }
    }
}

void check_profile(const Bundle& bundle, const std::string& file) {
    if (!bundle.profile.empty() && bundle.profile.size() != bundle.graph.tensors.size()) {
        throw InputError(file, "profile", "has " + std::to_string(bundle.profile.size()) + " entries",
                         std::to_string(bundle.graph.tensors.size()));
    }
    for (std::size_t t = 0; t < bundle.profile.size(); ++t) {
        const ChannelProfile& profile = bundle.profile[t];
        const std::string key = profile_tensor(bundle.graph.tensors[t].name, "lo");
        const auto channels = static_cast<std::size_t>(bundle.graph.tensors[t].shape.channels);
        if (profile.lo.size() != profile.hi.size() ||
            (!profile.lo.empty() && profile.lo.size() != channels)) {
            throw InputError(file, key,
                             "and hi have " + std::to_string(profile.lo.size()) + " and " +
                                 std::to_string(profile.hi.size()) + " values",
                             std::to_string(channels) + " each");
        }
        for (std::size_t c = 0; c < profile.lo.size(); ++c) {
            if (profile.lo[c] > profile.hi[c]) {
                throw InputError(file, key, "is above hi in channel " + std::to_string(c));
            }
        }
    }
}

}  // namespace

void check_identity(JsonObject object, SafetensorsFile& file, const std::string& path) {
    const std::int64_t bytes = object.integer("bytes", 0, std::numeric_limits<std::int64_t>::max());
    const std::string crc = object.text("crc32");
    object.finish();
    if (bytes != file.size()) {
        throw InputError(path, "",
                         "has " + std::to_string(file.size()) + " bytes where " + kDescriptionFile +
                             " says " + std::to_string(bytes));
    }
    const std::string actual = hex32(file.crc32());
    if (crc != actual) {
        throw InputError(
            path, "", "is damaged: its CRC-32 is " + actual + ", and " + kDescriptionFile + " says " + crc);
    }
}

void KnownTensors::check_all(const SafetensorsFile& file, const std::string& path) const {
    for (const auto& [name, entry] : file.entries()) {
        if (names_.count(name) == 0) {
            throw InputError(path, name,
                             std::string("is a tensor that ") + kDescriptionFile + " does not know");
        }
    }
}

void check_frame(const BundleFrame& frame, const std::string& file) {
    if (frame.golden_images > frame.image_count) {
        throw InputError(file, "golden",
                         "has activations of " + std::to_string(frame.golden_images) + " images",
                         "0 to " + std::to_string(frame.image_count));
    }
    if (!(frame.fp32_top1 == -1 || (frame.fp32_top1 >= 0 && frame.fp32_top1 <= 1))) {
        throw InputError(file, "fp32_top1", "is out of range", "0 to 1, or -1 where unknown");
    }
    if (!frame.provenance.is_object()) {
        throw InputError(file, "provenance", "is not an object");
    }
    const int classes = frame.graph.tensor(frame.graph.logits).shape.channels;
    for (std::size_t i = 0; i < frame.labels.size(); ++i) {
        if (frame.labels[i] < 0 || frame.labels[i] >= classes) {
            throw InputError(file, "labels",
                             "holds " + std::to_string(frame.labels[i]) + " for image " + std::to_string(i),
                             "0 to " + std::to_string(classes - 1));
        }
    }
}

void check_bundle(const Bundle& bundle, const std::string& file) {
    const std::int64_t elements = bundle.graph.tensor(bundle.graph.input).shape.elements();
    const auto pixels = static_cast<std::int64_t>(bundle.images.size());
    if (bundle.image_count < 0 || bundle.image_count > kMaxImages ||
        pixels / elements != bundle.image_count || pixels % elements != 0 ||
        static_cast<std::int64_t>(bundle.labels.size()) != bundle.image_count) {
        throw InputError(file, "images",
                         "holds " + std::to_string(pixels) + " values and labels " +
                             std::to_string(bundle.labels.size()) + " for " +
                             std::to_string(bundle.image_count) + " images of " + std::to_string(elements) +
                             " elements");
    }
    const auto calibration = static_cast<std::int64_t>(bundle.calibration.size());
    if (bundle.calibration_count < 0 || bundle.calibration_count > kMaxImages ||
        calibration / elements != bundle.calibration_count || calibration % elements != 0) {
        throw InputError(file, kCalibrationTensor,
                         "holds " + std::to_string(calibration) + " values for " +
                             std::to_string(bundle.calibration_count) + " images of " +
                             std::to_string(elements) + " elements");
    }
    check_frame({bundle.graph, bundle.image_count, static_cast<std::int64_t>(bundle.golden.size()),
                 bundle.labels, bundle.fp32_top1, bundle.provenance},
                file);
    check_golden(bundle, file);
    check_profile(bundle, file);
}

}  // namespace fluence::workloads
