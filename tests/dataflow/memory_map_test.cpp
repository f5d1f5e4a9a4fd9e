#include "sim/dataflow/memory_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <stdexcept>
#include <tuple>
#include <vector>

namespace fluence::dataflow {
namespace {

using workloads::Graph;
using workloads::Layer;
using workloads::NumberFormat;
using workloads::OpKind;

AcceleratorConfig machine(int rows, int cols, int word_bits) {
    AcceleratorConfig config;
    config.array.rows = rows;
    config.array.cols = cols;
    config.dram.word_bits = word_bits;
    return config;
}

// u8 input 4×3×3 → conv of 2 groups to 6×3×3 → flatten (54) → linear to 5 s32 logits.
Graph small_graph() {
    Graph graph;
    graph.tensors = {{"in", {4, 3, 3}, NumberFormat::u8, 1.0},
                     {"conv", {6, 3, 3}, NumberFormat::u8, 1.0},
                     {"flat", {54, 1, 1}, NumberFormat::u8, 1.0},
                     {"logits", {5, 1, 1}, NumberFormat::s32, 1.0}};
    graph.input = tensor_id(0);
    graph.logits = tensor_id(3);
    Layer conv;
    conv.kind = OpKind::conv;
    conv.inputs = {tensor_id(0)};
    conv.output = tensor_id(1);
    conv.window = {2, 2, 1, 1, 1, 1, 2, 2};
    conv.groups = 2;
    conv.weights.resize(6 * 2 * 4);
    conv.bias.resize(6);
    conv.multiplier.resize(6);
    conv.shift.resize(6);
    Layer flatten;
    flatten.kind = OpKind::flatten;
    flatten.inputs = {tensor_id(1)};
    flatten.output = tensor_id(2);
    Layer linear;
    linear.kind = OpKind::linear;
    linear.inputs = {tensor_id(2)};
    linear.output = tensor_id(3);
    linear.weights.resize(5 * 54);
    linear.bias.resize(5);
    linear.multiplier.resize(5);
    linear.shift.resize(5);
    graph.layers = {conv, flatten, linear};
    return graph;
}

// By hand, 3×2 array, words of 4 bytes: conv per group K = 8, N = 3: n folds of 2 and 1 columns, one word a
// row: 16 words a group. linear K = 54, N = 5: 3 n folds, 162 words.
TEST(MemoryMap, RegionsFollowEachOther) {
    const Graph graph = small_graph();
    const MemoryMap map(graph, machine(3, 2, 32));
    EXPECT_EQ(map.weights(layer_id(0)).words, 32);
    EXPECT_EQ(map.weights(layer_id(1)).words, 0);
    EXPECT_EQ(map.weights(layer_id(2)).words, 162);
    EXPECT_EQ(map.parameters(layer_id(0)).words, 6 + 6 + 2);
    EXPECT_EQ(map.parameters(layer_id(1)).words, 0);
    EXPECT_EQ(map.parameters(layer_id(2)).words, 5 + 5 + 2);
    EXPECT_EQ(map.activations(tensor_id(0)).words, 4 * 3);  // 9 bytes a plane: 3 words
    EXPECT_EQ(map.activations(tensor_id(1)).words, 6 * 3);
    EXPECT_EQ(map.activations(tensor_id(2)).first_word, map.activations(tensor_id(1)).first_word);
    EXPECT_EQ(map.activations(tensor_id(3)).words, 5);
    EXPECT_EQ(map.words(), 32 + 162 + 14 + 12 + 12 + 18 + 5);
    std::int64_t next = 0;
    for (const Region& region : map.regions()) {
        EXPECT_EQ(region.first_word, next);
        next += region.words;
    }
    EXPECT_EQ(next, map.words());
    EXPECT_THROW(map.region_of(map.words()), std::out_of_range);
    EXPECT_THROW(map.region_of(-1), std::out_of_range);
}

// What machines of words store: no multipliers, here a shift for the bias and one for the sum.
Graph small_graph_of_words() {
    Graph graph = small_graph();
    for (Layer& layer : graph.layers) {
        layer.multiplier.clear();
        layer.shift.resize(layer.has_macs() ? 2 : 0);
    }
    return graph;
}

// By hand as above, operands of 4 bytes in words of 4: a row of two columns takes two words, one of one
// column one. Biases of 4 bytes; both shifts share a word.
TEST(MemoryMap, WordsAreAsWideAsTheFormat) {
    const Graph graph = small_graph_of_words();
    AcceleratorConfig config = machine(3, 2, 32);
    config.array.format = OperandFormat::fxp32;
    const MemoryMap map(graph, config);
    EXPECT_EQ(map.weights(layer_id(0)).words, 2 * 8 * (2 + 1));
    EXPECT_EQ(map.weights(layer_id(2)).words, 54 * (2 + 2 + 1));
    EXPECT_EQ(map.parameters(layer_id(0)).words, 6 + 1);
    EXPECT_EQ(map.parameters(layer_id(2)).words, 5 + 1);
    EXPECT_EQ(map.activations(tensor_id(0)).words, 4 * 9);
    EXPECT_EQ(map.activations(tensor_id(1)).words, 6 * 9);
    EXPECT_EQ(map.activations(tensor_id(3)).words, 5);
    EXPECT_EQ(map.words(), 48 + 270 + 7 + 6 + 36 + 54 + 5);
    EXPECT_EQ(map.sum_bytes(), 16);

    config.array.format = OperandFormat::fxp16;
    const MemoryMap half(graph, config);
    EXPECT_EQ(half.weights(layer_id(0)).words, 2 * 8 * (1 + 1));
    EXPECT_EQ(half.parameters(layer_id(0)).words, 3 + 1);    // 12 bytes of biases
    EXPECT_EQ(half.activations(tensor_id(0)).words, 4 * 5);  // 18 bytes a plane
    EXPECT_EQ(half.activations(tensor_id(3)).words, 3);      // 10 bytes
    EXPECT_EQ(half.sum_bytes(), 8);

    // The same but for the biases and the sums, which are fp32's.
    config.array.format = OperandFormat::bf16;
    const MemoryMap upper_half(graph, config);
    EXPECT_EQ(upper_half.weights(layer_id(0)).words, 2 * 8 * (1 + 1));
    EXPECT_EQ(upper_half.parameters(layer_id(0)).words, 6 + 1);
    EXPECT_EQ(upper_half.activations(tensor_id(3)).words, 3);
    EXPECT_EQ(upper_half.sum_bytes(), 4);
}

// Every bit of every value lies in one place, where weight_word() and weight_bit(), activation_word() and
// activation_bit() say.
TEST(MemoryMap, EveryBitOfAWordHasAPlace) {
    const Graph graph = small_graph_of_words();
    for (const OperandFormat format :
         {OperandFormat::fxp16, OperandFormat::fxp32, OperandFormat::bf16, OperandFormat::fp32}) {
        for (const int word_bits : {16, 32, 128}) {
            AcceleratorConfig config = machine(3, 2, word_bits);
            config.array.format = format;
            const MemoryMap map(graph, config);
            const int width = 8 * stored_widths(format).operand;
            std::map<std::tuple<FieldKind, std::int32_t, std::int64_t>, std::vector<int>>
                seen;  // bits by value
            for (std::int64_t word = 0; word < map.words(); ++word) {
                for (const Field& field : map.fields(word)) {
                    EXPECT_LE(field.bit + field.width, word_bits);
                    std::vector<int>& bits = seen[{field.kind, field.owner, field.index}];
                    for (int i = 0; i < field.width; ++i) {
                        bits.push_back(field.value_bit + i);
                    }
                    const LayerId layer = layer_id(static_cast<std::size_t>(field.owner));
                    if (field.value_bit == 0 && field.kind == FieldKind::weight) {
                        EXPECT_EQ(map.weight_word(layer, field.index), word);
                        EXPECT_EQ(map.weight_bit(layer, field.index), field.bit);
                    } else if (field.value_bit == 0 && field.kind == FieldKind::activation) {
                        const TensorId tensor = tensor_id(static_cast<std::size_t>(field.owner));
                        EXPECT_EQ(map.activation_word(tensor, field.index), word);
                        EXPECT_EQ(map.activation_bit(tensor, field.index), field.bit);
                    }
                }
            }
            EXPECT_EQ(seen.size(), 48u + 270 + 6 + 5 + 2 + 2 + 36 + 54 + 5);
            for (auto& [value, bits] : seen) {
                const FieldKind kind = std::get<0>(value);
                const int expected = kind == FieldKind::shift  ? 8
                                     : kind == FieldKind::bias ? 8 * stored_widths(format).bias
                                                               : width;
                std::sort(bits.begin(), bits.end());
                ASSERT_EQ(static_cast<int>(bits.size()), expected);
                for (int i = 0; i < expected; ++i) {
                    ASSERT_EQ(bits[static_cast<std::size_t>(i)], i);
                }
            }
        }
    }
}

TEST(MemoryMap, WeightBlocksInFoldOrder) {
    const Graph graph = small_graph();
    const MemoryMap map(graph, machine(3, 2, 32));
    EXPECT_EQ(map.k_folds(layer_id(0)), 3);
    EXPECT_EQ(map.n_folds(layer_id(0)), 2);
    std::int64_t next = map.weights(layer_id(0)).first_word;
    for (int group = 0; group < 2; ++group) {
        for (int n_fold = 0; n_fold < 2; ++n_fold) {
            for (int k_fold = 0; k_fold < 3; ++k_fold) {
                const WeightBlock block = map.weight_block(layer_id(0), group, n_fold, k_fold);
                EXPECT_EQ(block.first_word, next);
                EXPECT_EQ(block.used_rows, k_fold == 2 ? 2 : 3);
                EXPECT_EQ(block.used_cols, n_fold == 1 ? 1 : 2);
                EXPECT_EQ(block.row_words, 1);
                next += block.words;
            }
        }
    }
    EXPECT_THROW(map.weight_block(layer_id(0), 0, 2, 0), std::out_of_range);
    EXPECT_THROW(map.weight_block(layer_id(0), 2, 0, 0), std::out_of_range);
}

// By hand: the conv's groups in the orders 2, 0, 1 and 3, 5, 4; two columns, so that the second n fold of a
// group holds its third channel alone. Words of four bytes, K = 8 rows a block.
TEST(MemoryMap, WeightsFollowTheOrderOfChannels) {
    const Graph graph = small_graph();
    const MemoryMap map(graph, machine(8, 2, 32), {{2, 0, 1, 3, 5, 4}, {}, {}});
    const std::int64_t first = map.weights(layer_id(0)).first_word;
    const auto channels_of = [&](std::int64_t word) {
        std::vector<std::int64_t> channels;
        for (const Field& field : map.fields(first + word)) {
            channels.push_back(field.index / 8);
            EXPECT_EQ(field.index % 8, word % 8);
        }
        return channels;
    };
    for (std::int64_t k = 0; k < 8; ++k) {
        EXPECT_EQ(channels_of(k), (std::vector<std::int64_t>{2, 0}));
        EXPECT_EQ(channels_of(8 + k), (std::vector<std::int64_t>{1}));
        EXPECT_EQ(channels_of(16 + k), (std::vector<std::int64_t>{3, 5}));
        EXPECT_EQ(channels_of(24 + k), (std::vector<std::int64_t>{4}));
    }
    EXPECT_EQ(map.channel(layer_id(0), 1, 1), 5);
    EXPECT_EQ(map.position(layer_id(0), 5), 1);
    EXPECT_EQ(map.position(layer_id(0), 1), 2);
    EXPECT_EQ(map.channel(layer_id(2), 0, 3), 3);  // as they come
    EXPECT_THROW(MemoryMap(graph, machine(8, 2, 32), {{2, 0, 1, 3, 5, 5}, {}, {}}), std::logic_error);
    EXPECT_THROW(MemoryMap(graph, machine(8, 2, 32), {{2, 0, 3, 1, 5, 4}, {}, {}}), std::logic_error);
}

// Channels 0 and 5 of the two groups stand twice: 4 positions a group, 2 n folds of 2 columns. Position n of
// a group is byte n mod 2 of n fold n / 2.
TEST(MemoryMap, AChannelMayStandTwice) {
    const Graph graph = small_graph();
    const std::vector<std::int32_t> order = {0, 0, 1, 2, 3, 4, 5, 5};
    const MemoryMap map(graph, machine(3, 2, 32), {order});
    const LayerId conv = layer_id(0);
    EXPECT_EQ(map.positions(conv), 4);
    EXPECT_EQ(map.positions(layer_id(1)), 0);
    EXPECT_EQ(map.positions(layer_id(2)), 5);
    EXPECT_EQ(map.n_folds(conv), 2);
    EXPECT_EQ(map.weights(conv).words, 2 * 8 * 2);  // groups, terms, n folds of one word
    EXPECT_EQ(map.weights(layer_id(2)).words, 162);
    const std::vector<std::pair<std::int64_t, std::int64_t>> places = {{0, 1},  {2, -1}, {3, -1},
                                                                       {0, -1}, {1, -1}, {2, 3}};
    for (std::int64_t channel = 0; channel < 6; ++channel) {
        EXPECT_EQ(map.position(conv, channel), places[static_cast<std::size_t>(channel)].first);
        EXPECT_EQ(map.copy_of(conv, channel), places[static_cast<std::size_t>(channel)].second);
    }
    for (int group = 0; group < 2; ++group) {
        for (int n = 0; n < 4; ++n) {
            const std::int32_t channel = order[static_cast<std::size_t>(4 * group + n)];
            EXPECT_EQ(map.channel(conv, group, n), channel);
            const bool copy = (group == 0 && n == 1) || (group == 1 && n == 3);
            EXPECT_EQ(map.is_copy(conv, group, n), copy);
            for (int k = 0; k < 8; ++k) {
                const WeightBlock block = map.weight_block(conv, group, n / 2, k / 3);
                const std::vector<Field> fields = map.fields(block.first_word + k % 3);
                ASSERT_EQ(fields.size(), 2u);
                const Field& field = fields[static_cast<std::size_t>(n % 2)];
                EXPECT_EQ(field.index, channel * 8 + k);
                EXPECT_EQ(field.bit, 8 * (n % 2));
                EXPECT_EQ(field.copy, copy);
            }
        }
    }
    const auto refused = [&](const std::vector<std::int32_t>& wrong) {
        EXPECT_THROW(MemoryMap(graph, machine(3, 2, 32), {wrong}), std::logic_error);
    };
    refused({0, 0, 0, 1, 2, 3, 4, 5});  // three times, and one of the other group
    refused({0, 0, 1, 1, 3, 4, 5, 5});  // 2 is missing
    refused({0, 1, 3, 2, 4, 5});        // of the other group
}

// Every weight lies where its PE finds it: byte c of row r of its block.
TEST(MemoryMap, WeightFieldsMatchTheBlocks) {
    const Graph graph = small_graph();
    for (const int word_bits : {8, 16, 32, 64, 128}) {
        for (const auto& [rows, cols] : {std::pair<int, int>{3, 2}, {1, 1}, {4, 5}, {16, 3}}) {
            const MemoryMap map(graph, machine(rows, cols, word_bits));
            for (const std::size_t l : {std::size_t{0}, std::size_t{2}}) {
                const workloads::GemmShape gemm = gemm_shape(graph, graph.layers[l]);
                std::map<std::pair<std::int64_t, int>, std::int64_t> expected;
                for (std::int64_t n = 0; n < gemm.n * gemm.groups; ++n) {
                    for (std::int64_t k = 0; k < gemm.k; ++k) {
                        const auto in_group = static_cast<int>(n % gemm.n);
                        const WeightBlock block =
                            map.weight_block(layer_id(l), static_cast<int>(n / gemm.n), in_group / cols,
                                             static_cast<int>(k) / rows);
                        const int byte = in_group % cols;
                        const std::int64_t word =
                            block.first_word + k % rows * block.row_words + byte * 8 / word_bits;
                        expected[{word, byte * 8 % word_bits}] = n * gemm.k + k;
                    }
                }
                std::map<std::pair<std::int64_t, int>, std::int64_t> found;
                const Region& region = map.weights(layer_id(l));
                for (std::int64_t word = region.first_word; word < region.first_word + region.words; ++word) {
                    for (const Field& field : map.fields(word)) {
                        EXPECT_EQ(field.kind, FieldKind::weight);
                        EXPECT_EQ(field.owner, static_cast<std::int32_t>(l));
                        EXPECT_EQ(field.width, 8);
                        found[{word, field.bit}] = field.index;
                    }
                }
                EXPECT_EQ(found, expected);
                for (const auto& [place, index] : expected) {
                    EXPECT_EQ(map.weight_word(layer_id(l), index), place.first);
                    EXPECT_EQ(map.weight_bit(layer_id(l), index), place.second);
                }
            }
        }
    }
}

TEST(MemoryMap, ActivationFieldsInvertTheAddress) {
    const Graph graph = small_graph();
    for (const int word_bits : {8, 16, 32, 64, 128}) {
        const MemoryMap map(graph, machine(3, 2, word_bits));
        for (const std::size_t t : {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{3}}) {
            const workloads::TensorInfo& info = graph.tensors[t];
            for (std::int64_t element = 0; element < info.shape.elements(); ++element) {
                int bits_found = 0;
                const std::int64_t first = map.activation_word(tensor_id(t), element);
                for (std::int64_t word = first; bits_found < width_bits(info.format); ++word) {
                    ASSERT_LE(word, first + 3);
                    for (const Field& field : map.fields(word)) {
                        if (field.index == element) {
                            EXPECT_EQ(field.kind, FieldKind::activation);
                            EXPECT_EQ(field.owner, t == 2 ? 1 : static_cast<std::int32_t>(t));  // flatten
                            EXPECT_EQ(field.value_bit, bits_found);
                            EXPECT_EQ(field.bit,
                                      word == first ? map.activation_bit(tensor_id(t), element) : 0);
                            bits_found += field.width;
                        }
                    }
                }
                EXPECT_EQ(bits_found, width_bits(info.format));
            }
        }
        // Plane-wise: element (c, y, x) is byte y·3+x of a plane that begins on a word.
        const std::int64_t plane = (9 * 8 + word_bits - 1) / word_bits;
        EXPECT_EQ(map.activation_word(tensor_id(0), 2 * 9 + 8),
                  map.activations(tensor_id(0)).first_word + 2 * plane + 64 / word_bits);
    }
}

TEST(MemoryMap, ParameterFieldsCoverEachVectorOnce) {
    const Graph graph = small_graph();
    for (const int word_bits : {8, 16, 32, 64, 128}) {
        const MemoryMap map(graph, machine(3, 2, word_bits));
        const Region& region = map.parameters(layer_id(0));
        std::map<FieldKind, std::map<std::int64_t, int>> bits;
        for (std::int64_t word = region.first_word; word < region.first_word + region.words; ++word) {
            for (const Field& field : map.fields(word)) {
                int& found = bits[field.kind][field.index];
                EXPECT_EQ(field.value_bit, found);
                found += field.width;
                EXPECT_LE(field.bit + field.width, word_bits);
            }
        }
        EXPECT_EQ(bits[FieldKind::bias].size(), 6u);
        EXPECT_EQ(bits[FieldKind::multiplier].size(), 6u);
        EXPECT_EQ(bits[FieldKind::shift].size(), 6u);
        for (const auto& [kind, values] : bits) {
            for (const auto& [index, found] : values) {
                EXPECT_EQ(found, kind == FieldKind::shift ? 8 : 32) << index;
            }
        }
    }
}

}  // namespace
}  // namespace fluence::dataflow
