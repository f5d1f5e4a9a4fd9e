#include "workloads/random_words.h"

#include <algorithm>
#include <cmath>

#include "workloads/random_graph.h"
#include "workloads/word_reference.h"

namespace fluence::workloads {
namespace {

Word small_word(WordFormat format, double deviation, RandomStream& stream) {
    return is_fixed_point(format) ? random_word(format, stream)
                                  : nearest_word(format, 1, deviation * stream.normal());
}

void give_weights(WordGraph& graph, std::size_t index, RandomStream& stream) {
    const Layer& layer = graph.structure.layers[index];
    WordLayer& words = graph.layers[index];
    const GemmShape gemm = gemm_shape(graph.structure, layer);
    const std::int64_t channels = gemm.n * gemm.groups;
    const double deviation = 1 / std::sqrt(static_cast<double>(gemm.k));
    for (std::int64_t i = 0; i < gemm.k * channels; ++i) {
        words.weights.push_back(small_word(graph.format, deviation, stream));
    }
    const WordFormat of_bias = graph.format == WordFormat::bf16 ? WordFormat::fp32 : graph.format;
    for (std::int64_t i = 0; i < channels; ++i) {
        words.bias.push_back(small_word(of_bias, 0.2, stream));
    }
}

// Scales such that a sum of k products of random words has about the size of the output's words.
void give_scales(WordGraph& graph, std::size_t index, RandomStream& stream) {
    const Layer& layer = graph.structure.layers[index];
    WordLayer& words = graph.layers[index];
    TensorInfo& output = graph.structure.tensors[index_of(layer.output)];
    const int bits = word_bits(graph.format);
    double scale = 0;
    for (const TensorId input : layer.inputs) {
        scale = std::max(scale, graph.structure.tensor(input).scale);
    }
    output.scale = scale;
    const auto some = [&](int count) {
        return static_cast<int>(stream.below(static_cast<std::uint64_t>(count)));
    };
    if (layer.has_macs()) {
        words.weight_scale = std::ldexp(1.0, 1 - bits - some(3));
        const double unit = words.weight_scale * scale;
        const double k = static_cast<double>(gemm_shape(graph.structure, layer).k);
        words.bias_scale = std::ldexp(unit, some(bits));
        output.scale = std::ldexp(unit, bits - 2 + std::ilogb(k) / 2 - some(2));
    } else if (layer.kind == OpKind::avg_pool || layer.kind == OpKind::add || layer.kind == OpKind::concat) {
        output.scale = std::ldexp(scale, some(4) - 2);
    }
}

}  // namespace

Word random_word(WordFormat format, RandomStream& stream) {
    return stream.next32() >> (32 - word_bits(format));
}

WordGraph random_word_graph(WordFormat format, RandomStream& stream) {
    WordGraph graph;
    graph.format = format;
    graph.structure = random_graph(stream);
    for (TensorInfo& tensor : graph.structure.tensors) {
        tensor.format = NumberFormat::s32;
        tensor.scale = 1;
    }
    if (is_fixed_point(format)) {
        graph.structure.tensors[index_of(graph.structure.input)].scale =
            std::ldexp(1.0, 1 - word_bits(format));
    }
    graph.reach.assign(graph.structure.tensors.size(), 1.5);
    for (std::size_t i = 0; i < graph.structure.layers.size(); ++i) {
        Layer& layer = graph.structure.layers[i];
        WordLayer& words = graph.layers.emplace_back();
        const bool moves = layer.kind == OpKind::max_pool || layer.kind == OpKind::flatten ||
                           layer.kind == OpKind::subsample;
        words.relu = !moves && layer.clamp_lo == 0;
        if (words.relu && stream.below(3) == 0) {
            words.ceiling = 0.4 + stream.uniform();
        }
        layer.weights.clear();
        layer.bias.clear();
        layer.multiplier.clear();
        layer.shift.clear();
        layer.clamp_lo = layer.clamp_hi = 0;
        if (layer.has_macs()) {
            give_weights(graph, i, stream);
        }
        if (is_fixed_point(format)) {
            give_scales(graph, i, stream);
        }
    }
    validate(graph, "random graph of words");
    return graph;
}

Words random_word_image(const WordGraph& graph, RandomStream& stream) {
    Words words;
    const std::int64_t elements = graph.structure.tensor(graph.structure.input).shape.elements();
    for (std::int64_t i = 0; i < elements; ++i) {
        words.push_back(stream.below(5) == 0 ? 0 : small_word(graph.format, 1, stream));
    }
    return words;
}

}  // namespace fluence::workloads
