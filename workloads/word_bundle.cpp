#include "workloads/word_bundle.h"

#include <deque>
#include <filesystem>
#include <new>
#include <stdexcept>

#include "sim/core/error.h"
#include "workloads/bundle_layout.h"
#include "workloads/file_output.h"
#include "workloads/word_bundle_layout.h"

namespace fluence::workloads {
namespace {

namespace fs = std::filesystem;

class WordReader {
  public:
    explicit WordReader(SafetensorsFile& file) : file_(file) {}

    Words words(const std::string& name, Dtype dtype, const Extents& shape) {
        known_.add(name);
        return file_.read_bits(name, dtype, shape);
    }
    std::vector<std::int32_t> integers(const std::string& name, const Extents& shape) {
        known_.add(name);
        return file_.read<std::int32_t>(name, shape);
    }
    void finish(const std::string& path) const { known_.check_all(file_, path); }

  private:
    SafetensorsFile& file_;
    KnownTensors known_;
};

// Hands words to the safetensors writer in the width of their type.
class WordWriter {
  public:
    void add(const std::string& name, Dtype dtype, const Extents& shape, const Words& words) {
        const int size = bytes_of(dtype);
        std::vector<std::uint8_t>& bytes = bytes_.emplace_back();
        bytes.reserve(words.size() * static_cast<std::size_t>(size));
        for (const Word word : words) {
            for (int b = 0; b < size; ++b) {
                bytes.push_back(static_cast<std::uint8_t>(word >> (8 * b)));
            }
        }
        writer_.add(name, dtype, shape, bytes.data(), static_cast<std::int64_t>(words.size()));
    }
    SafetensorsWriter& writer() { return writer_; }

  private:
    SafetensorsWriter writer_;
    std::deque<std::vector<std::uint8_t>> bytes_;
};

void read_layers(WordGraph& graph, WordReader& reader) {
    for (std::size_t i = 0; i < graph.structure.layers.size(); ++i) {
        const Layer& layer = graph.structure.layers[i];
        if (layer.has_macs()) {
            graph.layers[i].weights = reader.words(layer_tensor(i, "weight"), dtype_of(graph.format),
                                                   weight_extents(graph.structure, layer));
            graph.layers[i].bias = reader.words(layer_tensor(i, "bias"), bias_dtype_of(graph.format),
                                                {graph.structure.tensor(layer.output).shape.channels});
        }
    }
}

WordFormat parse_operands(JsonObject& root) {
    return word_format_named(root.choice(kOperandsKey, word_format_names()));
}

WordBundle read_parts(const std::string& description_path, const std::string& tensor_path) {
    const nlohmann::json description = read_json_file(description_path);
    JsonObject root(description, description_path);
    root.choice("format", {kFormatName});
    root.integer("version", kFormatVersion, kFormatVersion);
    WordBundle bundle;
    const WordFormat format = parse_operands(root);
    bundle.graph = parse_word_graph(root.raw("graph"), format, description_path);
    bundle.image_count = root.integer("images", 0, kMaxImages);
    const std::int64_t golden = root.integer("golden_images", 0, bundle.image_count);
    bundle.fp32_top1 = root.number("fp32_top1", -1, 1);
    bundle.provenance = root.raw("provenance");
    JsonObject identity = root.object("tensors");
    root.finish();
    validate_structure(bundle.graph.structure, description_path);

    SafetensorsFile file(tensor_path);
    check_identity(identity, file, tensor_path);
    WordReader reader(file);
    read_layers(bundle.graph, reader);
    validate(bundle.graph, description_path);
    const Graph& structure = bundle.graph.structure;
    bundle.images =
        reader.words(kImagesTensor, dtype_of(format), images_extents(structure, bundle.image_count));
    bundle.labels = reader.integers("labels", {bundle.image_count});
    for (std::int64_t image = 0; image < golden; ++image) {
        std::vector<Words>& tensors = bundle.golden.emplace_back();
        for (const TensorInfo& tensor : structure.tensors) {
            tensors.push_back(reader.words(golden_tensor(static_cast<std::size_t>(image), tensor.name),
                                           dtype_of(format), extents_of(tensor.shape)));
        }
    }
    reader.finish(tensor_path);
    check_word_bundle(bundle, description_path);
    return bundle;
}

void collect(const WordBundle& bundle, WordWriter& words) {
    const WordGraph& graph = bundle.graph;
    const Dtype dtype = dtype_of(graph.format);
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        const Layer& layer = graph.structure.layers[i];
        if (layer.has_macs()) {
            const Words& bias = graph.layers[i].bias;
            words.add(layer_tensor(i, "weight"), dtype, weight_extents(graph.structure, layer),
                      graph.layers[i].weights);
            words.add(layer_tensor(i, "bias"), bias_dtype_of(graph.format),
                      {static_cast<std::int64_t>(bias.size())}, bias);
        }
    }
    words.add(kImagesTensor, dtype, images_extents(graph.structure, bundle.image_count), bundle.images);
    words.writer().add("labels", {bundle.image_count}, bundle.labels);
    for (std::size_t image = 0; image < bundle.golden.size(); ++image) {
        for (std::size_t t = 0; t < graph.structure.tensors.size(); ++t) {
            const TensorInfo& tensor = graph.structure.tensors[t];
            words.add(golden_tensor(image, tensor.name), dtype, extents_of(tensor.shape),
                      bundle.golden[image].at(t));
        }
    }
}

void write_text(const std::string& path, const std::string& text) {
    FileOutput output(path);
    output.write(text.data(), text.size());
    output.close();
}

std::string in_folder(const std::string& directory, const char* file) {
    return (fs::path(directory) / file).string();
}

}  // namespace

Words WordBundle::image(std::int64_t index) const {
    if (index < 0 || index >= image_count) {
        throw std::out_of_range("image " + std::to_string(index) + " of " + std::to_string(image_count));
    }
    const std::int64_t elements = graph.structure.tensor(graph.structure.input).shape.elements();
    const auto begin = images.begin() + index * elements;
    return {begin, begin + elements};
}

bool has_words(const std::string& directory) {
    const std::string path = in_folder(directory, kDescriptionFile);
    const nlohmann::json description = read_json_file(path);
    return JsonObject(description, path).has(kOperandsKey);
}

WordBundle read_word_bundle(const std::string& directory) {
    try {
        return read_parts(in_folder(directory, kDescriptionFile), in_folder(directory, kTensorFile));
    } catch (const std::bad_alloc&) {
        throw InputError(directory, "", "does not fit into memory");
    }
}

void write_word_bundle(const WordBundle& bundle, const std::string& directory) {
    validate(bundle.graph, directory);
    check_word_bundle(bundle, directory);
    check_replaceable(directory);
    FolderReplacement folder(directory);
    WordWriter words;
    collect(bundle, words);
    FileOutput tensors(in_folder(folder.path(), kTensorFile));
    words.writer().write([&](const char* data, std::size_t bytes) { tensors.write(data, bytes); });
    tensors.close();
    const nlohmann::json description = {
        {"format", kFormatName},
        {"version", kFormatVersion},
        {kOperandsKey, name_of(bundle.graph.format)},
        {"graph", word_graph_json(bundle.graph)},
        {"images", bundle.image_count},
        {"golden_images", bundle.golden.size()},
        {"fp32_top1", bundle.fp32_top1},
        {"provenance", bundle.provenance},
        {"tensors", {{"bytes", tensors.size()}, {"crc32", hex32(tensors.crc32())}}}};
    write_text(in_folder(folder.path(), kDescriptionFile),
               description.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    folder.commit();
}

}  // namespace fluence::workloads
