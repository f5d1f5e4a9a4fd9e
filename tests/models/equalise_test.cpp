// Channels multiplied between layers: the network must stay what it was, by every bit of its logits.
#include "models/equalise.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/models/script_models.h"

namespace fluence::models {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;

FloatOp layer(FloatOpKind kind, int input, const at::Tensor& weight, const at::Tensor& bias) {
    FloatOp op;
    op.kind = kind;
    op.name = "layer" + std::to_string(input);
    op.inputs = {input};
    op.output = input + 1;
    op.weight = weight.to(at::kDouble);
    op.bias = bias.to(at::kDouble);
    return op;
}

FloatOp conv(int input, const std::vector<std::int64_t>& shape, int groups, double ceiling) {
    // Output channels of very different size.
    const at::Tensor powers = at::pow(2.0, at::randint(-6, 7, {shape[0], 1, 1, 1}).to(at::kDouble));
    FloatOp op = layer(FloatOpKind::conv, input, test::weights(shape, input + 1) * powers,
                       test::weights({shape[0]}, input + 20));
    op.window.kernel_h = static_cast<int>(shape[2]);
    op.window.kernel_w = static_cast<int>(shape[3]);
    op.window.pad_h = op.window.pad_w = op.window.kernel_h / 2;
    op.groups = groups;
    op.relu = ceiling > 0;
    op.ceiling = ceiling;
    return op;
}

// Dense, depthwise, 1×1 without ReLU, grouped, dense on all pixels.
FloatGraph five_layers() {
    constexpr double kNone = std::numeric_limits<double>::infinity();
    FloatGraph graph;
    for (const int channels : {3, 6, 6, 4, 8}) {
        graph.add_tensor({channels, 5, 5});
    }
    graph.add_tensor({7, 1, 1});
    graph.ops = {conv(0, {6, 3, 3, 3}, 1, kNone), conv(1, {6, 1, 3, 3}, 6, 6), conv(2, {4, 6, 1, 1}, 1, 0),
                 conv(3, {8, 2, 3, 3}, 2, kNone), conv(4, {7, 8, 5, 5}, 1, 0)};
    graph.ops[4].window.pad_h = graph.ops[4].window.pad_w = 0;
    graph.logits = 5;
    return graph;
}

// log2 of the largest weight of every channel in front of tensor `t` over that behind.
std::vector<double> imbalance(const FloatGraph& graph, std::size_t t) {
    const FloatOp& front = graph.ops[t - 1];
    const FloatOp& behind = graph.ops[t];
    const std::int64_t channels = front.weight.size(0);
    const std::int64_t group = channels / behind.groups;
    std::vector<double> result;
    for (std::int64_t c = 0; c < channels; ++c) {
        double in = 0;
        const std::int64_t outputs = behind.weight.size(0) / behind.groups;
        for (std::int64_t n = c / group * outputs; n < (c / group + 1) * outputs; ++n) {
            in = std::max(in, behind.weight[n][c % group].abs().max().item<double>());
        }
        result.push_back(std::log2(front.weight[c].abs().max().item<double>() / in));
    }
    return result;
}

TEST(Equalise, TheNetworkComputesTheSame) {
    at::manual_seed(20264);
    for (int i = 0; i < 20; ++i) {
        FloatGraph graph = five_layers();
        const at::Tensor batch = at::randn({8, 3, 5, 5});
        const at::Tensor before = evaluate(graph, batch);
        ChannelStatistics statistics;
        observe(graph, batch, statistics);
        const ChannelStatistics golden = statistics;
        std::vector<std::string> report;
        equalise(graph, statistics, report);
        ASSERT_TRUE(at::equal(evaluate(graph, batch), before));
        // All channels of the second may be at its ceiling.
        ASSERT_THAT(report, ::testing::Contains("layer2: channels multiplied, and divided in layer3"));
        ASSERT_LE(report.size(), 4u);
        ChannelStatistics observed;
        observe(graph, batch, observed);
        for (std::size_t t = 1; t < 5; ++t) {
            for (std::size_t c = 0; c < observed.reach[t].size(); ++c) {
                ASSERT_EQ(observed.reach[t][c], statistics.reach[t][c]);
                ASSERT_NEAR(observed.mean[t][c], statistics.mean[t][c], 1e-6 * observed.reach[t][c]);
                const bool at_ceiling = t == 2 && golden.reach[t][c] >= 6;
                const double off = imbalance(graph, t)[c];
                ASSERT_LE(off, 1.0 + 1e-9 + (at_ceiling ? 100 : 0)) << t << ", " << c;
                ASSERT_GE(off, -1.0 - 1e-9 - (t == 2 ? 100 : 0)) << t << ", " << c;  // may not grow further
                ASSERT_LE(t == 2 ? observed.reach[t][c] : 0, 6.0);
            }
        }
    }
}

// Weights 1/32 in front and 32 behind. A factor of 32 makes both 1.
TEST(Equalise, GrowsAChannelUpToItsCeiling) {
    FloatGraph graph;
    for (const int channels : {1, 4, 2}) {
        graph.add_tensor({channels, 1, 1});
    }
    graph.ops = {layer(FloatOpKind::linear, 0, at::full({4, 1}, 1.0 / 32), at::zeros({4})),
                 layer(FloatOpKind::linear, 1, at::full({2, 4}, 32.0), at::zeros({2}))};
    graph.ops[0].relu = true;
    graph.ops[0].ceiling = 6;
    graph.logits = 2;
    ChannelStatistics statistics;
    statistics.reach = {{1}, {6, 1.4, 0, 0.1}, {1, 1}};  // at the ceiling, near it, never positive, far
    statistics.mean = {{1}, {1, 1, 0, 0.1}, {1, 1}};
    std::vector<std::string> report;
    equalise(graph, statistics, report);
    const auto front = graph.ops[0].weight.contiguous();
    EXPECT_THAT(std::vector<double>(front.data_ptr<double>(), front.data_ptr<double>() + 4),
                ElementsAre(1.0 / 32, 1.0 / 8, 1, 1));
    const auto behind = graph.ops[1].weight.contiguous();
    EXPECT_THAT(std::vector<double>(behind.data_ptr<double>(), behind.data_ptr<double>() + 4),
                ElementsAre(32, 8, 1, 1));
    EXPECT_THAT(statistics.reach[1], ElementsAre(DoubleEq(6), DoubleEq(5.6), DoubleEq(0), DoubleEq(3.2)));
    EXPECT_THAT(statistics.mean[1], ElementsAre(DoubleEq(1), DoubleEq(4), DoubleEq(0), DoubleEq(3.2)));
}

TEST(Equalise, LeavesTensorsWithTwoReadersAndTheLogits) {
    FloatGraph graph = five_layers();
    FloatOp add;
    add.kind = FloatOpKind::add;
    add.name = "add";
    add.inputs = {1, 2};
    add.output = graph.add_tensor({6, 5, 5});
    graph.ops[2].inputs = {add.output};
    graph.ops.insert(graph.ops.begin() + 2, add);
    const at::Tensor batch = at::randn({4, 3, 5, 5});
    ChannelStatistics statistics;
    observe(graph, batch, statistics);
    const at::Tensor first = graph.ops[0].weight.clone(), last = graph.ops[5].bias.clone();
    const at::Tensor before = evaluate(graph, batch);
    std::vector<std::string> report;
    equalise(graph, statistics, report);
    EXPECT_TRUE(at::equal(evaluate(graph, batch), before));
    EXPECT_TRUE(at::equal(graph.ops[0].weight, first));
    EXPECT_TRUE(at::equal(graph.ops[5].bias, last));
    EXPECT_EQ(report.size(), 2u);  // tensors 3 and 4
}

TEST(Equalise, ObservesChannelsOverBatchesOfAnySize) {
    FloatGraph graph;
    graph.add_tensor({2, 1, 2});
    graph.add_tensor({1, 1, 1});
    graph.ops = {layer(FloatOpKind::linear, 0, at::ones({1, 4}), at::zeros({1}))};
    graph.logits = 1;
    ChannelStatistics statistics;
    observe(graph, at::tensor({1.0F, 2.0F, -9.0F, 0.0F, 3.0F, 4.0F, 1.0F, 2.0F}).reshape({2, 2, 1, 2}),
            statistics);
    observe(graph, at::tensor({-7.0F, 9.0F, 0.0F, 0.0F}).reshape({1, 2, 1, 2}), statistics);
    EXPECT_EQ(statistics.images, 3);
    EXPECT_THAT(statistics.reach[0], ElementsAre(9, 9));
    EXPECT_THAT(statistics.mean[0], ElementsAre(DoubleEq(12.0 / 6), DoubleEq(-6.0 / 6)));
}

}  // namespace
}  // namespace fluence::models
