// What golden runs keep for the delta engine, against its definition in plain loops; and inferences whose
// elements are more than the engine collects at a time.
#include <gtest/gtest.h>

#include "sim/arith/engine.h"
#include "sim/arith/kernels.h"
#include "tests/arith/exactness.h"
#include "tests/support/graph_builder.h"
#include "tests/support/random_graph.h"

namespace fluence {
namespace {

using arith::Engine;
using arith::GoldenRun;
using arith::KernelKind;
using workloads::Graph;
using workloads::Layer;
using workloads::OpKind;

constexpr std::uint64_t kSeed = 91;

class Golden : public testing::TestWithParam<KernelKind> {};
INSTANTIATE_TEST_SUITE_P(Arith, Golden, testing::ValuesIn(arith::supported_kernels()),
                         [](const auto& row) { return std::string(arith::name_of(row.param)); });

std::int32_t code_of(const Layer& layer, std::size_t channel, std::int64_t sum) {
    return static_cast<std::int32_t>(
        std::clamp<std::int64_t>(workloads::rescale(sum, layer.multiplier[channel], layer.shift[channel]),
                                 layer.clamp_lo, layer.clamp_hi));
}

// Moves inside the slack leave the code; one that is larger by two changes it, unless slack is all that 16
// bits can say.
void expect_slack(const Graph& graph, std::size_t index, const GoldenRun& golden) {
    const Layer& layer = graph.layers[index];
    const workloads::Shape& shape = graph.tensor(layer.output).shape;
    const int outputs = shape.channels / layer.groups;
    const int width = outputs > 16 ? 32 : 16;
    const std::int64_t row = (outputs + width - 1) / width * width;
    ASSERT_EQ(golden.slack[index].up.size(), static_cast<std::size_t>(layer.groups * shape.plane() * row));
    std::size_t at = 0;
    for (int group = 0; group < layer.groups; ++group) {
        for (std::int64_t pixel = 0; pixel < shape.plane(); ++pixel) {
            for (int n = 0; n < outputs; ++n, ++at) {
                const auto channel = static_cast<std::size_t>(group * outputs + n);
                const auto slot = static_cast<std::size_t>((group * shape.plane() + pixel) * row +
                                                           arith::slot_of(n, width));
                const std::int64_t sum = golden.accumulators[index][at];
                const std::int64_t up = golden.slack[index].up[slot];
                const std::int64_t down = golden.slack[index].down[slot];
                const std::int32_t code = code_of(layer, channel, sum);
                ASSERT_TRUE(up < 0 || code_of(layer, channel, sum + up) == code) << layer.name;
                ASSERT_TRUE(down > 0 || code_of(layer, channel, sum + down) == code) << layer.name;
                ASSERT_TRUE(up < 0 || up >= 32766 || code_of(layer, channel, sum + up + 2) != code)
                    << layer.name;
                ASSERT_TRUE(down > 0 || down <= -32766 || code_of(layer, channel, sum + down - 2) != code)
                    << layer.name;
            }
        }
    }
}

TEST_P(Golden, SlackIsWhatLeavesTheCode) {
    for (std::uint64_t sample = 0; sample < 30; ++sample) {
        SCOPED_TRACE("seed " + std::to_string(kSeed) + " sample " + std::to_string(sample));
        RandomStream stream(kSeed, RandomPurpose::testing, sample);
        const Graph graph = test::random_graph(stream);
        const Engine engine(graph, {}, GetParam());
        const GoldenRun golden = engine.run(test::random_image(graph, stream));
        for (std::size_t i = 0; i < graph.layers.size(); ++i) {
            if (graph.layers[i].has_macs()) {
                expect_slack(graph, i, golden);
                ASSERT_FALSE(testing::Test::HasFatalFailure());
            }
        }
    }
}

// Sums close to the ends of 32 bits can wrap: they have no slack.
TEST_P(Golden, SumsThatCouldWrapHaveNoSlack) {
    RandomStream stream(kSeed, RandomPurpose::testing, 100);
    test::GraphBuilder builder("far", stream, {3, 4, 4}, workloads::NumberFormat::s8);
    const TensorId at = builder.conv(builder.input(), 20, {{3, 3, 1, 1, 1, 1, 1, 1}, 1, true});
    builder.logits(builder.flatten(at), 3);
    Graph graph = builder.finish();
    graph.layers[0].bias[2] = 2147000000;
    graph.layers[0].bias[17] = -2147000000;
    const GoldenRun golden = Engine(graph, {}, GetParam()).run(test::random_image(graph, stream));
    for (const int channel : {2, 17}) {
        const auto slot = static_cast<std::size_t>(5 * 32 + arith::slot_of(channel, 32));
        EXPECT_EQ(golden.slack[0].up[slot], -1);
        EXPECT_EQ(golden.slack[0].down[slot], 1);
    }
}

TEST_P(Golden, AddedTensorsPixelByPixelAndWindowSums) {
    int adds = 0;
    int pools = 0;
    for (std::uint64_t sample = 0; sample < 60; ++sample) {
        RandomStream stream(kSeed, RandomPurpose::testing, 200 + sample);
        const Graph graph = test::random_graph(stream);
        const GoldenRun golden = Engine(graph, {}, GetParam()).run(test::random_image(graph, stream));
        for (std::size_t i = 0; i < graph.layers.size(); ++i) {
            const Layer& layer = graph.layers[i];
            const workloads::Shape& in = graph.tensor(layer.inputs[0]).shape;
            const auto& codes = golden.tensors[index_of(layer.inputs[0])];
            if (layer.kind == OpKind::add) {
                ++adds;
                const auto& pixels = golden.pixels[index_of(layer.inputs[0])];
                ASSERT_EQ(pixels.size(), codes.size());
                for (std::int64_t e = 0; e < in.elements(); ++e) {
                    const std::int64_t to = e % in.plane() * in.channels + e / in.plane();
                    ASSERT_EQ(pixels[static_cast<std::size_t>(to)], codes[static_cast<std::size_t>(e)]);
                }
            } else if (layer.kind == OpKind::avg_pool) {
                ++pools;
                const workloads::Shape& out = graph.tensor(layer.output).shape;
                const auto& output = golden.tensors[index_of(layer.output)];
                for (std::int64_t e = 0; e < out.elements(); ++e) {
                    const std::int64_t at = e % out.plane() * out.channels + e / out.plane();
                    const std::int64_t code = std::clamp<std::int64_t>(
                        workloads::rescale(golden.window_sums[i][static_cast<std::size_t>(at)],
                                           layer.multiplier[0], layer.shift[0]),
                        layer.clamp_lo, layer.clamp_hi);
                    ASSERT_EQ(code, output[static_cast<std::size_t>(e)]);
                }
            }
        }
    }
    EXPECT_GT(adds, 0);
    EXPECT_GT(pools, 0);
}

// 60 inferences of 300 flips each bring about a hundred thousand elements to the second convolution.
TEST_P(Golden, MoreElementsThanAreCollectedAtATime) {
    RandomStream stream(kSeed, RandomPurpose::testing, 300);
    test::GraphBuilder builder("many", stream, {5, 8, 8}, workloads::NumberFormat::s8);
    const TensorId first = builder.conv(builder.input(), 16, {{3, 3, 1, 1, 1, 1, 1, 1}, 1, true});
    const TensorId second = builder.conv(first, 16, {{3, 3, 1, 1, 1, 1, 1, 1}, 1, true});
    builder.logits(builder.flatten(builder.add(first, second, true)), 4);
    const Graph graph = builder.finish();
    const auto image = test::random_image(graph, stream);
    Engine engine(graph, {}, GetParam());
    const GoldenRun golden = engine.run(image);
    std::vector<std::vector<arith::LayerFault>> inferences(60);
    for (auto& faults : inferences) {
        arith::LayerFault fault;
        fault.layer = layer_id(0);
        for (int i = 0; i < 300; ++i) {
            fault.outputs.push_back({static_cast<std::int64_t>(stream.below(1024)), 1u << stream.below(8)});
        }
        faults.push_back(fault);
    }
    const std::vector<arith::FaultyRun> runs = engine.propagate_many(golden, inferences);
    for (std::size_t i = 0; i < runs.size(); ++i) {
        const auto faulty = arith::reference_run(graph, {}, image, inferences[i]);
        const arith::FaultyRun expected = test::differences(graph, golden.tensors, faulty);
        EXPECT_EQ(runs[i].changed_values, expected.changed_values) << "seed " << kSeed << " inference " << i;
        EXPECT_EQ(runs[i].logits.size(), expected.logits.size()) << "inference " << i;
    }
}

}  // namespace
}  // namespace fluence
