// The tile plan: that it covers a layer exactly, on random networks; and which tiles, chunks and ranges it
// chooses, on a layer small enough to work out by hand.
#include "sim/dataflow/tile_plan.h"

#include <gtest/gtest.h>

#include <map>
#include <tuple>

#include "sim/core/error.h"
#include "sim/dataflow/registry.h"
#include "tests/support/graph_builder.h"
#include "tests/support/random_graph.h"

namespace fluence::dataflow {
namespace {

using workloads::Graph;
using workloads::NumberFormat;

constexpr std::uint64_t kSeed = 99;

AcceleratorConfig machine(int rows, int cols, std::int64_t weights, std::int64_t activations,
                          std::int64_t outputs) {
    AcceleratorConfig config;
    config.name = "machine";
    config.array = {rows, cols, "weight-stationary", OperandRegister::output, true};
    config.weight_buffer = {Bytes(weights), 64};
    config.activation_buffer = {Bytes(activations), 64};
    config.output_buffer = {Bytes(outputs), 32};
    config.dram = {64, 8, Cycles(1)};
    config.vector_unit = {4, Cycles(1)};
    return config;
}

TilePlan plan_of(const Graph& graph, const AcceleratorConfig& config) {
    const MemoryMap map(graph, config);
    return dataflow_of(config).plan(graph, config, map, {});
}

// Counts how often every pixel of every block of weights is used: each exactly once means every MAC
// (m, k, n) happens once.
void expect_every_mac_once(const Graph& graph, const AcceleratorConfig& config, const TilePlan& plan) {
    const MemoryMap map(graph, config);
    std::map<std::tuple<LayerId, int, int, int>, std::vector<int>> uses;
    for (const traces::Fold& fold : plan.folds) {
        const workloads::GemmShape gemm = workloads::gemm_shape(graph, graph.layer(fold.layer));
        std::vector<int>& pixels = uses[{fold.layer, fold.group, fold.n_fold, fold.k_fold}];
        pixels.resize(static_cast<std::size_t>(gemm.m));
        for (std::int64_t m = fold.first_pixel; m < fold.first_pixel + fold.pixels; ++m) {
            ++pixels.at(static_cast<std::size_t>(m));
        }
    }
    std::size_t blocks = 0;
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        if (graph.layers[i].has_macs()) {
            const workloads::GemmShape gemm = workloads::gemm_shape(graph, graph.layers[i]);
            blocks +=
                static_cast<std::size_t>(gemm.groups * map.n_folds(layer_id(i)) * map.k_folds(layer_id(i)));
        }
    }
    EXPECT_EQ(uses.size(), blocks);
    for (const auto& [block, pixels] : uses) {
        EXPECT_EQ(pixels, std::vector<int>(pixels.size(), 1));
    }
}

void expect_every_output_once(const Graph& graph, const AcceleratorConfig& config, const TilePlan& plan) {
    std::vector<std::vector<int>> produced;
    for (const workloads::Layer& layer : graph.layers) {
        produced.emplace_back(static_cast<std::size_t>(graph.tensor(layer.output).shape.elements()));
    }
    for (const traces::VectorPass& pass : plan.passes) {
        const workloads::Layer& layer = graph.layer(pass.layer);
        std::vector<int>& counts = produced[index_of(pass.layer)];
        for (std::int64_t i = 0; i < pass.elements; ++i) {
            std::int64_t element = pass.first_element + i;
            if (layer.has_macs()) {
                const workloads::GemmShape gemm = workloads::gemm_shape(graph, layer);
                const std::int64_t channel =
                    pass.group * gemm.n + std::int64_t{pass.n_fold} * config.array.cols + i / pass.pixels;
                element = channel * gemm.m + pass.first_pixel + i % pass.pixels;
            }
            ++counts.at(static_cast<std::size_t>(element));
        }
    }
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        const int once = graph.layers[i].kind == workloads::OpKind::flatten ? 0 : 1;
        EXPECT_EQ(produced[i], std::vector<int>(produced[i].size(), once)) << graph.layers[i].name;
    }
}

void expect_halves_hold(const AcceleratorConfig& config, const TilePlan& plan) {
    for (const auto& [fills, buffer] : {std::pair{&plan.weight_fills, &config.weight_buffer},
                                        std::pair{&plan.activation_fills, &config.activation_buffer}}) {
        std::int32_t half = 0;
        for (const BufferFill& fill : *fills) {
            EXPECT_EQ(fill.half, half) << "halves are taken in turn";
            half = 1 - half;
            std::int64_t words = 0;
            for (const std::int32_t load : fill.loads) {
                words += plan.loads[static_cast<std::size_t>(load)].words();
            }
            EXPECT_EQ(words, fill.words);
            EXPECT_LE(words * buffer->word_bytes(), buffer->half().count());
            EXPECT_GE(fill.last_user, 0);
        }
    }
}

TEST(TilePlan, covers_random_networks_exactly) {
    int planned = 0;
    for (const AcceleratorConfig& config : {machine(4, 4, 4096, 4096, 4096), machine(3, 5, 64, 1024, 512),
                                            machine(16, 8, 2048, 512, 65536), machine(2, 1, 32, 768, 256)}) {
        for (std::uint64_t sample = 0; sample < 30; ++sample) {
            SCOPED_TRACE("seed " + std::to_string(kSeed) + ", sample " + std::to_string(sample) + ", " +
                         std::to_string(config.array.rows) + " rows");
            RandomStream stream(kSeed, RandomPurpose::testing, sample);
            const Graph graph = test::random_graph(stream, test::with_batches());
            try {
                const TilePlan plan = plan_of(graph, config);
                expect_every_mac_once(graph, config, plan);
                expect_every_output_once(graph, config, plan);
                expect_halves_hold(config, plan);
                ++planned;
            } catch (const InputError&) {
                // The smallest machines do not hold every network.
            }
            ASSERT_FALSE(HasFailure());
        }
    }
    EXPECT_GE(planned, 80);
}

// 3×3 convolution, padding 1, of 2×6×10 bytes (planes of 60 bytes: 8 words each) to 5 channels.
Graph conv_graph(RandomStream& stream) {
    test::GraphBuilder builder("conv", stream, {2, 6, 10}, NumberFormat::u8);
    test::GraphBuilder::ConvOptions options;
    options.window = {3, 3, 1, 1, 1, 1, 1, 1};
    builder.logits(builder.flatten(builder.conv(builder.input(), 5, options)), 2);
    return builder.finish();
}

// Halves of 10 words. Output rows 0–2 need input rows 0–3: 40 bytes, 5 words a plane, 10 in all; rows 0–3
// would need 7 a plane. Row 3 needs rows 2–4: bytes 20 to 50, 5 words a plane; rows 3–4 would need 6. Rows
// 4–5 need rows 3–5: bytes 30 to 60, 5 words a plane.
TEST(TilePlan, tiles_are_as_many_rows_as_fit) {
    RandomStream stream(kSeed, RandomPurpose::testing, 1000);
    const Graph graph = conv_graph(stream);
    const AcceleratorConfig config = machine(18, 5, 4096, 160, 1 << 16);
    Graph alone = graph;
    alone.layers.resize(1);
    const TilePlan plan = plan_of(alone, config);
    ASSERT_EQ(plan.folds.size(), 3u);
    EXPECT_EQ(plan.folds[0].pixels, 30);
    EXPECT_EQ(plan.folds[1].pixels, 10);
    EXPECT_EQ(plan.folds[1].first_pixel, 30);
    EXPECT_EQ(plan.folds[2].pixels, 20);
    ASSERT_EQ(plan.activation_fills.size(), 3u);
    for (const BufferFill& fill : plan.activation_fills) {
        EXPECT_EQ(fill.words, 10);
    }
    const traces::Load& second = plan.loads[static_cast<std::size_t>(plan.folds[1].activation_load)];
    const std::int64_t input = MemoryMap(alone, config).activations(alone.input).first_word;
    ASSERT_EQ(second.segments.size(), 2u);
    EXPECT_EQ(second.segments[0].dram_word, input + 2);
    EXPECT_EQ(second.segments[0].buffer_word, 10);  // the second half
    EXPECT_EQ(second.segments[1].dram_word, input + 8 + 2);
    EXPECT_EQ(second.segments[1].buffer_word, 15);
}

// Accumulators of one output row: 10 pixels × 4 columns × 4 bytes = 160. A half of 480 bytes holds 3 rows.
TEST(TilePlan, output_buffer_limits_tiles_and_the_input_stays) {
    RandomStream stream(kSeed, RandomPurpose::testing, 1000);
    Graph graph = conv_graph(stream);
    graph.layers.resize(1);
    const TilePlan plan = plan_of(graph, machine(18, 4, 4096, 4096, 960));
    ASSERT_EQ(plan.folds.size(), 4u);  // 2 tiles × 2 blocks of output channels
    EXPECT_EQ(plan.folds[0].pixels, 30);
    EXPECT_EQ(plan.folds[2].first_pixel, 30);
    EXPECT_EQ(plan.activation_fills.size(), 1u);  // loaded once for both tiles
    EXPECT_EQ(plan.weight_fills.size(), 1u);
    EXPECT_EQ(plan.folds[0].accumulator, 0);
    EXPECT_EQ(plan.folds[1].accumulator, 120);
    EXPECT_EQ(plan.folds[2].accumulator, 0);
}

// 18 reduction rows on 4 PE rows are folds of 4, 4, 4, 4, 2 words, for 4 output channels and then for the
// fifth alone. Halves of 8 words take two folds of 4 each, then 2 + 4, and so on.
TEST(TilePlan, weight_chunks_fill_a_half) {
    RandomStream stream(kSeed, RandomPurpose::testing, 1000);
    Graph graph = conv_graph(stream);
    graph.layers.resize(1);
    const TilePlan plan = plan_of(graph, machine(4, 4, 128, 4096, 1 << 16));
    ASSERT_EQ(plan.folds.size(), 10u);
    std::vector<std::int64_t> words;
    for (const BufferFill& fill : plan.weight_fills) {
        words.push_back(fill.words);
    }
    EXPECT_EQ(words, (std::vector<std::int64_t>{8, 8, 6, 8, 6}));
    std::vector<std::int64_t> at;
    for (const traces::Fold& fold : plan.folds) {
        at.push_back(fold.weight_word);
    }
    EXPECT_EQ(at, (std::vector<std::int64_t>{0, 4, 8, 12, 0, 2, 8, 12, 0, 4}));
}

// 2×2 maximum over 2×6×10 in halves of 6 words. Output rows 0, 1 of channel 0 need bytes 0 to 40: 5 words;
// row 2 needs words 5–7, too many. Row 2 and row 0 of channel 1 (words 8–10) are 6 words; then words 10–15.
TEST(TilePlan, vector_layers_are_cut_where_operands_stop_fitting) {
    RandomStream stream(kSeed, RandomPurpose::testing, 1001);
    test::GraphBuilder builder("pool", stream, {2, 6, 10}, NumberFormat::u8);
    workloads::Window window;
    window.kernel_h = window.kernel_w = window.stride_h = window.stride_w = 2;
    builder.logits(builder.flatten(builder.max_pool(builder.input(), window)), 2);
    Graph graph = builder.finish();
    graph.layers.resize(1);
    const TilePlan plan = plan_of(graph, machine(4, 4, 128, 96, 1024));
    ASSERT_EQ(plan.passes.size(), 3u);
    const std::vector<std::int64_t> first_word = {0, 5, 10};
    const std::vector<std::int64_t> words = {5, 6, 6};
    const std::int64_t input =
        MemoryMap(graph, machine(4, 4, 128, 96, 1024)).activations(graph.input).first_word;
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(plan.passes[i].first_element, static_cast<std::int64_t>(10 * i));
        EXPECT_EQ(plan.passes[i].elements, 10);
        EXPECT_EQ(plan.activation_fills[i].words, words[i]);
        const traces::Load& load = plan.loads[static_cast<std::size_t>(plan.passes[i].operand_loads.at(0))];
        EXPECT_EQ(load.segments.at(0).dram_word, input + first_word[i]);
    }
    // Each channel's 15 codes are 2 words. Elements 0–9 complete the first, 10–14 the second and 15–19 no
    // more, 20–29 the third and the fourth.
    ASSERT_EQ(plan.stores.size(), 3u);
    EXPECT_EQ(plan.stores[0].words(), 1);
    EXPECT_EQ(plan.stores[1].words(), 1);
    EXPECT_EQ(plan.stores[2].words(), 2);
}

TEST(Registry, unknown_dataflow_lists_the_known_ones) {
    AcceleratorConfig config = machine(4, 4, 128, 128, 128);
    EXPECT_STREQ(dataflow_of(config).name, "weight-stationary");
    config.array.dataflow = "systolic";
    EXPECT_THROW(dataflow_of(config), InputError);
}

}  // namespace
}  // namespace fluence::dataflow
