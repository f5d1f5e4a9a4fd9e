// The dense engine equals the reference, for every kernel that this CPU has.
#include "sim/arith/engine.h"

#include <gtest/gtest.h>

#include "tests/arith/random_faults.h"
#include "tests/support/random_graph.h"

namespace fluence {
namespace {

using arith::Engine;
using arith::GoldenRun;
using arith::KernelKind;
using arith::reference_run;
using workloads::Codes;
using workloads::Graph;
using workloads::Layer;
using workloads::NumberFormat;
using workloads::OpKind;

constexpr std::uint64_t kSeed = 11;

class DenseRun : public testing::TestWithParam<KernelKind> {};
INSTANTIATE_TEST_SUITE_P(Arith, DenseRun, testing::ValuesIn(arith::supported_kernels()),
                         [](const auto& row) { return std::string(arith::name_of(row.param)); });

TEST_P(DenseRun, DenseRunEqualsReferenceOnRandomGraphs) {
    for (std::uint64_t sample = 0; sample < 150; ++sample) {
        SCOPED_TRACE("seed " + std::to_string(kSeed) + " sample " + std::to_string(sample));
        RandomStream stream(kSeed, RandomPurpose::testing, sample);
        const Graph graph = test::random_graph(stream);
        const Codes image = test::random_image(graph, stream);
        const auto bounds =
            sample % 3 == 0 ? test::random_bounds(graph, stream) : std::vector<arith::OutputBounds>{};
        const Engine engine(graph, bounds, GetParam());
        ASSERT_EQ(engine.run(image).tensors, reference_run(graph, bounds, image, {}));
    }
}

TEST_P(DenseRun, DenseRunEqualsReferenceOnNetworks) {
    RandomStream stream(kSeed, RandomPurpose::testing, 1000);
    for (const Graph& graph : {test::lenet_like_graph(stream), test::resnet_like_graph(stream)}) {
        const Codes image = test::random_image(graph, stream);
        EXPECT_EQ(Engine(graph, {}, GetParam()).run(image).tensors, reference_run(graph, {}, image, {}));
    }
}

// input → conv → flatten → logits, with the parameters of the one convolution open.
Graph single_conv(int channels, NumberFormat input, std::int8_t weight, std::int32_t bias) {
    Graph graph;
    graph.name = "single";
    graph.tensors = {{"input", {channels, 3, 3}, input, 1}, {"output", {2, 1, 1}, NumberFormat::s32, 1}};
    graph.input = tensor_id(0);
    graph.logits = tensor_id(1);
    Layer conv;
    conv.name = "conv";
    conv.kind = OpKind::conv;
    conv.inputs = {graph.input};
    conv.output = graph.logits;
    conv.window = {3, 3, 1, 1, 0, 0, 1, 1};
    conv.weights.assign(static_cast<std::size_t>(2 * channels * 9), weight);
    conv.bias = {bias, -bias};
    conv.multiplier = {1, 1};
    conv.shift = {0, 0};
    conv.clamp_lo = min_code(NumberFormat::s32);
    conv.clamp_hi = max_code(NumberFormat::s32);
    graph.layers = {conv};
    validate(graph, "single");
    return graph;
}

// 8-bit multiply-add instructions saturate their sums of two products at ±2¹⁵; the sums here are the largest
// there are.
TEST_P(DenseRun, LargestProductsOfOneSignDoNotSaturate) {
    for (const int channels : {1, 2, 3, 64, 65}) {
        struct Case {
            NumberFormat format;
            std::int32_t code;
            std::int8_t weight;
        };
        for (const Case& c : {Case{NumberFormat::u8, 255, 127}, Case{NumberFormat::u8, 255, -128},
                              Case{NumberFormat::s8, -128, -128}, Case{NumberFormat::s8, 127, -128}}) {
            const Graph graph = single_conv(channels, c.format, c.weight, 1000);
            const Codes image(static_cast<std::size_t>(channels * 9), c.code);
            const std::int32_t sum = channels * 9 * c.code * c.weight;
            const GoldenRun run = Engine(graph, {}, GetParam()).run(image);
            EXPECT_EQ(run.accumulators[0], (Codes{sum + 1000, sum - 1000}));
            EXPECT_EQ(run.tensors[1], (Codes{sum + 1000, sum - 1000}));
        }
    }
}

TEST_P(DenseRun, AccumulatorsWrapAround) {
    // 255·127·9·64 = 18,653,760 on top of 2³¹−1 wraps; the other channel's −(2³¹−1) does not.
    const Graph graph = single_conv(64, NumberFormat::u8, 127, 2147483647);
    const Codes image(64 * 9, 255);
    const Codes expected = {-2147483647 - 1 + 18653759, -2147483647 + 18653760};
    EXPECT_EQ(Engine(graph, {}, GetParam()).run(image).tensors[1], expected);
    EXPECT_EQ(reference_run(graph, {}, image, {})[1], expected);
}

// Worked by hand. Input 1×3×3: 1 2 3 / 4 5 6 / 7 8 9; kernel 1 0 / 0 −1, bias 10: each difference is −4, each
// sum 6. Requantise with 3 and shift 2: (18 + 2) >> 2 = 5. Second channel: kernel 0 0 / 1 2, bias −20: sums
// 4+2·5−20 = −6, 5+2·6−20 = −3, 7+2·8−20 = 3, 8+2·9−20 = 6; with 1 and shift 2: (−6+2)>>2 = −1,
// (−3+2)>>2 = −1, (3+2)>>2 = 1, (6+2)>>2 = 2.
TEST_P(DenseRun, ConvolutionWorkedByHand) {
    Graph graph = single_conv(1, NumberFormat::u8, 0, 0);
    graph.tensors = {{"input", {1, 3, 3}, NumberFormat::u8, 1},
                     {"conv", {2, 2, 2}, NumberFormat::s8, 1},
                     {"flat", {8, 1, 1}, NumberFormat::s8, 1},
                     {"logits", {2, 1, 1}, NumberFormat::s32, 1}};
    Layer& conv = graph.layers[0];
    conv.output = tensor_id(1);
    conv.window.kernel_h = conv.window.kernel_w = 2;
    conv.weights = {1, 0, 0, -1, 0, 0, 1, 2};
    conv.bias = {10, -20};
    conv.multiplier = {3, 1};
    conv.shift = {2, 2};
    conv.clamp_lo = -128;
    conv.clamp_hi = 127;
    Layer flatten;
    flatten.name = "flatten";
    flatten.kind = OpKind::flatten;
    flatten.inputs = {tensor_id(1)};
    flatten.output = tensor_id(2);
    Layer linear;
    linear.name = "linear";
    linear.kind = OpKind::linear;
    linear.inputs = {tensor_id(2)};
    linear.output = tensor_id(3);
    linear.weights = {1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8};
    linear.bias = {0, 100};
    linear.multiplier = {1, 1};
    linear.shift = {0, 1};
    linear.clamp_lo = min_code(NumberFormat::s32);
    linear.clamp_hi = max_code(NumberFormat::s32);
    graph.layers.push_back(flatten);
    graph.layers.push_back(linear);
    graph.logits = tensor_id(3);
    validate(graph, "hand");

    const Codes image = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    const GoldenRun run = Engine(graph, {}, GetParam()).run(image);
    EXPECT_EQ(run.accumulators[0], (Codes{6, -6, 6, -3, 6, 3, 6, 6}));  // by pixel
    EXPECT_EQ(run.tensors[1], (Codes{5, 5, 5, 5, -1, -1, 1, 2}));
    EXPECT_EQ(run.tensors[2], run.tensors[1]);
    // 5·4−1−1+1+2 = 21; 5·(1+2+3+4) −5 −6 +7 +16 +100 = 162, halved 81.
    EXPECT_EQ(run.tensors[3], (Codes{21, 81}));
    EXPECT_EQ(reference_run(graph, {}, image, {}), run.tensors);
}

TEST(EngineTest, RefusesWhatBreaksItsContract) {
    const Graph graph = single_conv(1, NumberFormat::u8, 1, 0);
    Engine engine(graph);
    EXPECT_THROW(engine.run(Codes(8, 0)), std::invalid_argument);
    EXPECT_THROW(engine.run(Codes(9, 256)), std::invalid_argument);
    const GoldenRun golden = engine.run(Codes(9, 3));
    arith::LayerFault fault;
    fault.outputs = {{2, 1}};
    EXPECT_THROW(engine.propagate(golden, {fault}), std::invalid_argument);
    fault.outputs.clear();
    fault.operands = {{0, 0, 0, 0, 1}};
    EXPECT_THROW(engine.propagate(golden, {fault}), std::invalid_argument);
    fault.operands.clear();
    EXPECT_THROW(engine.propagate(golden, {fault, fault}), std::invalid_argument);
    EXPECT_THROW(Engine(graph, std::vector<arith::OutputBounds>(2)), std::invalid_argument);
    EXPECT_THROW(Engine(graph, {{{5}, {4}, false}}), std::invalid_argument);
}

}  // namespace
}  // namespace fluence
