// Filters of whole pixels: gradient statistics, median, just-say-zero, and the detectors that set gated ones
// going. Expected values are worked out by hand or follow the definitions in a slower way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "sim/arith/engine.h"
#include "sim/core/error.h"
#include "sim/protect/detection.h"
#include "sim/protect/gradient.h"
#include "sim/protect/just_say_zero.h"
#include "sim/protect/layer_filters.h"
#include "sim/protect/median.h"
#include "tests/support/graph_builder.h"
#include "tests/support/random_graph.h"

namespace fluence::protect {
namespace {

using Statistics = GradientPart::Statistics;
using testing::HasSubstr;
using workloads::Codes;
using workloads::Shape;

Codes filtered_row(const arith::PixelFilter& filter, Codes row, std::int64_t pixel = 0) {
    filter.apply(layer_id(0), pixel, {row.data(), static_cast<std::int32_t>(row.size())});
    return row;
}

Codes random_codes(RandomStream& random, std::size_t size, int highest) {
    Codes codes(size);
    for (std::int32_t& code : codes) {
        code = static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(highest + 1)));
    }
    return codes;
}

// All gradients from −10 to 10 pass.
std::shared_ptr<const arith::PixelFilter> within_ten() {
    return gradient_filter({{-10}, {10}}, Statistics::layer, {6, 1, 1});
}

TEST(Gradient, OnlyTheFirstOfARunBecomesZero) {
    const auto filter = within_ten();
    EXPECT_EQ(filtered_row(*filter, {5, 9, 14, 20, 13, 6}), (Codes{5, 9, 14, 20, 13, 6}));
    EXPECT_EQ(filtered_row(*filter, {5, 9, 90, 20, 13, 6}), (Codes{5, 9, 0, 20, 13, 6}));
    EXPECT_EQ(filtered_row(*filter, {5, 9, 90, 20, 90, 6}), (Codes{5, 9, 0, 20, 90, 6}))
        << "one run from 2 to 5";
    EXPECT_EQ(filtered_row(*filter, {5, 90, 5, 9, 90, 6}), (Codes{5, 0, 5, 9, 0, 6})) << "two runs";
}

// Two limits of 9 bits, the lower one first: −10 is 502.
TEST(Gradient, StruckLimitsCountInTheirComparisonAlone) {
    const auto filter = within_ten();
    EXPECT_EQ(filter->threshold_bits(0, 3), 502u | 10u << 9);
    const auto struck = [&](std::size_t comparison, std::uint32_t mask) {
        Codes row = {5, 9, 14, 20, 13, 6};  // gradients −1, 4, 5, 6, −7, −7
        std::vector<std::uint32_t> masks(7);
        masks[comparison] = mask;
        filter->apply_struck(layer_id(0), 0, {row.data(), 6}, masks);
        return row;
    };
    EXPECT_EQ(struck(3, 8u << 9), (Codes{5, 9, 0, 20, 13, 6})) << "5 is above 2";
    EXPECT_EQ(struck(3, 1u << 9), (Codes{5, 9, 14, 20, 13, 6})) << "and below 11";
    EXPECT_EQ(struck(6, 1u << 8), (Codes{5, 9, 14, 20, 13, 0})) << "−7 is below 246";
    EXPECT_EQ(struck(0, 1u << 8), (Codes{5, 9, 14, 20, 13, 6})) << "channel 5 is flagged, in front of none";
    Codes outlier = {90, 86, 85, 84, 83, 85};  // 0 is 5 from 5, all pass
    std::vector<std::uint32_t> masks(7);
    masks[1] = 1u << 17;  // 5 is above 10 − 256
    filter->apply_struck(layer_id(0), 0, {outlier.data(), 6}, masks);
    EXPECT_EQ(outlier[0], 0);
    outlier[0] = 90;
    masks[0] = 1u << 17;  // so is 2, the last channel's: the run goes over it
    filter->apply_struck(layer_id(0), 0, {outlier.data(), 6}, masks);
    EXPECT_EQ(outlier[0], 90);
}

TEST(Gradient, LimitsBeyondAnyGradientSaturate) {
    const auto filter = gradient_filter({{-100000}, {100000}}, Statistics::layer, {2, 1, 1});
    EXPECT_EQ(filter->threshold_bits(0, 0), 256u | 255u << 9);
}

TEST(JustSayZero, StruckLimitsCountInTheirComparisonAlone) {
    const auto filter = just_say_zero_filter(zero_predicate("peak"), {{}, {0, 20, 20, 20}});
    EXPECT_EQ(filter->threshold_bits(0, 1), 20u);
    Codes row = {0, 30, 15, 35};  // scores −35, 15, −20, 20
    std::vector<std::uint32_t> masks(5);
    masks[2] = 1u << 4;
    filter->apply_struck(layer_id(0), 0, {row.data(), 4}, masks);
    EXPECT_EQ(row, (Codes{0, 0, 15, 35})) << "15 is above 4";
    row = {0, 60, 15, 35};
    masks[2] = 1u << 6;
    filter->apply_struck(layer_id(0), 0, {row.data(), 4}, masks);
    EXPECT_EQ(row, (Codes{0, 60, 15, 35})) << "45 is above 20, not above 84: a miss";
}

TEST(Gradient, RunsGoOverTheLastChannel) {
    const auto filter = within_ten();
    EXPECT_EQ(filtered_row(*filter, {5, 9, 14, 20, 13, 90}), (Codes{5, 9, 14, 20, 13, 0}))
        << "channel 0 is flagged as well, behind it";
    EXPECT_EQ(filtered_row(*filter, {90, 9, 14, 20, 13, 6}), (Codes{0, 9, 14, 20, 13, 6}));
    EXPECT_EQ(filtered_row(*filter, {90, 9, 14, 20, 13, 90}), (Codes{90, 0, 14, 20, 13, 0}))
        << "adjacent errors of one value part their run, and the true code behind them goes";
    EXPECT_EQ(filtered_row(*filter, {0, 90, 0, 90, 0, 90}), (Codes{0, 90, 0, 90, 0, 90}))
        << "a full circle has no first one";
}

TEST(Gradient, AdjacentErrorsKeepTheSecond) {
    EXPECT_EQ(filtered_row(*within_ten(), {5, 60, 120, 9, 13, 6}), (Codes{5, 0, 120, 9, 13, 6}));
}

TEST(Gradient, KeysAreOfTheLayerTheChannelOrTheNeuron) {
    const Shape shape{2, 1, 2};
    const auto channel = gradient_filter({{-5, -50}, {5, 50}}, Statistics::channel, shape);
    EXPECT_EQ(filtered_row(*channel, {30, 0}), (Codes{0, 0})) << "g_0 = 30 is out, g_1 = −30 is not";
    const auto neuron = gradient_filter({{-50, -5, -50, -50}, {50, 5, 50, 50}}, Statistics::neuron, shape);
    EXPECT_EQ(filtered_row(*neuron, {30, 0}, 0), (Codes{30, 0}));
    EXPECT_EQ(filtered_row(*neuron, {30, 0}, 1), (Codes{0, 0}));
}

// Welford's update, one gradient after the other.
struct Welford {
    double mean = 0, squares = 0, n = 0;
    void add(double value) {
        n += 1;
        const double before = value - mean;
        mean += before / n;
        squares += before * (value - mean);
    }
    double deviation() const { return n < 2 ? 0 : std::sqrt(squares / (n - 1)); }
};

TEST(Gradient, StatisticsAreThoseOfWelfordsUpdate) {
    RandomStream random(31, RandomPurpose::testing, 0);
    const Shape shape{4, 2, 3};
    for (const Statistics statistics : {Statistics::layer, Statistics::channel, Statistics::neuron}) {
        GradientProfile profile(statistics, shape);
        std::vector<Welford> expected(statistics == Statistics::layer     ? 1
                                      : statistics == Statistics::channel ? 4
                                                                          : 24);
        for (int image = 0; image < 50; ++image) {
            const Codes codes = random_codes(random, 24, 255);
            profile.add(codes);
            for (std::size_t c = 0; c < 4; ++c) {
                for (std::size_t p = 0; p < 6; ++p) {
                    const std::size_t key = statistics == Statistics::layer     ? 0
                                            : statistics == Statistics::channel ? c
                                                                                : c * 6 + p;
                    expected[key].add(codes[c * 6 + p] - codes[(c + 3) % 4 * 6 + p]);
                }
            }
        }
        ASSERT_EQ(profile.moments().size(), expected.size());
        const Limits limits = profile.limits(1.5);
        for (std::size_t key = 0; key < expected.size(); ++key) {
            const GradientProfile::Moments& moments = profile.moments()[key];
            EXPECT_EQ(static_cast<double>(moments.n), expected[key].n);
            EXPECT_NEAR(moments.mean(), expected[key].mean, 1e-9);
            EXPECT_NEAR(moments.deviation(), expected[key].deviation(), 1e-9);
            const double reach = 1.5 * expected[key].deviation() * std::sqrt(1 + 1 / expected[key].n);
            EXPECT_EQ(limits.lo[key], static_cast<int>(std::ceil(expected[key].mean - reach)));
            EXPECT_EQ(limits.hi[key], static_cast<int>(std::floor(expected[key].mean + reach)));
        }
    }
}

TEST(Gradient, TheAutomaticThresholdIsTheLeastThatLetsEverythingPass) {
    for (std::uint64_t sample = 0; sample < 50; ++sample) {
        SCOPED_TRACE("seed 32, sample " + std::to_string(sample));
        RandomStream random(32, RandomPurpose::testing, sample);
        const Shape shape{3, 1, 4};
        GradientProfile profile(Statistics::channel, shape);
        std::vector<Codes> images;
        for (int image = 0; image < 6; ++image) {
            images.push_back(random_codes(random, 12, 40));
            profile.add(images.back());
        }
        const auto altered = [&](const Limits& limits) {
            const auto filter = gradient_filter(limits, Statistics::channel, shape);
            int count = 0;
            for (const Codes& image : images) {
                for (std::size_t p = 0; p < 4; ++p) {
                    const Codes row = {image[p], image[4 + p], image[8 + p]};
                    for (std::size_t c = 0; c < 3; ++c) {
                        const std::int32_t g = row[c] - row[(c + 2) % 3];
                        count += g < limits.lo[c] || g > limits.hi[c] ? 1 : 0;
                    }
                    EXPECT_TRUE(count > 0 || filtered_row(*filter, row) == row);
                }
            }
            return count;
        };
        EXPECT_EQ(altered(profile.limits(0)), 0);
        EXPECT_GT(altered(profile.limits(profile.auto_threshold() * 0.95)), 0);
    }
}

TEST(Median, IsThatOfThreeNeighboursInACircle) {
    EXPECT_EQ(filtered_row(*median_filter(), {1, 200, 3, 4, 0}), (Codes{1, 3, 4, 3, 1}));
    RandomStream random(33, RandomPurpose::testing, 0);
    for (int trial = 0; trial < 200; ++trial) {
        const std::size_t channels = 3 + random.below(9);
        const Codes row = random_codes(random, channels, 255);
        Codes expected;
        for (std::size_t c = 0; c < channels; ++c) {
            Codes three = {row[(c + channels - 1) % channels], row[c], row[(c + 1) % channels]};
            std::sort(three.begin(), three.end());
            expected.push_back(three[1]);
        }
        EXPECT_EQ(filtered_row(*median_filter(), row), expected) << "seed 33, trial " << trial;
    }
}

TEST(JustSayZero, AScoreAboveThatOfTheCalibrationIsZeroed) {
    const ZeroPredicate& peak = zero_predicate("peak");
    Limits limits;
    widen_scores(peak, {3, 1, 2}, {10, 0, 4, 0, 0, 7}, limits);  // pixels (10, 4, 0) and (0, 0, 7)
    EXPECT_EQ(limits.hi, (std::vector<std::int32_t>{6, 0, 7}));
    const auto filter = just_say_zero_filter(peak, limits);
    EXPECT_EQ(filtered_row(*filter, {10, 4, 0}), (Codes{10, 4, 0}));
    EXPECT_EQ(filtered_row(*filter, {11, 4, 0}), (Codes{0, 4, 0}));
    EXPECT_EQ(filtered_row(*filter, {1, 2, 1}), (Codes{1, 0, 1}));
    EXPECT_EQ(filtered_row(*filter, {90, 90, 4}), (Codes{90, 90, 4})) << "neighbours that agree pass";

    const auto isolated = just_say_zero_filter(zero_predicate("isolated"), {{}, {6, 6, 6}});
    EXPECT_EQ(filtered_row(*isolated, {0, 7, 0}), (Codes{0, 0, 0}));
    EXPECT_EQ(filtered_row(*isolated, {1, 7, 0}), (Codes{1, 7, 0}));
    EXPECT_THROW(zero_predicate("loud"), std::out_of_range);
}

// A convolution (with ReLU), an addition of it and its input (signed), a classifier.
workloads::Graph network() {
    RandomStream stream(34, RandomPurpose::testing, 0);
    test::GraphBuilder builder("filters", stream, {3, 4, 4}, workloads::NumberFormat::u8);
    test::GraphBuilder::ConvOptions options;
    options.window.kernel_h = options.window.kernel_w = 3;
    const TensorId first = builder.conv(builder.input(), 5, options);
    builder.logits(builder.flatten(first), 4);
    return builder.finish();
}

Policy policy_of(const char* text) {
    return parse_policy(nlohmann::json::parse(text), "policy.json");
}

Policy gradient_policy(const char* detectors, const char* gate) {
    return policy_of((std::string(R"({"name": "x", )") + detectors +
                      R"("layer_output": [{"part": "gradient-suppression", "gate": ")" + gate + "\"}]}")
                         .c_str());
}

const char* const kChecksum = R"("mac_output": [{"part": "linear-checksum"}], )";
const char* const kReluCheck = R"("activation": [{"part": "relu-check"}], )";

TEST(Filters, TheLastLayerAndReshapesStayAsTheyAre) {
    const workloads::Graph graph = network();
    const Policy gated = gradient_policy(kChecksum, "detection");
    EXPECT_TRUE(filtered(gated, graph, graph.layers.front()).detected);
    EXPECT_FALSE(filtered(gated, graph, graph.layers.front()).always);
    const Policy always = gradient_policy("", "always");
    EXPECT_TRUE(filtered(always, graph, graph.layers.front()).always);
    for (std::size_t i = 1; i < graph.layers.size(); ++i) {
        EXPECT_FALSE(filtered(always, graph, graph.layers[i]).any()) << graph.layers[i].name;
    }
}

TEST(Filters, ADetectionSetsTheGatedFilterGoing) {
    const workloads::Graph graph = network();
    AcceleratorConfig config;
    config.array.cols = 4;
    config.vector_unit.lanes = 3;
    const Policy gated = gradient_policy(kChecksum, "detection");
    arith::LayerFault fault;
    fault.layer = layer_id(0);
    EXPECT_FALSE(apply_detectors(gated, graph, config, fault).detected);
    EXPECT_FALSE(fault.filter_outputs);
    fault.accumulators = {{7, 3}};
    const DetectionVerdict verdict = apply_detectors(gated, graph, config, fault);
    EXPECT_TRUE(verdict.detected);
    EXPECT_FALSE(verdict.unrepaired);
    EXPECT_TRUE(fault.filter_outputs);
    EXPECT_TRUE(fault.forced.empty());
    // 2×2 or 4×4 pixels of 5 channels, 3 lanes.
    const std::int64_t pixels = graph.tensor(graph.layers[0].output).shape.plane();
    EXPECT_EQ(verdict.recovery, Cycles((pixels + 2) / 3 * (5 + 2) + 2));

    arith::LayerFault last;
    last.layer = layer_id(graph.layers.size() - 1);
    last.accumulators = {{0, 3}};
    EXPECT_TRUE(apply_detectors(gated, graph, config, last).unrepaired);
    EXPECT_FALSE(last.filter_outputs);
}

TEST(ReluCheck, SeesEveryFlipBehindReluAndNothingInFrontOfIt) {
    const workloads::Graph graph = network();
    const AcceleratorConfig config;
    const Policy policy = policy_of((std::string("{") + kReluCheck + R"("name": "x"})").c_str());
    for (int bit = 0; bit < 8; ++bit) {
        arith::LayerFault fault;
        fault.layer = layer_id(0);
        fault.outputs = {{3, 1u << bit}};
        EXPECT_TRUE(apply_detectors(policy, graph, config, fault).unrepaired) << "bit " << bit;
        fault.outputs.push_back({3, 1u << bit});
        EXPECT_FALSE(apply_detectors(policy, graph, config, fault).detected) << "flipped back";
    }
    arith::LayerFault sum;
    sum.layer = layer_id(0);
    sum.accumulators = {{3, 1 << 20}};
    sum.parameters = {{arith::Parameter::bias, 0, 5}};
    EXPECT_FALSE(apply_detectors(policy, graph, config, sum).detected);
    arith::LayerFault logits;
    logits.layer = layer_id(graph.layers.size() - 1);
    logits.outputs = {{0, 1}};
    EXPECT_FALSE(apply_detectors(policy, graph, config, logits).detected) << "no ReLU there";
}

workloads::Bundle calibrated(const workloads::Graph& graph, int images) {
    RandomStream stream(35, RandomPurpose::testing, 0);
    workloads::Bundle bundle;
    bundle.graph = graph;
    bundle.calibration_count = images;
    for (int image = 0; image < images; ++image) {
        for (const std::int32_t code : test::random_image(graph, stream)) {
            bundle.calibration.push_back(static_cast<std::uint8_t>(code));
        }
    }
    return bundle;
}

// Contract of the parts: the images they were calibrated on are not altered.
TEST(Filters, CalibrationImagesPassUnchanged) {
    const workloads::Graph graph = network();
    const workloads::Bundle bundle = calibrated(graph, 8);
    const arith::Engine plain(graph);
    for (const std::string part :
         {R"({"part": "gradient-suppression", "gate": "always", "statistics": "layer"})",
          R"({"part": "gradient-suppression", "gate": "always"})",
          R"({"part": "gradient-suppression", "gate": "always", "statistics": "neuron"})",
          R"({"part": "just-say-zero"})", R"({"part": "just-say-zero", "predicate": "isolated"})"}) {
        const Policy policy = policy_of((R"({"name": "x", "layer_output": [)" + part + "]}").c_str());
        const FilterTables tables = filter_tables(policy, bundle, {});
        EXPECT_EQ(decode_filter_tables(encode(tables)), tables);
        const arith::Engine engine(graph, {}, arith::SumRule(), layer_filters(policy, graph, tables));
        for (std::int64_t image = 0; image < 8; ++image) {
            const Codes codes = bundle.calibration_image(image);
            EXPECT_EQ(engine.run(codes).tensors, plain.run(codes).tensors) << part << ", image " << image;
        }
    }
    // Medians are no thresholds: they change clean images, which reports must say.
    const Policy median = policy_of(R"({"name": "x", "layer_output": [{"part": "median"}]})");
    const arith::Engine engine(graph, {}, arith::SumRule(), layer_filters(median, graph, {}));
    const Codes image = bundle.calibration_image(0);
    EXPECT_NE(engine.run(image).tensors, plain.run(image).tensors);
}

TEST(Filters, OnlyTheStatedNumberOfImagesIsUsed) {
    const workloads::Graph graph = network();
    Policy policy = gradient_policy("", "always");
    policy.gradient->calibration_images = 3;
    const FilterTables of_eight = filter_tables(policy, calibrated(graph, 8), {});
    const FilterTables of_three = filter_tables(policy, calibrated(graph, 3), {});
    EXPECT_EQ(of_eight, of_three) << "the same first three images";
    policy.gradient->calibration_images = 8;
    EXPECT_FALSE(filter_tables(policy, calibrated(graph, 8), {}) == of_three);
}

std::string message_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const InputError& error) {
        return error.what();
    }
    return "no error";
}

TEST(Filters, WhatMakesNoSenseIsRefused) {
    EXPECT_THAT(message_of([] { gradient_policy("", "detection"); }), HasSubstr("has no detector"));
    EXPECT_THAT(message_of([] { gradient_policy(kReluCheck, "detection"); }), HasSubstr("no error"));
    EXPECT_THAT(message_of([] {
                    policy_of(R"({"name": "x", "mac_output": [{"part": "linear-checksum"}],
                        "layer_output": [{"part": "zero-on-detection"}, {"part": "gradient-suppression"}]})");
                }),
                HasSubstr("both act on what a detector found"));
    EXPECT_THAT(message_of([] {
                    policy_of(R"({"name": "x", "layer_output": [{"part": "median"},
                        {"part": "just-say-zero"}]})");
                }),
                HasSubstr("several filters"));
    EXPECT_THAT(message_of([] {
                    policy_of(R"({"name": "x", "layer_output": [{"part": "gradient-suppression",
                        "gate": "always", "threshold": 0}]})");
                }),
                HasSubstr("layer_output[0].threshold: is 0"));
    EXPECT_THAT(message_of([] {
                    policy_of(R"({"name": "x", "layer_output": [{"part": "just-say-zero",
                        "predicate": "loud"}]})");
                }),
                HasSubstr("peak, isolated"));
    EXPECT_THAT(
        message_of([] { filter_tables(gradient_policy("", "always"), calibrated(network(), 0), {}); }),
        HasSubstr("import the model again"));
    const nlohmann::json copy = to_json(policy_of(
        R"({"name": "x", "layer_output": [{"part": "gradient-suppression", "gate": "always",
            "statistics": "neuron", "threshold": 2.5, "calibration_images": 7, "buffer_bytes": 99}]})"));
    EXPECT_EQ(to_json(parse_policy(copy, "copy")), copy);
    EXPECT_EQ(copy["layer_output"][0]["threshold"], 2.5);
}

}  // namespace
}  // namespace fluence::protect
