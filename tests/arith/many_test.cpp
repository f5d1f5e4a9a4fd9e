// propagate_many() gives what propagate() gives, one inference at a time, in order; and carried deltas of
// every size equal a full re-execution.
#include <gtest/gtest.h>

#include "sim/arith/engine.h"
#include "tests/arith/exactness.h"
#include "tests/arith/random_faults.h"
#include "tests/support/graph_builder.h"
#include "tests/support/random_graph.h"

namespace fluence {
namespace {

using arith::Engine;
using arith::FaultyRun;
using arith::GoldenRun;
using arith::KernelKind;
using arith::LayerFault;
using workloads::Graph;

constexpr std::uint64_t kSeed = 77;

class Many : public testing::TestWithParam<KernelKind> {};
INSTANTIATE_TEST_SUITE_P(Arith, Many, testing::ValuesIn(arith::supported_kernels()),
                         [](const auto& row) { return std::string(arith::name_of(row.param)); });

void expect_same(const FaultyRun& a, const FaultyRun& b) {
    ASSERT_EQ(a.logits.size(), b.logits.size());
    for (std::size_t i = 0; i < a.logits.size(); ++i) {
        EXPECT_EQ(a.logits[i].index, b.logits[i].index);
        EXPECT_EQ(a.logits[i].code, b.logits[i].code);
    }
    EXPECT_EQ(a.first_changed_layer, b.first_changed_layer);
    EXPECT_EQ(a.last_changed_layer, b.last_changed_layer);
    EXPECT_EQ(a.changed_values, b.changed_values);
    EXPECT_EQ(a.restricted_values, b.restricted_values);
    EXPECT_EQ(a.filtered_values, b.filtered_values);
}

TEST_P(Many, InferencesDoNotDisturbEachOther) {
    for (std::uint64_t sample = 0; sample < 40; ++sample) {
        SCOPED_TRACE("seed " + std::to_string(kSeed) + " sample " + std::to_string(sample));
        RandomStream stream(kSeed, RandomPurpose::testing, sample);
        const Graph graph = test::random_graph(stream);
        const auto image = test::random_image(graph, stream);
        const auto bounds = test::random_bounds(graph, stream);
        Engine engine(graph, bounds, GetParam(), {}, test::random_filters(graph, stream));
        const GoldenRun golden = engine.run(image);
        std::vector<std::vector<LayerFault>> inferences(1);  // the first without a fault
        for (int i = 0; i < 150; ++i) {
            inferences.push_back(test::random_faults(graph, golden, stream));
        }
        const std::vector<FaultyRun> runs = engine.propagate_many(golden, inferences);
        ASSERT_EQ(runs.size(), inferences.size());
        for (std::size_t i = 0; i < runs.size(); ++i) {
            expect_same(runs[i], engine.propagate(golden, inferences[i]));
            ASSERT_FALSE(testing::Test::HasFailure()) << "inference " << i;
        }
    }
}

// Output flips of low and high bits in the first layer of a convolution with few or many channels: sums of
// 16 and of 32 bits, blocks of 16 and of 32 channels, one and several passes over them.
TEST_P(Many, DeltasOfEverySize) {
    RandomStream stream(kSeed, RandomPurpose::testing, 1000);
    for (const int channels : {3, 16, 33, 130}) {
        test::GraphBuilder builder("two", stream, {5, 6, 6}, workloads::NumberFormat::s8);
        TensorId at = builder.conv(builder.input(), channels, {{3, 3, 1, 1, 1, 1, 1, 1}, 1, true});
        at = builder.conv(at, channels, {{3, 3, 1, 1, 1, 1, 1, 1}, 1, true});
        builder.logits(builder.flatten(at), 4);
        const Graph graph = builder.finish();
        const auto image = test::random_image(graph, stream);
        Engine engine(graph, {}, GetParam());
        const GoldenRun golden = engine.run(image);
        const auto outputs = static_cast<std::uint64_t>(channels) * 36;
        for (const int flips : {1, 4, 30, 300}) {
            LayerFault fault;
            fault.layer = layer_id(0);
            for (int i = 0; i < flips; ++i) {
                fault.outputs.push_back({static_cast<std::int64_t>(stream.below(outputs)),
                                         1u << stream.below(i % 2 == 0 ? 2 : 8)});
            }
            SCOPED_TRACE(std::to_string(channels) + " channels, " + std::to_string(flips) + " flips");
            test::expect_exact(engine, {}, golden, image, {fault});
            ASSERT_FALSE(testing::Test::HasFailure());
        }
    }
}

}  // namespace
}  // namespace fluence
