#include "workloads/bundle.h"

#include <algorithm>
#include <filesystem>
#include <new>
#include <stdexcept>

#include "sim/core/error.h"
#include "workloads/bundle_layout.h"

namespace fluence::workloads {
namespace {

namespace fs = std::filesystem;

// Reads the tensors that workload.json promises, and remembers them: what is left over is an error.
class TensorReader {
  public:
    explicit TensorReader(SafetensorsFile& file) : file_(file) {}

    template <class T>
    std::vector<T> read(const std::string& name, const Extents& shape) {
        known_.add(name);
        return file_.read<T>(name, shape);
    }
    bool has(const std::string& name) const { return file_.has(name); }

    // Codes are stored in their format's own width.
    Codes read_codes(const std::string& name, const TensorInfo& tensor) {
        const Extents shape = extents_of(tensor.shape);
        switch (tensor.format) {
            case NumberFormat::u8:
                return widened(read<std::uint8_t>(name, shape));
            case NumberFormat::s8:
                return widened(read<std::int8_t>(name, shape));
            case NumberFormat::s32:
                return read<std::int32_t>(name, shape);
        }
        throw std::logic_error("unknown number format");
    }

    void finish(const std::string& path) const { known_.check_all(file_, path); }

  private:
    template <class T>
    static Codes widened(const std::vector<T>& values) {
        return Codes(values.begin(), values.end());
    }

    SafetensorsFile& file_;
    KnownTensors known_;
};

void read_layers(Graph& graph, TensorReader& tensors) {
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        Layer& layer = graph.layers[i];
        std::int64_t multipliers = 0;
        std::int64_t shifts = 0;
        if (layer.has_macs()) {
            const std::int64_t channels = graph.tensor(layer.output).shape.channels;
            layer.weights =
                tensors.read<std::int8_t>(layer_tensor(i, "weight"), weight_extents(graph, layer));
            layer.bias = tensors.read<std::int32_t>(layer_tensor(i, "bias"), {channels});
            multipliers = shifts = channels;
        } else if (layer.kind == OpKind::avg_pool) {
            multipliers = shifts = 1;
        } else if (layer.kind == OpKind::add || layer.kind == OpKind::concat) {
            multipliers = static_cast<std::int64_t>(layer.inputs.size());
            shifts = layer.kind == OpKind::add ? 1 : multipliers;
        }
        if (multipliers > 0) {
            layer.multiplier = tensors.read<std::int32_t>(layer_tensor(i, "multiplier"), {multipliers});
            layer.shift = tensors.read<std::uint8_t>(layer_tensor(i, "shift"), {shifts});
        }
    }
}

std::vector<std::uint8_t> read_inputs(const Graph& graph, const char* name, std::int64_t count,
                                      TensorReader& tensors) {
    const Extents shape = images_extents(graph, count);
    if (graph.tensor(graph.input).format == NumberFormat::u8) {
        return tensors.read<std::uint8_t>(name, shape);
    }
    const std::vector<std::int8_t> codes = tensors.read<std::int8_t>(name, shape);
    return {codes.begin(), codes.end()};
}

void read_images(Bundle& bundle, TensorReader& tensors) {
    bundle.images = read_inputs(bundle.graph, kImagesTensor, bundle.image_count, tensors);
    bundle.labels = tensors.read<std::int32_t>("labels", {bundle.image_count});
    if (bundle.calibration_count > 0) {
        bundle.calibration = read_inputs(bundle.graph, kCalibrationTensor, bundle.calibration_count, tensors);
    }
}

// The codes of image `index` of the `count` in `bytes`.
Codes codes_of(const TensorInfo& input, const std::vector<std::uint8_t>& bytes, std::int64_t count,
               std::int64_t index) {
    if (index < 0 || index >= count) {
        throw std::out_of_range("image " + std::to_string(index) + " of " + std::to_string(count));
    }
    const std::int64_t elements = input.shape.elements();
    const auto begin = bytes.begin() + index * elements;
    Codes codes(begin, begin + elements);
    if (input.format == NumberFormat::s8) {
        std::transform(codes.begin(), codes.end(), codes.begin(),
                       [](std::int32_t byte) { return static_cast<std::int8_t>(byte); });
    }
    return codes;
}

void read_golden(Bundle& bundle, std::int64_t count, TensorReader& tensors) {
    for (std::int64_t image = 0; image < count; ++image) {
        std::vector<Codes>& golden = bundle.golden.emplace_back();
        for (const TensorInfo& tensor : bundle.graph.tensors) {
            golden.push_back(
                tensors.read_codes(golden_tensor(static_cast<std::size_t>(image), tensor.name), tensor));
        }
    }
}

void read_profile(Bundle& bundle, TensorReader& tensors) {
    for (const TensorInfo& tensor : bundle.graph.tensors) {
        ChannelProfile& profile = bundle.profile.emplace_back();
        const std::string lo = profile_tensor(tensor.name, "lo");
        const std::string hi = profile_tensor(tensor.name, "hi");
        if (tensors.has(lo) || tensors.has(hi)) {
            profile.lo = tensors.read<std::int32_t>(lo, {tensor.shape.channels});
            profile.hi = tensors.read<std::int32_t>(hi, {tensor.shape.channels});
        }
    }
}

Bundle read_parts(const std::string& description_path, const std::string& tensor_path) {
    const nlohmann::json description = read_json_file(description_path);
    JsonObject root(description, description_path);
    root.choice("format", {kFormatName});
    root.integer("version", kFormatVersion, kFormatVersion);
    if (root.has(kOperandsKey)) {
        root.fail(
            kOperandsKey,
            "is " + root.raw(kOperandsKey).dump() + ": a network of words, where codes of 8 bits are needed",
            "an import with --format int8 or fxp8; fluence inject takes every format");
    }
    Bundle bundle;
    bundle.graph = parse_graph(root.object("graph"));
    bundle.image_count = root.integer("images", 0, kMaxImages);
    const std::int64_t golden = root.integer("golden_images", 0, bundle.image_count);
    bundle.calibration_count = root.integer_or("calibration_images", 0, 0, kMaxImages);
    bundle.fp32_top1 = root.number("fp32_top1", -1, 1);
    bundle.provenance = root.raw("provenance");
    JsonObject identity = root.object("tensors");
    root.finish();

    SafetensorsFile file(tensor_path);
    check_identity(identity, file, tensor_path);
    TensorReader tensors(file);
    read_layers(bundle.graph, tensors);
    validate(bundle.graph, description_path);
    read_images(bundle, tensors);
    read_golden(bundle, golden, tensors);
    read_profile(bundle, tensors);
    tensors.finish(tensor_path);
    check_bundle(bundle, description_path);
    return bundle;
}

}  // namespace

Codes Bundle::image(std::int64_t index) const {
    return codes_of(graph.tensor(graph.input), images, image_count, index);
}

Codes Bundle::calibration_image(std::int64_t index) const {
    return codes_of(graph.tensor(graph.input), calibration, calibration_count, index);
}

Bundle read_bundle(const std::string& directory) {
    std::error_code ignored;
    if (!fs::is_directory(directory, ignored)) {
        throw InputError(directory, "",
                         "is not a folder: a workload bundle is a folder with " +
                             std::string(kDescriptionFile) + " and " + kTensorFile);
    }
    try {
        return read_parts((fs::path(directory) / kDescriptionFile).string(),
                          (fs::path(directory) / kTensorFile).string());
    } catch (const std::bad_alloc&) {
        throw InputError(directory, "", "does not fit into memory");
    }
}

}  // namespace fluence::workloads
