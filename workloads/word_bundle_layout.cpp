#include "workloads/word_bundle_layout.h"

#include <cmath>
#include <stdexcept>

#include "sim/core/error.h"
#include "workloads/bundle_layout.h"

namespace fluence::workloads {
namespace {

constexpr double kLargest = std::numeric_limits<double>::max();

// Takes a key out of an object that the integer format's reader sees next, which does not know it.
class Extra {
  public:
    Extra(nlohmann::json& object, std::string file, std::string path)
        : object_(object), reader_(object, std::move(file), std::move(path)) {}

    double number(const char* key, double low) {
        const double value = reader_.number(key, low, kLargest);
        taken_.emplace_back(key);
        return value;
    }
    double number_or(const char* key, double fallback, double low) {
        return reader_.has(key) ? number(key, low) : fallback;
    }
    bool boolean_or(const char* key, bool fallback) {
        if (reader_.has(key)) {
            taken_.emplace_back(key);
        }
        return reader_.boolean_or(key, fallback);
    }
    void choice(const char* key, const std::string& only) {
        reader_.choice(key, {only});
        taken_.emplace_back(key);
    }
    void refuse(const char* key) {
        if (reader_.has(key)) {
            reader_.fail(key, "is no key of layers of words");
        }
    }
    void take() {
        for (const std::string& key : taken_) {
            object_.erase(key);
        }
    }

  private:
    nlohmann::json& object_;
    JsonObject reader_;
    std::vector<std::string> taken_;
};

// The object `value[key][i]` for each i, where these are what they should be; the integer format's reader
// says where they are not.
template <class Body>
void each(nlohmann::json& value, const char* key, Body body) {
    if (!value.is_object() || !value.contains(key) || !value[key].is_array()) {
        return;
    }
    std::size_t i = 0;
    for (nlohmann::json& entry : value[key]) {
        if (entry.is_object()) {
            body(entry, "graph." + std::string(key) + "[" + std::to_string(i) + "]");
        }
        ++i;
    }
}

}  // namespace

Dtype dtype_of(WordFormat format) {
    switch (format) {
        case WordFormat::fxp16:
            return Dtype::i16;
        case WordFormat::fxp32:
            return Dtype::i32;
        case WordFormat::bf16:
            return Dtype::bf16;
        case WordFormat::fp32:
            return Dtype::f32;
    }
    throw std::logic_error("unknown number format");
}

Dtype bias_dtype_of(WordFormat format) {
    return format == WordFormat::bf16 ? Dtype::f32 : dtype_of(format);
}

nlohmann::json word_graph_json(const WordGraph& graph) {
    nlohmann::json value = graph_json(graph.structure);
    for (std::size_t t = 0; t < graph.structure.tensors.size(); ++t) {
        value["tensors"][t]["format"] = name_of(graph.format);
        value["tensors"][t]["reach"] = graph.reach[t];
    }
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        const WordLayer& layer = graph.layers[i];
        nlohmann::json& entry = value["layers"][i];
        entry.erase("clamp");
        if (layer.relu) {
            entry["relu"] = true;
            if (std::isfinite(layer.ceiling)) {
                entry["ceiling"] = layer.ceiling;
            }
        }
        if (graph.structure.layers[i].has_macs()) {
            entry["weight_scale"] = layer.weight_scale;
            entry["bias_scale"] = layer.bias_scale;
        }
    }
    return value;
}

WordGraph parse_word_graph(const nlohmann::json& given, WordFormat format, const std::string& file) {
    WordGraph graph;
    graph.format = format;
    nlohmann::json value = given;
    each(value, "tensors", [&](nlohmann::json& tensor, const std::string& path) {
        Extra extra(tensor, file, path);
        extra.choice("format", name_of(format));
        graph.reach.push_back(extra.number("reach", 0));
        extra.take();
        tensor["format"] = name_of(NumberFormat::s32);
    });
    each(value, "layers", [&](nlohmann::json& entry, const std::string& path) {
        Extra extra(entry, file, path);
        WordLayer& layer = graph.layers.emplace_back();
        layer.relu = extra.boolean_or("relu", false);
        layer.ceiling = extra.number_or("ceiling", layer.ceiling, 0);
        layer.weight_scale = extra.number_or("weight_scale", 1, 0);
        layer.bias_scale = extra.number_or("bias_scale", 1, 0);
        extra.refuse("clamp");
        extra.take();
    });
    graph.structure = parse_graph(JsonObject(value, file, "graph"));
    return graph;
}

void check_word_bundle(const WordBundle& bundle, const std::string& file) {
    const Graph& structure = bundle.graph.structure;
    const std::int64_t elements = structure.tensor(structure.input).shape.elements();
    const auto pixels = static_cast<std::int64_t>(bundle.images.size());
    if (bundle.image_count < 0 || bundle.image_count > kMaxImages ||
        pixels / elements != bundle.image_count || pixels % elements != 0 ||
        static_cast<std::int64_t>(bundle.labels.size()) != bundle.image_count) {
        throw InputError(file, "images",
                         "holds " + std::to_string(pixels) + " words for " +
                             std::to_string(bundle.image_count) + " images of " + std::to_string(elements) +
                             " elements and " + std::to_string(bundle.labels.size()) + " labels");
    }
    check_frame({structure, bundle.image_count, static_cast<std::int64_t>(bundle.golden.size()),
                 bundle.labels, bundle.fp32_top1, bundle.provenance},
                file);
}

}  // namespace fluence::workloads
