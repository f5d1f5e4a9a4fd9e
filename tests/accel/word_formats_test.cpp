// Machines of fxp16, fxp32, bf16 and fp32: cycles by hand, schedules beside int8's, and what they are not
// modelled with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "machines.h"
#include "sim/accel/area.h"
#include "sim/accel/energy.h"
#include "sim/accel/machine.h"
#include "sim/core/config_search.h"
#include "sim/core/error.h"
#include "sim/cost/logic.h"
#include "tests/support/graph_builder.h"
#include "tests/support/random_graph.h"
#include "workloads/random_words.h"

namespace fluence::accel {
namespace {

using workloads::Graph;
using workloads::WordFormat;

struct Known {
    WordFormat words;
    OperandFormat machine;
    int bytes;
};
constexpr Known kFormats[] = {{WordFormat::fxp16, OperandFormat::fxp16, 2},
                              {WordFormat::fxp32, OperandFormat::fxp32, 4},
                              {WordFormat::bf16, OperandFormat::bf16, 2},
                              {WordFormat::fp32, OperandFormat::fp32, 4}};

AcceleratorConfig preset(const std::string& name) {
    return read_accelerator(find_config("accelerators", name));
}

// The same operators with words: what stored_structure() leaves beside them, in plain loops.
Graph with_words(Graph graph, bool shifts) {
    for (workloads::Layer& layer : graph.layers) {
        layer.multiplier.clear();
        layer.shift.resize(shifts && layer.has_macs() ? 2 : 0);
    }
    return graph;
}

// One layer of 3 inputs and 2 outputs on a 4×4 array, words of 8 bytes, a DRAM of 7 cycles (timing_test.cpp
// has int8's). Parameters: 2 biases of 2 bytes take a word, 2 shifts another one: two words, done at 2 + 7.
// Input: 6 bytes, a word. Weights: 3 rows of 2 columns, a word each, done at 3 + 3 + 7. Preload a cycle
// later, R + 1 cycles on, and so forth as with int8, where one word more comes first.
TEST(WordFormats, OneFoldByHand) {
    RandomStream stream(1, RandomPurpose::testing, 0);
    test::GraphBuilder builder("linear", stream, {3, 1, 1}, workloads::NumberFormat::s8);
    builder.logits(builder.input(), 2);
    AcceleratorConfig config = test::machine("hand", {});
    config.array.format = OperandFormat::fxp16;
    const traces::Timeline timeline = time_machine(with_words(builder.finish(), true), config, {});
    ASSERT_EQ(timeline.folds.size(), 1u);
    EXPECT_EQ(timeline.folds[0].preload, 14);
    EXPECT_EQ(timeline.folds[0].stream, 19);
    EXPECT_EQ(timeline.folds[0].end, 24);
    ASSERT_EQ(timeline.stores.size(), 1u);
    EXPECT_EQ(timeline.stores[0].words(), 1);  // two logits of 2 bytes
    EXPECT_EQ(timeline.cycles, 36);
}

std::int64_t words_of(const traces::Timeline& timeline, traces::Content content) {
    std::int64_t words = 0;
    for (const traces::Load& load : timeline.loads) {
        words += load.content == content ? load.words() : 0;
    }
    return words;
}

// Where all fits, the array does what it does with int8, and DRAM delivers rows of wider weights.
TEST(WordFormats, SameFoldsWiderWords) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        for (const Known& format : kFormats) {
            RandomStream stream(seed, RandomPurpose::testing, 1);
            const workloads::WordGraph network = workloads::random_word_graph(format.words, stream);
            const Graph graph = workloads::stored_structure(network);
            AcceleratorConfig config = preset("edge-16x16");
            for (BufferConfig* buffer :
                 {&config.weight_buffer, &config.activation_buffer, &config.output_buffer}) {
                buffer->size = Bytes(1 << 20);
            }
            config.output_buffer.word_bits = 128;
            const traces::Timeline narrow = time_machine(graph, config, {});
            config.array.format = format.machine;
            config.array.operand_bits = 8 * format.bytes;
            const traces::Timeline wide = time_machine(graph, config, {});
            ASSERT_EQ(wide.folds.size(), narrow.folds.size()) << seed;
            std::int64_t weights = 0;
            for (std::size_t i = 0; i < wide.folds.size(); ++i) {
                EXPECT_EQ(wide.folds[i].pixels, narrow.folds[i].pixels);
                EXPECT_EQ(wide.folds[i].channels, narrow.folds[i].channels);
                weights += wide.folds[i].terms * ((wide.folds[i].channels * format.bytes + 7) / 8);
            }
            EXPECT_EQ(words_of(wide, traces::Content::weights), weights) << seed;
            std::int64_t busy = 0;
            for (std::size_t i = 0; i < wide.layers.size(); ++i) {
                busy += wide.layers[i].busy_cycles - narrow.layers[i].busy_cycles;
                EXPECT_EQ(wide.layers[i].macs, narrow.layers[i].macs);
            }
            EXPECT_EQ(busy, 0) << seed;
            EXPECT_GE(words_of(wide, traces::Content::activations),
                      words_of(narrow, traces::Content::activations) / (format.bytes == 4 ? 1 : 2));
        }
    }
}

TEST(WordFormats, AMachineComputesAllWorkInSmallBuffers) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        for (const Known& format : kFormats) {
            RandomStream stream(seed, RandomPurpose::testing, 2);
            const workloads::WordGraph network = workloads::random_word_graph(format.words, stream);
            const Graph graph = workloads::stored_structure(network);
            const AcceleratorConfig config = preset("edge-16x16-" + std::string(name_of(format.machine)));
            std::int64_t macs = 0;
            for (const workloads::Layer& layer : graph.layers) {
                if (layer.has_macs()) {
                    const workloads::GemmShape gemm = workloads::gemm_shape(graph, layer);
                    macs += gemm.groups * gemm.m * gemm.k * gemm.n;
                }
            }
            const traces::Timeline timeline = time_machine(graph, config, protect::load_policy("secded"));
            std::int64_t done = 0;
            for (const traces::LayerStats& layer : timeline.layers) {
                done += layer.macs;
            }
            EXPECT_EQ(done, macs) << seed;
        }
    }
}

// Of the PEs that were synthesised as a whole (sim/cost/logic.h).
TEST(WordFormats, AreaOfTheArray) {
    const auto pes = [](const AcceleratorConfig& config) {
        const cost::AreaNode array = array_area(config.array);
        double area = 0;
        for (const cost::AreaNode& part : array.parts) {
            area += part.name == "feeders" || part.name == "accumulation" ? 0 : part.area.count();
        }
        return area / 256;
    };
    EXPECT_NEAR(pes(preset("edge-16x16-fxp16")), cost::pe_weight_stationary_shadow(16, 48).count(), 1e-6);
    EXPECT_NEAR(pes(preset("edge-16x16-fxp32")), cost::pe_weight_stationary_shadow(32, 80).count(), 1e-6);
    EXPECT_NEAR(pes(preset("edge-16x16-bf16")),
                (cost::bf16_pe_weight_stationary() + cost::shadow_register(16)).count(), 1e-6);
    // Without the product's register, with the second weight's.
    EXPECT_NEAR(
        pes(preset("edge-16x16-fp32")),
        (cost::fp32_pe_weight_stationary() + cost::shadow_register(32)).count() - cost::flipflops(32).count(),
        1e-6);
}

TEST(WordFormats, EnergyOfAMacByHand) {
    // bf16: 1.1 + (64 − 121)·2.6/455 = 0.7743 for the product.
    for (const auto& [format, picojoules] :
         {std::pair(WordFormat::fp32, 3.7 + 0.9), {WordFormat::bf16, 0.774286 + 0.9}}) {
        RandomStream stream(3, RandomPurpose::testing, 3);
        const Graph graph = workloads::stored_structure(workloads::random_word_graph(format, stream));
        const AcceleratorConfig config = preset(std::string("edge-16x16-") + workloads::name_of(format));
        const traces::Timeline timeline = time_machine(graph, config, {});
        const std::vector<EnergyPart> parts = energy_of(config, {}, timeline, cost::EnergyTable());
        ASSERT_EQ(parts.front().name, "MACs");
        EXPECT_NEAR(parts.front().each.count(), picojoules, 1e-6);
    }
}

template <class Function>
std::string message(Function function) {
    try {
        function();
    } catch (const InputError& error) {
        return error.what();
    }
    return "no error";
}

TEST(WordFormats, WhatIsNotModelledIsRefused) {
    RandomStream stream(4, RandomPurpose::testing, 4);
    const Graph graph = workloads::stored_structure(workloads::random_word_graph(WordFormat::fxp16, stream));
    const AcceleratorConfig config = preset("edge-16x16-fxp16");
    for (const char* name : {"ranger", "checksum-zero", "gradient", "median", "ppe", "selective-ecc", "flr",
                             "ilr", "temporal-dmr", "parity-rerun"}) {
        const protect::Policy policy = protect::load_policy(name);
        EXPECT_THAT(message([&] { time_machine(graph, config, policy); }),
                    testing::HasSubstr("format: is fxp16: of policy \"" + policy.name + "\""))
            << name;
        EXPECT_THAT(message([&] { area_of(config, policy); }), testing::HasSubstr("modelled for int8"))
            << name;
    }
    for (const char* name : {"parity", "secded", "tmr", "dmr"}) {
        EXPECT_EQ(message([&] { time_machine(graph, config, protect::load_policy(name)); }), "no error")
            << name;
    }
    const workloads::Codes image(static_cast<std::size_t>(graph.tensor(graph.input).shape.elements()));
    EXPECT_THAT(message([&] { run_machine(graph, config, {}, image); }),
                testing::HasSubstr("an inference with values needs a machine of int8"));
}

}  // namespace
}  // namespace fluence::accel
