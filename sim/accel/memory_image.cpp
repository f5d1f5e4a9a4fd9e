#include "sim/accel/memory_image.h"

#include <cstring>

#include "sim/core/error.h"
#include "sim/dataflow/tensor_layout.h"

namespace fluence::accel {
namespace {

using workloads::Layer;

void put_weights(const Workload& workload, LayerId id, std::vector<std::uint8_t>& words) {
    const Layer& layer = workload.graph.layer(id);
    const workloads::GemmShape gemm = workloads::gemm_shape(workload.graph, layer);
    const dataflow::MemoryMap& map = workload.map;
    for (int group = 0; group < gemm.groups; ++group) {
        for (int n = 0; n < map.n_folds(id); ++n) {
            for (int k = 0; k < map.k_folds(id); ++k) {
                const dataflow::WeightBlock block = map.weight_block(id, group, n, k);
                const std::int64_t first_n = std::int64_t{n} * workload.config.array.cols;
                const std::int64_t first_k = std::int64_t{k} * workload.config.array.rows;
                for (std::int64_t c = 0; c < block.used_cols; ++c) {
                    const std::int64_t channel = map.channel(id, group, first_n + c);
                    const std::int8_t* weights = layer.weights.data() + channel * gemm.k + first_k;
                    for (std::int64_t r = 0; r < block.used_rows; ++r) {
                        const std::int64_t word = block.first_word + r * block.row_words;
                        words[static_cast<std::size_t>(word * map.word_bytes() + c)] =
                            static_cast<std::uint8_t>(weights[r]);
                    }
                }
            }
        }
    }
}

void put_parameters(const Workload& workload, LayerId id, std::vector<std::uint8_t>& words) {
    const Layer& layer = workload.graph.layer(id);
    const std::int64_t unit = workload.map.word_bytes();
    std::int64_t word = workload.map.parameters(id).first_word;
    const auto put = [&](const auto& values) {
        const auto bytes = static_cast<std::int64_t>(values.size() * sizeof(values[0]));
        if (bytes > 0) {
            std::memcpy(words.data() + word * unit, values.data(), static_cast<std::size_t>(bytes));
        }
        word += (bytes + unit - 1) / unit;
    };
    put(layer.bias);
    put(layer.multiplier);
    put(layer.shift);
}

}  // namespace

std::vector<std::uint8_t> memory_image(const Workload& workload, const workloads::Codes& image) {
    const dataflow::TensorLayout layout(workload.graph, workload.map, workload.graph.input);
    if (static_cast<std::int64_t>(image.size()) != layout.elements()) {
        throw InputError(workload.graph.name, "image",
                         "has " + std::to_string(image.size()) + " codes, and the network's input has " +
                             std::to_string(layout.elements()));
    }
    std::vector<std::uint8_t> words(
        static_cast<std::size_t>(workload.map.words() * workload.map.word_bytes()));
    for (std::size_t i = 0; i < workload.graph.layers.size(); ++i) {
        if (workload.graph.layers[i].has_macs()) {
            put_weights(workload, layer_id(i), words);
        }
        put_parameters(workload, layer_id(i), words);
    }
    for (std::int64_t e = 0; e < layout.elements(); ++e) {
        words[static_cast<std::size_t>(layout.byte(e))] =
            static_cast<std::uint8_t>(image[static_cast<std::size_t>(e)]);
    }
    return words;
}

std::int32_t code_at(const std::uint8_t* bytes, workloads::NumberFormat format) {
    std::int32_t code = 0;
    switch (format) {
        case workloads::NumberFormat::u8:
            return bytes[0];
        case workloads::NumberFormat::s8:
            return static_cast<std::int8_t>(bytes[0]);
        case workloads::NumberFormat::s32:
            std::memcpy(&code, bytes, 4);
            break;
    }
    return code;
}

std::vector<workloads::Codes> tensors_in(const Workload& workload, const std::vector<std::uint8_t>& words) {
    std::vector<workloads::Codes> tensors;
    for (std::size_t t = 0; t < workload.graph.tensors.size(); ++t) {
        const dataflow::TensorLayout layout(workload.graph, workload.map, tensor_id(t));
        workloads::Codes codes(static_cast<std::size_t>(layout.elements()));
        for (std::int64_t e = 0; e < layout.elements(); ++e) {
            codes[static_cast<std::size_t>(e)] =
                code_at(words.data() + layout.byte(e), workload.graph.tensors[t].format);
        }
        tensors.push_back(std::move(codes));
    }
    return tensors;
}

}  // namespace fluence::accel
