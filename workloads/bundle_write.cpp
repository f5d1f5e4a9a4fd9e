#include <algorithm>
#include <deque>
#include <filesystem>

#include "sim/core/error.h"
#include "workloads/bundle_layout.h"
#include "workloads/file_output.h"

namespace fluence::workloads {
namespace {

namespace fs = std::filesystem;

// Hands tensors to the safetensors writer, and keeps those that had to be converted.
class TensorCollector {
  public:
    template <class T>
    void add(const std::string& name, const Extents& shape, const std::vector<T>& values) {
        writer_.add(name, shape, values);
    }
    void add_codes(const std::string& name, const TensorInfo& tensor, const Codes& codes) {
        switch (tensor.format) {
            case NumberFormat::u8:
                return add(name, extents_of(tensor.shape),
                           unsigned_.emplace_back(codes.begin(), codes.end()));
            case NumberFormat::s8:
                return add(name, extents_of(tensor.shape), signed_.emplace_back(codes.begin(), codes.end()));
            case NumberFormat::s32:
                return add(name, extents_of(tensor.shape), codes);
        }
    }
    // `count` images of the input tensor.
    void add_images(const char* name, std::int64_t count, const Graph& graph,
                    const std::vector<std::uint8_t>& bytes) {
        const Extents shape = images_extents(graph, count);
        if (graph.tensor(graph.input).format == NumberFormat::u8) {
            add(name, shape, bytes);
        } else {
            add(name, shape, signed_.emplace_back(bytes.begin(), bytes.end()));
        }
    }
    const SafetensorsWriter& writer() const { return writer_; }

  private:
    SafetensorsWriter writer_;
    std::deque<std::vector<std::uint8_t>> unsigned_;
    std::deque<std::vector<std::int8_t>> signed_;
};

template <class T>
Extents length(const std::vector<T>& values) {
    return {static_cast<std::int64_t>(values.size())};
}

void collect(const Bundle& bundle, TensorCollector& tensors) {
    const Graph& graph = bundle.graph;
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        const Layer& layer = graph.layers[i];
        if (layer.has_macs()) {
            tensors.add(layer_tensor(i, "weight"), weight_extents(graph, layer), layer.weights);
            tensors.add(layer_tensor(i, "bias"), length(layer.bias), layer.bias);
        }
        if (!layer.multiplier.empty()) {
            tensors.add(layer_tensor(i, "multiplier"), length(layer.multiplier), layer.multiplier);
            tensors.add(layer_tensor(i, "shift"), length(layer.shift), layer.shift);
        }
    }
    tensors.add_images(kImagesTensor, bundle.image_count, graph, bundle.images);
    if (bundle.calibration_count > 0) {
        tensors.add_images(kCalibrationTensor, bundle.calibration_count, graph, bundle.calibration);
    }
    tensors.add("labels", length(bundle.labels), bundle.labels);
    for (std::size_t image = 0; image < bundle.golden.size(); ++image) {
        for (std::size_t t = 0; t < graph.tensors.size(); ++t) {
            const TensorInfo& tensor = graph.tensors[t];
            tensors.add_codes(golden_tensor(image, tensor.name), tensor, bundle.golden[image][t]);
        }
    }
    for (std::size_t t = 0; t < bundle.profile.size(); ++t) {
        if (!bundle.profile[t].lo.empty()) {
            const std::string& name = graph.tensors[t].name;
            tensors.add(profile_tensor(name, "lo"), length(bundle.profile[t].lo), bundle.profile[t].lo);
            tensors.add(profile_tensor(name, "hi"), length(bundle.profile[t].hi), bundle.profile[t].hi);
        }
    }
}

nlohmann::json description(const Bundle& bundle, const FileOutput& tensors) {
    nlohmann::json value = {{"format", kFormatName},
                            {"version", kFormatVersion},
                            {"graph", graph_json(bundle.graph)},
                            {"images", bundle.image_count},
                            {"golden_images", bundle.golden.size()},
                            {"fp32_top1", bundle.fp32_top1},
                            {"provenance", bundle.provenance},
                            {"tensors", {{"bytes", tensors.size()}, {"crc32", hex32(tensors.crc32())}}}};
    if (bundle.calibration_count > 0) {
        value["calibration_images"] = bundle.calibration_count;
    }
    return value;
}

}  // namespace

void check_replaceable(const std::string& directory) {
    std::error_code error;
    if (!fs::exists(directory, error)) {
        return;
    }
    if (!fs::is_directory(directory, error)) {
        throw InputError(directory, "", "exists and is not a folder");
    }
    for (const auto& entry : fs::directory_iterator(directory, error)) {
        const std::string name = entry.path().filename().string();
        if (name != kDescriptionFile && name != kTensorFile) {
            throw InputError(directory, "",
                             "holds \"" + name + "\", so it is not a bundle and is not replaced");
        }
    }
}

void write_bundle(const Bundle& bundle, const std::string& directory) {
    validate(bundle.graph, directory);
    check_bundle(bundle, directory);
    check_replaceable(directory);
    FolderReplacement folder(directory);

    TensorCollector tensors;
    collect(bundle, tensors);
    FileOutput tensor_file((fs::path(folder.path()) / kTensorFile).string());
    tensors.writer().write([&](const char* data, std::size_t bytes) { tensor_file.write(data, bytes); });
    tensor_file.close();

    FileOutput description_file((fs::path(folder.path()) / kDescriptionFile).string());
    const std::string text =
        description(bundle, tensor_file).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    description_file.write(text.data(), text.size());
    description_file.close();
    folder.commit();
}

}  // namespace fluence::workloads
