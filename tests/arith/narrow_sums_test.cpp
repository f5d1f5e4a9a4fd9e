// Sums of 16 to 24 bits that wrap or saturate: the engine equals plain loops, and both equal sums worked by
// hand.
#include <gtest/gtest.h>

#include "sim/arith/engine.h"
#include "tests/arith/exactness.h"
#include "tests/arith/random_faults.h"
#include "tests/support/random_graph.h"

namespace fluence {
namespace {

using arith::can_overflow;
using arith::Engine;
using arith::GoldenRun;
using arith::KernelKind;
using arith::reference_run;
using arith::SumRegister;
using arith::SumRule;
using workloads::Codes;
using workloads::Graph;
using workloads::Layer;
using workloads::NumberFormat;
using workloads::OpKind;

constexpr std::uint64_t kSeed = 31;

// Folds of a width of their own in each layer, the last one shorter.
SumRule random_rule(const Graph& graph, RandomStream& stream) {
    SumRule rule;
    rule.bits = 16 + static_cast<int>(stream.below(5));
    rule.overflow = stream.below(2) == 0 ? Overflow::wrap : Overflow::saturate;
    for (const Layer& layer : graph.layers) {
        rule.fold_ends.emplace_back();
        const std::int64_t terms = layer.has_macs() ? gemm_shape(graph, layer).k : 0;
        const auto width = static_cast<std::int64_t>(5 + stream.below(90));
        for (std::int64_t end = 0; end < terms;) {
            end = std::min(end + width, terms);
            rule.fold_ends.back().push_back(end);
        }
    }
    return rule;
}

// All weights ±96 … ±127, half of the layers of one sign mostly: sums of a few terms leave 16 bits.
void make_heavy(Graph& graph, RandomStream& stream) {
    for (Layer& layer : graph.layers) {
        const auto bias = static_cast<int>(stream.below(3));
        for (std::int8_t& weight : layer.weights) {
            const int size = 96 + static_cast<int>(stream.below(32));
            weight = static_cast<std::int8_t>(stream.below(4) < static_cast<std::uint64_t>(bias + 1) ? size
                                                                                                     : -size);
        }
    }
}

class NarrowSums : public testing::TestWithParam<KernelKind> {};
INSTANTIATE_TEST_SUITE_P(Arith, NarrowSums, testing::ValuesIn(arith::supported_kernels()),
                         [](const auto& row) { return std::string(arith::name_of(row.param)); });

TEST_P(NarrowSums, EngineEqualsReferenceOnRandomGraphs) {
    int overflowing = 0;
    for (std::uint64_t sample = 0; sample < 250; ++sample) {
        SCOPED_TRACE("seed " + std::to_string(kSeed) + " sample " + std::to_string(sample));
        RandomStream stream(kSeed, RandomPurpose::testing, sample);
        Graph graph = test::random_graph(stream);
        make_heavy(graph, stream);
        const Codes image = test::random_image(graph, stream);
        const auto bounds =
            sample % 3 == 0 ? test::random_bounds(graph, stream) : std::vector<arith::OutputBounds>{};
        const SumRule sums = random_rule(graph, stream);
        Engine engine(graph, bounds, GetParam(), sums);
        const GoldenRun golden = engine.run(image);
        ASSERT_EQ(golden.tensors, reference_run(graph, bounds, image, {}, sums));
        overflowing += golden.accumulators != Engine(graph, bounds).run(image).accumulators ? 1 : 0;
        for (int fault = 0; fault < 10; ++fault) {
            test::expect_exact(engine, bounds, golden, image, test::random_faults(graph, golden, stream),
                               sums);
            ASSERT_FALSE(testing::Test::HasFailure());
        }
    }
    EXPECT_GT(overflowing, 60);
}

// One fold of four products 127·127 = 16129 and −1 times them; 16 bits end at 32767.
Graph four_terms() {
    Graph graph;
    graph.name = "hand";
    graph.tensors = {{"input", {4, 1, 1}, NumberFormat::s8, 1}, {"output", {2, 1, 1}, NumberFormat::s32, 1}};
    graph.input = tensor_id(0);
    graph.logits = tensor_id(1);
    Layer linear;
    linear.name = "linear";
    linear.kind = OpKind::linear;
    linear.inputs = {graph.input};
    linear.output = graph.logits;
    linear.weights = {127, 127, 127, -127, -127, -127, -127, 127};
    linear.bias = {5, -5};
    linear.multiplier = {1, 1};
    linear.shift = {0, 0};
    linear.clamp_lo = min_code(NumberFormat::s32);
    linear.clamp_hi = max_code(NumberFormat::s32);
    graph.layers = {linear};
    validate(graph, "hand");
    return graph;
}

void expect_sums(const SumRule& sums, const Codes& expected) {
    const Graph graph = four_terms();
    const Codes image = {127, 127, 127, 127};
    EXPECT_EQ(reference_run(graph, {}, image, {}, sums)[1], expected);
    EXPECT_EQ(Engine(graph, {}, sums).run(image).tensors[1], expected);
}

TEST(NarrowSumsByHand, OneFold) {
    // Exact: ±2·16129.
    expect_sums({}, {5 + 32258, -5 - 32258});
    // 3·16129 = 48387 wraps to −17149; −17149 − 16129 = −33278 wraps to 32258: wrapping forgets.
    expect_sums({16, Overflow::wrap, {{4}}}, {5 + 32258, -5 - 32258});
    // Saturates at 32767, then −16129; the other at −32768, then +16129.
    expect_sums({16, Overflow::saturate, {{4}}}, {5 + 16638, -5 - 16639});
    expect_sums({17, Overflow::saturate, {{4}}}, {5 + 32258, -5 - 32258});
}

TEST(NarrowSumsByHand, TwoFolds) {
    // 48387 → −17149 stays what it is where its fold ends; the second fold's −16129 is added in 32 bits.
    expect_sums({16, Overflow::wrap, {{3, 4}}}, {5 - 17149 - 16129, -5 + 17149 + 16129});
    // 2·16129 = 32258 fits, and so does 0.
    expect_sums({16, Overflow::saturate, {{2, 4}}}, {5 + 32258, -5 - 32258});
    expect_sums({16, Overflow::saturate, {{3, 4}}}, {5 + 32767 - 16129, -5 - 32768 + 16129});
}

TEST(NarrowSumsByHand, Registers) {
    const SumRegister wrapping(16, Overflow::wrap);
    EXPECT_EQ(wrapping.add(32767, 1), -32768);
    EXPECT_EQ(wrapping.add(-32768, -1), 32767);
    EXPECT_EQ(wrapping.fit(65536 + 7), 7);
    const SumRegister saturating(16, Overflow::saturate);
    EXPECT_EQ(saturating.add(32767, 1), 32767);
    EXPECT_EQ(saturating.add(-32768, -1), -32768);
    EXPECT_EQ(saturating.add(-5, 3), -2);
    const SumRegister widest(32, Overflow::saturate);
    EXPECT_EQ(widest.add(2147483647, 1), 2147483647);
    EXPECT_EQ(SumRegister(32, Overflow::wrap).add(2147483647, 1), -2147483647 - 1);
}

// Four terms of s8: 127·127·… at most 127·128·4 = 65024 < 2^16: 17 bits suffice for whatever codes.
TEST(NarrowSumsByHand, OverflowIsKnownFromTheWeights) {
    const Graph graph = four_terms();
    EXPECT_TRUE(can_overflow(graph, layer_id(0), {16, Overflow::wrap, {{4}}}));
    EXPECT_TRUE(can_overflow(graph, layer_id(0), {16, Overflow::wrap, {{3, 4}}}));
    EXPECT_FALSE(can_overflow(graph, layer_id(0), {16, Overflow::wrap, {{2, 4}}}));
    EXPECT_FALSE(can_overflow(graph, layer_id(0), {17, Overflow::wrap, {{4}}}));
    EXPECT_FALSE(can_overflow(graph, layer_id(0), {}));
}

TEST(NarrowSumsByHand, RefusesFoldsThatDoNotFitTheGraph) {
    const Graph graph = four_terms();
    for (const SumRule& sums : {SumRule{16, Overflow::wrap, {}}, SumRule{16, Overflow::wrap, {{}}},
                                SumRule{16, Overflow::wrap, {{3}}}, SumRule{16, Overflow::wrap, {{3, 3, 4}}},
                                SumRule{33, Overflow::wrap, {{4}}}}) {
        EXPECT_THROW(Engine(graph, {}, sums), std::invalid_argument);
        EXPECT_THROW(reference_run(graph, {}, {0, 0, 0, 0}, {}, sums), std::invalid_argument);
    }
}

}  // namespace
}  // namespace fluence
