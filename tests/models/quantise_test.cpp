#include "models/quantise.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
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

bool is_power_of_two(double value) {
    int exponent = 0;
    return std::frexp(value, &exponent) == 0.5;
}

TEST(QuantiseFxp8, ScalesAreTheLeastPowersOfTwoThatHold) {
    // Ranges [lo, hi] and the power of two their values are divided by: −2 is −1·2, 1.99 rounds to 127 steps
    // of 2/128 = 1.984, 1.9999 would round to 128 of them.
    struct Case {
        double lo, hi, power;
    };
    for (const Case& c :
         {Case{-2, 1, 2}, Case{-2.1, 1, 4}, Case{0, 1.99, 2}, Case{0, 1.9999, 4}, Case{0, 1, 2},
          Case{-1, 0.99, 1}, Case{0, 0.3, 0.5}, Case{-0.124, 0.1, 0.125}, Case{0, 0, 128}}) {
        SCOPED_TRACE(c.hi);
        const workloads::Graph graph =
            quantise(two_layers(test::weights({3, 4}, 1), test::weights({3}, 2)),
                     {{c.lo, c.hi}, {0, 5.1}, {-3, 3}}, true, "test", {workloads::DataFormat::fxp8});
        validate(graph, "test");
        EXPECT_EQ(graph.tensors[0].format, NumberFormat::s8);
        EXPECT_EQ(graph.tensors[1].format, NumberFormat::s8);
        EXPECT_EQ(graph.tensors[2].format, NumberFormat::s32);
        EXPECT_EQ(graph.tensors[0].scale, c.power / 128);
        EXPECT_EQ(graph.tensors[1].scale, 8.0 / 128);
        EXPECT_EQ(graph.layers[0].clamp_lo, 0);
        EXPECT_EQ(graph.layers[0].clamp_hi, 127);
        for (const Layer& layer : graph.layers) {
            for (std::size_t n = 0; n < layer.multiplier.size(); ++n) {
                // A shift to the right, or one to the left.
                EXPECT_TRUE(layer.multiplier[n] == 1 ||
                            (layer.shift[n] == 0 && is_power_of_two(layer.multiplier[n])));
            }
        }
    }
}

// Both layers by the definition in real numbers: weights and activations are multiples of 1/128 in [−1, 1),
// the hidden values are rounded (halves up) and saturated, the logits are exact sums.
TEST(QuantiseFxp8, ComputesWithFractionsOfOne) {
    const at::Tensor weight = test::weights({3, 4}, 1) * 0.9;
    const FloatGraph from = two_layers(weight, test::weights({3}, 2));
    const workloads::Graph graph =
        quantise(from, {{-2, 1}, {0, 0.9}, {-3, 3}}, false, "test", {workloads::DataFormat::fxp8});
    const IntegerNetwork network(graph);
    const std::vector<double> powers = {2, 1};  // of input and hidden values
    const auto fraction = [](double real) { return std::nearbyint(real * 128) / 128; };
    const auto weight_power = [](const at::Tensor& w) {
        double power = 1;
        for (; w.abs().max().item<double>() >= power * 127.5 / 128; power *= 2) {
        }
        for (; w.abs().max().item<double>() < power / 2 * 127.5 / 128; power /= 2) {
        }
        return power;
    };
    for (int image = 0; image < 200; ++image) {
        const at::Tensor codes = at::randint(-128, 128, {1, 4, 1, 1}, at::kInt);
        std::vector<double> x;
        for (int i = 0; i < 4; ++i) {
            x.push_back(codes.flatten()[i].item<double>() / 128 * powers[0]);
        }
        for (std::size_t l = 0; l < 2; ++l) {
            const FloatOp& op = from.ops[l];
            const double wp = weight_power(op.weight);
            std::vector<double> y;
            for (std::int64_t n = 0; n < op.weight.size(0); ++n) {
                const double step = wp * (l == 0 ? powers[0] : powers[1]) / 16384;
                double sum = std::nearbyint(op.bias[n].item<double>() / step) * step;
                for (std::size_t k = 0; k < x.size(); ++k) {
                    sum +=
                        fraction(op.weight[n][static_cast<std::int64_t>(k)].item<double>() / wp) * wp * x[k];
                }
                y.push_back(l == 1 ? sum
                                   : std::clamp(std::floor(sum / powers[1] * 128 + 0.5), 0.0, 127.0) / 128 *
                                         powers[1]);
            }
            x = y;
        }
        const at::Tensor logits = network.run(codes);
        for (std::int64_t n = 0; n < 2; ++n) {
            ASSERT_EQ(logits[0][n].item<int>() * graph.tensors[2].scale, x[static_cast<std::size_t>(n)]);
        }
    }
}

// A layer whose bias needs coarser steps than its weights: one scale for all of its channels.
TEST(QuantiseFxp8, HugeBiasWidensTheLayersScale) {
    const at::Tensor weight = at::full({3, 4}, 1e-12);
    const workloads::Graph graph = quantise(two_layers(weight, at::tensor({4.0, 0.0, 1.0})), kRanges, false,
                                            "test", {workloads::DataFormat::fxp8});
    validate(graph, "test");
    const Layer& layer = graph.layers[0];
    const double factor = std::ldexp(static_cast<double>(layer.multiplier[0]), -int{layer.shift[0]});
    EXPECT_NEAR(layer.bias[0] * factor * graph.tensors[1].scale, 4.0, 1e-6);
    EXPECT_EQ(layer.multiplier[2], layer.multiplier[0]);
    EXPECT_EQ(layer.shift[2], layer.shift[0]);
}

// The step of the last layer's weights: its sums are the logits, in units of weight times input.
double weight_step(const workloads::Graph& graph) {
    return graph.tensor(graph.logits).scale / graph.tensor(graph.layers.back().inputs[0]).scale;
}

double squared_error(const at::Tensor& weight, double step) {
    double sum = 0;
    for (std::int64_t i = 0; i < weight.numel(); ++i) {
        const double w = weight.reshape(-1)[i].item<double>();
        const double error = std::clamp(std::nearbyint(w / step), -128.0, 127.0) * step - w;
        sum += error * error;
    }
    return sum;
}

// One weight of 3 × 40 is larger than the others: it saturates where that pays.
TEST(QuantiseFxp8, RefinedWeightsHaveTheStepOfLeastSquaredError) {
    int saturated = 0;
    for (const double outlier : {1.2, 1.01, 1.5, 1.99, 7.0}) {
        const at::Tensor weight = test::weights({3, 40}, 5).clamp(-0.9, 0.9);
        weight[1][7] = outlier;
        FloatGraph graph;
        graph.add_tensor({40, 1, 1});
        graph.add_tensor({3, 1, 1});
        graph.ops = {linear(0, 1, weight, at::zeros({3}), false)};
        graph.logits = 1;
        const std::vector<Range> ranges = {{-1, 0.9}, {-3, 3}};
        const std::vector<std::vector<double>> means = {std::vector<double>(40), std::vector<double>(3)};
        const double widest =
            weight_step(quantise(graph, ranges, false, "test", {workloads::DataFormat::fxp8}));
        const double step =
            weight_step(quantise(graph, ranges, false, "test", {workloads::DataFormat::fxp8, false, means}));
        ASSERT_LE(squared_error(weight, step), squared_error(weight, widest));
        ASSERT_LE(squared_error(weight, step), squared_error(weight, step / 2));
        saturated += step < widest ? 1 : 0;
    }
    EXPECT_GE(saturated, 1);
    EXPECT_LE(saturated, 4);  // not the 7
}

// Rows of 1, 1/8, 1/64 and 0: with a scale a channel each uses its own bits, and the logits have one scale.
TEST(QuantiseFxp8, ChannelsMayHaveTheirOwnPowersOfTwo) {
    const at::Tensor sizes = at::tensor({1.0, 0.125, 0.015625, 0.0}, at::kDouble).unsqueeze(1);
    const at::Tensor weight = test::weights({4, 40}, 6).to(at::kDouble).clamp(-0.95, 0.95) * sizes;
    FloatGraph graph;
    graph.name = "rows";
    graph.add_tensor({40, 1, 1});
    graph.add_tensor({4, 1, 1});
    graph.ops = {linear(0, 1, weight, at::zeros({4}), false)};
    graph.logits = 1;
    const std::vector<Range> ranges = {{-1, 0.9}, {-3, 3}};
    for (const bool channels : {false, true}) {
        const workloads::Graph quantised =
            quantise(graph, ranges, false, "test", {workloads::DataFormat::fxp8, channels});
        validate(quantised, "test");
        const Layer& layer = quantised.layers[0];
        ASSERT_EQ(layer.shift.size(), 4u);
        for (std::size_t n = 0; n < 4; ++n) {
            // Multipliers are powers of two: what a channel's sum is shifted by.
            ASSERT_EQ(layer.multiplier[n] & (layer.multiplier[n] - 1), 0);
            const double factor =
                std::ldexp(static_cast<double>(layer.multiplier[n]), -static_cast<int>(layer.shift[n]));
            const double step = factor * quantised.tensors[1].scale / quantised.tensors[0].scale;
            int most = 0;
            for (std::size_t k = 0; k < 40; ++k) {
                const int code = layer.weights[n * 40 + k];
                most = std::max(most, std::abs(code));
                ASSERT_NEAR(code * step,
                            weight[static_cast<std::int64_t>(n)][static_cast<std::int64_t>(k)].item<double>(),
                            step / 2);
            }
            if (n == 3) {
                EXPECT_EQ(most, 0);
            } else {
                EXPECT_EQ(most >= 64, channels || n == 0) << n;
            }
        }
    }
}

// Inputs that are their means give the sums of the real weights, but for the bias's own rounding.
TEST(QuantiseFxp8, RefinedBiasesMakeUpForRoundedWeights) {
    FloatGraph graph;
    graph.name = "grouped";
    graph.add_tensor({4, 3, 3});
    graph.add_tensor({6, 1, 1});
    FloatOp op = linear(0, 1, test::weights({6, 2, 3, 3}, 9) * 0.3, test::weights({6}, 10), false);
    op.kind = FloatOpKind::conv;
    op.groups = 2;
    op.window.kernel_h = op.window.kernel_w = 3;
    graph.ops = {op};
    graph.logits = 1;
    const std::vector<double> mean = {0.5, -0.3, 0.7, 0.1};
    for (const auto format : {workloads::DataFormat::fxp8, workloads::DataFormat::int8}) {
        const workloads::Graph quantised = quantise(graph, {{-1, 0.9}, {-3, 3}}, false, "test",
                                                    {format, false, {mean, std::vector<double>(6)}});
        validate(quantised, "test");
        const Layer& layer = quantised.layers[0];
        for (std::int64_t n = 0; n < 6; ++n) {
            const auto row = static_cast<std::size_t>(n);
            // Of a code of the sum: int8 logits have one scale, and so a factor a channel.
            const double unit =
                quantised.tensors[1].scale *
                std::ldexp(static_cast<double>(layer.multiplier[row]), -int{layer.shift[row]});
            double wanted = op.bias[n].item<double>(), got = layer.bias[row] * unit;
            for (std::int64_t k = 0; k < 18; ++k) {
                const double x = mean[static_cast<std::size_t>(n / 3 * 2 + k / 9)];
                wanted += op.weight.reshape({6, 18})[n][k].item<double>() * x;
                got += layer.weights[row * 18 + static_cast<std::size_t>(k)] * unit *
                       (x / quantised.tensors[0].scale);
            }
            EXPECT_NEAR(got, wanted, 0.51 * unit) << n;
        }
    }
}

TEST(QuantiseFxp8, AdditionOfPowersOfTwoIsAShift) {
    FloatGraph graph = two_layers(test::weights({4, 4}, 1), at::zeros({4}));
    graph.shapes[1].channels = 4;
    FloatOp add;
    add.kind = FloatOpKind::add;
    add.name = "add";
    add.inputs = {0, 1};
    add.output = graph.add_tensor({4, 1, 1});
    graph.ops[1] = linear(3, 2, test::weights({2, 4}, 3), at::zeros({2}), false);
    graph.ops.insert(graph.ops.begin() + 1, add);
    // Steps of 2, 8 and 16 128ths.
    const workloads::Graph quantised =
        quantise(graph, {{-2, 1}, {0, 5.1}, {-3, 3}, {-9, 9}}, false, "test", {workloads::DataFormat::fxp8});
    validate(quantised, "test");
    EXPECT_EQ(quantised.layers[1].multiplier, (std::vector<std::int32_t>{1, 4}));
    EXPECT_EQ(quantised.layers[1].shift, std::vector<std::uint8_t>{3});
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
    EXPECT_EQ(
        pixel_codes(p, {"input", {2, 1, 1}, NumberFormat::s8, 1.0 / 128}, workloads::DataFormat::fxp8)[0][0],
        -128);  // −1 and below
}

}  // namespace
}  // namespace fluence::models
