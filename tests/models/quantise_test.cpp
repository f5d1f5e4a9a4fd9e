#include "models/quantise.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "models/integer_network.h"
#include "sim/core/error.h"
#include "tests/models/script_models.h"

namespace fluence::models {
namespace {

using workloads::Layer;
using workloads::NumberFormat;

FloatOp linear(int input, int output, const at::Tensor& weight, const at::Tensor& bias, bool relu) {
    FloatOp op;
    op.kind = FloatOpKind::linear;
    op.name = "fc" + std::to_string(output);
    op.inputs = {input};
    op.output = output;
    op.weight = weight.to(at::kDouble);
    op.bias = bias.to(at::kDouble);
    op.relu = relu;
    return op;
}

// 4 inputs → 3 hidden values with ReLU → 2 logits.
FloatGraph two_layers(const at::Tensor& weight, const at::Tensor& bias) {
    FloatGraph graph;
    graph.name = "two";
    for (const int channels : {4, 3, 2}) {
        graph.add_tensor({channels, 1, 1});
    }
    graph.ops = {linear(0, 1, weight, bias, true),
                 linear(1, 2, test::weights({2, 3}, 3), test::weights({2}, 4), false)};
    graph.logits = 2;
    return graph;
}

const std::vector<Range> kRanges = {{-2, 1}, {0, 5.1}, {-3, 3}};

TEST(Quantise, ScalesAreThoseOfTheRanges) {
    const workloads::Graph graph =
        quantise(two_layers(test::weights({3, 4}, 1), test::weights({3}, 2)), kRanges, false, "test");
    validate(graph, "test");
    EXPECT_EQ(graph.tensors[0].format, NumberFormat::s8);
    EXPECT_DOUBLE_EQ(graph.tensors[0].scale, 2.0 / 127);
    EXPECT_EQ(graph.tensors[1].format, NumberFormat::u8);
    EXPECT_DOUBLE_EQ(graph.tensors[1].scale, 5.1 / 255);
    EXPECT_EQ(graph.tensors[2].format, NumberFormat::s32);
    EXPECT_EQ(graph.layers[0].clamp_lo, 0);
    EXPECT_EQ(graph.layers[0].clamp_hi, 255);
}

// The largest weight of each output channel is ±127, and code · scale is within half a step of the weight.
TEST(Quantise, WeightsAreSymmetricPerOutputChannel) {
    const at::Tensor weight = test::weights({3, 4}, 1) * at::tensor({0.01, 1.0, 50.0}).unsqueeze(1);
    const workloads::Graph graph = quantise(two_layers(weight, at::zeros({3})), kRanges, false, "test");
    const Layer& layer = graph.layers[0];
    for (std::size_t n = 0; n < 3; ++n) {
        const double scale =
            weight[static_cast<std::int64_t>(n)].to(at::kDouble).abs().max().item<double>() / 127;
        int largest = 0;
        for (std::size_t k = 0; k < 4; ++k) {
            const int code = layer.weights[n * 4 + k];
            largest = std::max(largest, std::abs(code));
            const double real =
                weight[static_cast<std::int64_t>(n)][static_cast<std::int64_t>(k)].item<double>();
            EXPECT_LE(std::abs(code * scale - real), scale * 0.5000001);
        }
        EXPECT_EQ(largest, 127);
    }
}

TEST(Quantise, LogitsShareOneScaleAndNeverGrow) {
    const FloatGraph graph = two_layers(test::weights({3, 4}, 1), test::weights({3}, 2));
    const workloads::Graph quantised = quantise(graph, kRanges, false, "test");
    const Layer& last = quantised.layers[1];
    double largest = 0;
    for (int n = 0; n < 2; ++n) {
        const double channel =
            quantised.tensors[1].scale * graph.ops[1].weight[n].abs().max().item<double>() / 127;
        const double factor = std::ldexp(static_cast<double>(last.multiplier[static_cast<std::size_t>(n)]),
                                         -int{last.shift[static_cast<std::size_t>(n)]});
        EXPECT_NEAR(factor, channel / quantised.tensors[2].scale, 1e-8);
        largest = std::max(largest, factor);
    }
    EXPECT_EQ(largest, 1);
}

TEST(Quantise, DeadChannelsKeepTheirBias) {
    const at::Tensor weight = test::weights({3, 4}, 1).clone();
    weight[0].zero_();
    weight[1].zero_();
    const workloads::Graph graph =
        quantise(two_layers(weight, at::tensor({2.0, 0.0, 1.0})), kRanges, false, "test");
    validate(graph, "test");
    const IntegerNetwork network(graph);
    at::Tensor hidden;
    network.run(at::full({1, 4, 1, 1}, 100, at::kInt), [&](TensorId id, const at::Tensor& codes) {
        if (index_of(id) == 1) {
            hidden = codes.flatten().to(at::kDouble) * graph.tensors[1].scale;
        }
    });
    EXPECT_NEAR(hidden[0].item<double>(), 2.0, graph.tensors[1].scale);
    EXPECT_EQ(hidden[1].item<double>(), 0.0);
}

// A bias far larger than 2^31 steps of the weights' own scale.
TEST(Quantise, HugeBiasWidensTheWeightScale) {
    const at::Tensor weight = at::full({3, 4}, 1e-12);
    const workloads::Graph graph = quantise(two_layers(weight, at::full({3}, 4.0)), kRanges, false, "test");
    validate(graph, "test");
    const Layer& layer = graph.layers[0];
    for (std::size_t n = 0; n < 3; ++n) {
        const double factor = std::ldexp(static_cast<double>(layer.multiplier[n]), -int{layer.shift[n]});
        EXPECT_NEAR(layer.bias[n] * factor * graph.tensors[1].scale, 4.0, 1e-6);
    }
}

TEST(Quantise, AdditionHasOneShiftAndPreciseMultipliers) {
    FloatGraph graph = two_layers(test::weights({4, 4}, 1), at::zeros({4}));
    graph.shapes[1].channels = 4;
    FloatOp add;
    add.kind = FloatOpKind::add;
    add.name = "add";
    add.inputs = {0, 1};
    add.output = graph.add_tensor({4, 1, 1});
    graph.ops[1] = linear(3, 2, test::weights({2, 4}, 3), at::zeros({2}), false);
    graph.ops.insert(graph.ops.begin() + 1, add);
    const std::vector<Range> ranges = {{-2, 1}, {0, 5.1}, {-3, 3}, {-4, 4}};
    const workloads::Graph quantised = quantise(graph, ranges, false, "test");
    validate(quantised, "test");
    const Layer& layer = quantised.layers[1];
    ASSERT_EQ(layer.multiplier.size(), 2u);
    ASSERT_EQ(layer.shift.size(), 1u);
    for (std::size_t i = 0; i < 2; ++i) {
        EXPECT_LT(layer.multiplier[i], 1 << 22);
        const double factor = std::ldexp(static_cast<double>(layer.multiplier[i]), -int{layer.shift[0]});
        const double wanted = (i == 0 ? 2.0 / 127 : 5.1 / 255) / (4.0 / 127);
        EXPECT_NEAR(factor / wanted, 1, 1e-5);
    }
}

TEST(Quantise, RefusesWhatCannotBeQuantised) {
    const at::Tensor weight = test::weights({3, 4}, 1).clone();
    weight[1][2] = std::nan("");
    EXPECT_THROW(quantise(two_layers(weight, at::zeros({3})), kRanges, false, "test"), InputError);
    std::vector<Range> ranges = kRanges;
    ranges[1].hi = INFINITY;
    EXPECT_THROW(quantise(two_layers(at::ones({3, 4}), at::zeros({3})), ranges, false, "test"), InputError);
}

TEST(PixelCodes, RoundAndSaturate) {
    const Preprocessing p{255, {0.5, 0}, {0.25, 1}, {}};
    const auto codes = pixel_codes(p, {"input", {2, 1, 1}, NumberFormat::s8, 2.0 / 127});
    EXPECT_EQ(codes[0][0], -127);   // −2
    EXPECT_EQ(codes[0][255], 127);  // 2
    EXPECT_EQ(codes[0][128], 0);    // (128/255 − 0.5)/0.25 = 0.0078, half a step is 0.0079
    EXPECT_EQ(codes[0][129], 1);    // 0.0235 / 0.01575 = 1.49
    EXPECT_EQ(codes[1][255], 64);   // 1 / (2/127) = 63.5, to even
    EXPECT_EQ(pixel_codes(p, {"input", {2, 1, 1}, NumberFormat::u8, 1.0 / 255})[0][0], 0);
    EXPECT_EQ(pixel_codes(p, {"input", {2, 1, 1}, NumberFormat::u8, 1.0 / 255})[1][77], 77);
}

}  // namespace
}  // namespace fluence::models
