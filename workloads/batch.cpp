#include "workloads/batch.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "sim/core/error.h"
#include "workloads/word_graph.h"

namespace fluence::workloads {
namespace {

// By tensor: what a linear layer may read in its place, through flattens of several pixels.
std::vector<TensorId> unflattened(const Graph& graph) {
    std::vector<TensorId> source;
    for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
        source.push_back(tensor_id(i));
    }
    for (const Layer& layer : graph.layers) {
        if (layer.kind == OpKind::flatten) {
            const TensorId from = source[index_of(layer.inputs.at(0))];
            if (graph.tensor(from).shape.plane() > 1) {
                source[index_of(layer.output)] = from;
            }
        }
    }
    return source;
}

// Drops tensors that no layer makes.
void drop_unmade(Graph& graph) {
    std::vector<bool> made(graph.tensors.size());
    made[index_of(graph.input)] = true;
    for (const Layer& layer : graph.layers) {
        made[index_of(layer.output)] = true;
    }
    std::vector<TensorId> renumbered(graph.tensors.size());
    std::vector<TensorInfo> kept;
    for (std::size_t i = 0; i < made.size(); ++i) {
        renumbered[i] = tensor_id(kept.size());
        if (made[i]) {
            kept.push_back(std::move(graph.tensors[i]));
        }
    }
    graph.tensors = std::move(kept);
    graph.input = renumbered[index_of(graph.input)];
    graph.logits = renumbered[index_of(graph.logits)];
    for (Layer& layer : graph.layers) {
        layer.output = renumbered[index_of(layer.output)];
        for (TensorId& input : layer.inputs) {
            input = renumbered[index_of(input)];
        }
    }
}

void drop_flattens(Graph& graph, const std::string& file) {
    const std::vector<TensorId> source = unflattened(graph);
    const auto moves = [&](TensorId id) { return source[index_of(id)] != id; };
    std::vector<Layer> layers;
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        Layer& layer = graph.layers[i];
        if (layer.kind == OpKind::flatten && moves(layer.output)) {
            continue;
        }
        for (TensorId& input : layer.inputs) {
            if (moves(input) && layer.kind != OpKind::linear) {
                throw InputError(file, "layers[" + std::to_string(i) + "].inputs",
                                 "\"" + layer.name + "\" reads a flatten of several pixels in a batch",
                                 "linear layers alone");
            }
            input = source[index_of(input)];
        }
        layers.push_back(std::move(layer));
    }
    if (moves(graph.logits)) {
        throw InputError(file, "logits", "are a flatten of several pixels in a batch", "one pixel an image");
    }
    graph.layers = std::move(layers);
    drop_unmade(graph);
}

// Calls visit(place in the batch, image, place in the image) for each channel of each image, a run of
// height·width elements.
template <class Visit>
void for_each_plane(const Shape& shape, Visit visit) {
    const std::int64_t plane = std::int64_t{shape.height} * shape.width;
    for (int channel = 0; channel < shape.channels; ++channel) {
        for (int image = 0; image < shape.images; ++image) {
            visit((std::int64_t{channel} * shape.images + image) * plane, image, channel * plane);
        }
    }
}

Graph with_images(const Graph& graph, int images, const std::string& file) {
    if (images < 1) {
        throw InputError(file, "batch", "is " + std::to_string(images), "1 or more images");
    }
    Graph batch = graph;
    if (images > 1) {
        drop_flattens(batch, file);
    }
    for (TensorInfo& tensor : batch.tensors) {
        tensor.shape.images = images;
    }
    return batch;
}

}  // namespace

Graph batched(const Graph& graph, int images, const std::string& file) {
    Graph batch = with_images(graph, images, file);
    validate(batch, file);
    return batch;
}

Graph batched_structure(const Graph& graph, int images, const std::string& file) {
    Graph batch = with_images(graph, images, file);
    validate_structure(batch, file);
    return batch;
}

Codes stacked(const std::vector<Codes>& images, const Shape& shape) {
    if (images.size() != static_cast<std::size_t>(shape.images)) {
        throw std::invalid_argument("not as many images as the batch has");
    }
    for (const Codes& image : images) {
        if (image.size() != static_cast<std::size_t>(shape.image_elements())) {
            throw std::invalid_argument("an image does not have the size of the batch's");
        }
    }
    Codes batch(static_cast<std::size_t>(shape.elements()));
    const std::int64_t plane = std::int64_t{shape.height} * shape.width;
    for_each_plane(shape, [&](std::int64_t to, int image, std::int64_t from) {
        std::copy_n(images[static_cast<std::size_t>(image)].begin() + from, plane, batch.begin() + to);
    });
    return batch;
}

Codes image_of(const Codes& batch, const Shape& shape, int image) {
    if (image < 0 || image >= shape.images || batch.size() != static_cast<std::size_t>(shape.elements())) {
        throw std::invalid_argument("no such image in the batch");
    }
    Codes codes(static_cast<std::size_t>(shape.image_elements()));
    const std::int64_t plane = std::int64_t{shape.height} * shape.width;
    for_each_plane(shape, [&](std::int64_t from, int at, std::int64_t to) {
        if (at == image) {
            std::copy_n(batch.begin() + from, plane, codes.begin() + to);
        }
    });
    return codes;
}

}  // namespace fluence::workloads
