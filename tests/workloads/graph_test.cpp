// The arithmetic that graph.h defines, and the damage that validate() must refuse.
#include "workloads/graph.h"

#include <gmock/gmock.h>

#include <functional>
#include <limits>

#include "sim/core/error.h"
#include "tests/support/graph_builder.h"
#include "tests/support/random_graph.h"

namespace fluence::workloads {
namespace {

using ::testing::HasSubstr;

TEST(Rescale, RoundsHalfUpAndShiftsArithmetically) {
    EXPECT_EQ(rescale(5, 1, 1), 3);    // 2.5 → 3
    EXPECT_EQ(rescale(-5, 1, 1), -2);  // −2.5 → −2
    EXPECT_EQ(rescale(-6, 1, 2), -1);  // −1.5 → −1
    EXPECT_EQ(rescale(7, 3, 0), 21);
    EXPECT_EQ(rescale(std::int64_t{1} << 31, std::numeric_limits<std::int32_t>::max(), 62), 1);  // 0.99… → 1
}

TEST(Rescale, UsesSixBitsOfTheShiftAndWraps) {
    EXPECT_EQ(rescale(100, 1, 64), 100);  // 64 & 63 = 0
    EXPECT_EQ(rescale(100, 1, 66), 25);
    EXPECT_EQ(rescale(std::int64_t{1} << 62, 4, 0), 0);
}

TEST(FlipBits, StaysInTheStoredWidth) {
    EXPECT_EQ(flip_bits(NumberFormat::u8, 0, 0x80), 128);
    EXPECT_EQ(flip_bits(NumberFormat::s8, 0, 0x80), -128);
    EXPECT_EQ(flip_bits(NumberFormat::s8, -1, 0x01), -2);
    EXPECT_EQ(flip_bits(NumberFormat::s32, 0, 0x80000000u), std::numeric_limits<std::int32_t>::min());
}

TEST(FlipBits, TwiceIsNothing) {
    for (const NumberFormat format : {NumberFormat::u8, NumberFormat::s8}) {
        for (std::int32_t code = min_code(format); code <= max_code(format); ++code) {
            for (std::uint32_t bit = 0; bit < 8; ++bit) {
                const std::int32_t flipped = flip_bits(format, code, 1u << bit);
                EXPECT_TRUE(flipped >= min_code(format) && flipped <= max_code(format) && flipped != code);
                EXPECT_EQ(flip_bits(format, flipped, 1u << bit), code);
            }
        }
    }
}

TEST(GemmShape, OfGroupedConvolutionByHand) {
    RandomStream stream(1, RandomPurpose::testing, 0);
    test::GraphBuilder builder("hand", stream, {4, 7, 5}, NumberFormat::u8);
    test::GraphBuilder::ConvOptions options;
    options.window = {3, 2, 2, 1, 1, 0, 1, 2};
    options.groups = 2;
    builder.logits(builder.conv(builder.input(), 6, options), 3);
    const Graph graph = builder.finish();
    const GemmShape gemm = gemm_shape(graph, graph.layers[0]);
    EXPECT_EQ(gemm.m, 4 * 3);      // rows (7+2−3)/2+1, columns (5−2·1−1)/1+1
    EXPECT_EQ(gemm.k, 2 * 3 * 2);  // two channels a group
    EXPECT_EQ(gemm.n, 3);
    EXPECT_EQ(gemm.macs(), 12 * 12 * 3 * 2);
    const GemmShape linear = gemm_shape(graph, graph.layers[1]);
    EXPECT_EQ(linear.m, 1);
    EXPECT_EQ(linear.k, 6 * 4 * 3);
    EXPECT_EQ(linear.n, 3);
}

// A graph with every operator: conv, subsample, add, max_pool, concat, avg_pool, flatten, linear.
Graph whole_graph() {
    RandomStream stream(2, RandomPurpose::testing, 0);
    test::GraphBuilder builder("whole", stream, {2, 8, 8}, NumberFormat::u8);
    const TensorId left = builder.conv(builder.input(), 4, {{3, 3, 2, 2, 1, 1, 1, 1}, 1, false});
    const TensorId right = builder.subsample(builder.input(), 2, 1, 1);
    TensorId at = builder.add(left, right, true);
    at = builder.max_pool(at, {2, 2, 1, 1, 0, 0, 1, 1});
    at = builder.concat({at, at});
    at = builder.avg_pool(at, {3, 3, 1, 1, 0, 0, 1, 1});
    builder.logits(builder.flatten(at), 3);
    return builder.finish();
}

enum Index : std::size_t { kConv, kSubsample, kAdd, kMaxPool, kConcat, kAvgPool, kFlatten, kLogits };

struct Damage {
    const char* name;
    std::function<void(Graph&)> apply;
    const char* key;  // what the message must name
};

const std::vector<Damage>& damages() {
    static const std::vector<Damage> all = {
        {"NoName", [](Graph& g) { g.name = ""; }, "name"},
        {"LineBreakInName", [](Graph& g) { g.tensors[1].name = "a\nb"; }, "tensors[1].name"},
        {"TensorTwice", [](Graph& g) { g.tensors[1].name = g.tensors[2].name; }, "tensors[2].name"},
        {"LayerTwice", [](Graph& g) { g.layers[1].name = g.layers[0].name; }, "layers[1].name"},
        {"ZeroHeight", [](Graph& g) { g.tensors[0].shape.height = 0; }, "tensors[0].shape"},
        {"NegativeChannels", [](Graph& g) { g.tensors[0].shape.channels = -1; }, "tensors[0].shape"},
        {"HugeTensor",
         [](Graph& g) {
             g.tensors[0].shape = {INT32_MAX, INT32_MAX, INT32_MAX};
         },
         "tensors[0].shape"},
        {"ZeroScale", [](Graph& g) { g.tensors[3].scale = 0; }, "tensors[3].scale"},
        {"ScaleNan", [](Graph& g) { g.tensors[3].scale = std::nan(""); }, "tensors[3].scale"},
        {"InputOutside", [](Graph& g) { g.input = TensorId{99}; }, "input"},
        {"NegativeInput", [](Graph& g) { g.input = TensorId{-1}; }, "input"},
        {"LogitsOutside", [](Graph& g) { g.logits = TensorId{9}; }, "logits"},
        {"InputIsWide", [](Graph& g) { g.tensors[0].format = NumberFormat::s32; }, "input"},
        {"LogitsAreBytes", [](Graph& g) { g.tensors.back().format = NumberFormat::s8; }, "logits"},
        {"NoLayers", [](Graph& g) { g.layers.clear(); }, "layers"},
        {"OrderSwapped", [](Graph& g) { std::swap(g.layers[kAdd], g.layers[kMaxPool]); }, "layers[2].inputs"},
        {"MadeTwice", [](Graph& g) { g.layers[kSubsample].output = g.layers[kConv].output; },
         "layers[1].output"},
        {"OverwritesInput", [](Graph& g) { g.layers[kConv].output = g.input; }, "layers[0].output"},
        {"ReadByNobody",
         [](Graph& g) {
             g.layers[kConcat].inputs = {g.layers[kAdd].output, g.layers[kAdd].output};
         },
         "tensors[4]"},
        {"NoInputs", [](Graph& g) { g.layers[kConv].inputs.clear(); }, "layers[0].inputs"},
        {"AddOfThree", [](Graph& g) { g.layers[kAdd].inputs.push_back(g.input); }, "layers[2].inputs"},
        {"ConcatOfOne", [](Graph& g) { g.layers[kConcat].inputs.pop_back(); }, "layers[4].inputs"},
        {"AddOfDifferentShapes", [](Graph& g) { g.layers[kAdd].inputs[0] = g.input; }, ""},
        {"WrongShape", [](Graph& g) { g.tensors[1].shape.width += 3; }, "layers[0].output"},
        {"ZeroStride", [](Graph& g) { g.layers[kConv].window.stride_h = 0; }, "layers[0].window"},
        {"NegativePadding", [](Graph& g) { g.layers[kConv].window.pad_w = -1; }, "layers[0].window"},
        {"HugeDilation", [](Graph& g) { g.layers[kConv].window.dilation_w = INT32_MAX; }, "layers[0].window"},
        {"KernelTooLarge", [](Graph& g) { g.layers[kConv].window.kernel_h = 30000; }, "layers[0].weights"},
        {"GroupsDoNotDivide", [](Graph& g) { g.layers[kConv].groups = 3; }, "layers[0].groups"},
        {"ZeroGroups", [](Graph& g) { g.layers[kConv].groups = 0; }, "layers[0].groups"},
        {"WeightMissing", [](Graph& g) { g.layers[kConv].weights.pop_back(); }, "layers[0].weights"},
        {"BiasMissing", [](Graph& g) { g.layers[kLogits].bias.pop_back(); }, "layers[7].bias"},
        {"MultiplierMissing", [](Graph& g) { g.layers[kAdd].multiplier.pop_back(); }, "layers[2].multiplier"},
        {"NegativeMultiplier", [](Graph& g) { g.layers[kAvgPool].multiplier[0] = -1; },
         "layers[5].multiplier"},
        {"ShiftOf63", [](Graph& g) { g.layers[kConv].shift[1] = 63; }, "layers[0].shift"},
        {"ShiftOfMaxPool", [](Graph& g) { g.layers[kMaxPool].shift = {1}; }, "layers[3].multiplier"},
        {"ClampAboveFormat", [](Graph& g) { g.layers[kConv].clamp_hi = 128; }, "layers[0].clamp"},
        {"ClampUpsideDown", [](Graph& g) { g.layers[kAdd].clamp_lo = g.layers[kAdd].clamp_hi + 1; },
         "layers[2].clamp"},
        {"ClampOfFlatten", [](Graph& g) { g.layers[kFlatten].clamp_hi = 1; }, "layers[6].clamp"},
        {"WeightsOfAdd", [](Graph& g) { g.layers[kAdd].weights = {1}; }, "layers[2].weights"},
        {"WindowOfAdd", [](Graph& g) { g.layers[kAdd].window.stride_h = 2; }, "layers[2].window"},
        {"KernelOfSubsample", [](Graph& g) { g.layers[kSubsample].window.kernel_w = 2; }, "layers[1].window"},
        {"NoChannelLeft", [](Graph& g) { g.layers[kSubsample].channels_before = -99; },
         "layers[1].channels_before"},
        {"ChannelsBeforeConv", [](Graph& g) { g.layers[kConv].channels_before = 1; },
         "layers[0].channels_before"},
        {"MaxPoolOfPaddingOnly", [](Graph& g) { g.layers[kMaxPool].window = {1, 1, 1, 1, 1, 1, 1, 1}; },
         "layers[3].window"},
        {"MaxPoolChangesScale", [](Graph& g) { g.tensors[4].scale *= 2; }, "layers[3].output"},
    };
    return all;
}

class ValidateRefuses : public ::testing::TestWithParam<Damage> {};

TEST_P(ValidateRefuses, OneClearLine) {
    Graph graph = whole_graph();
    GetParam().apply(graph);
    try {
        validate(graph, "file.json");
        FAIL() << "accepted";
    } catch (const InputError& error) {
        EXPECT_THAT(error.what(), HasSubstr(std::string("file.json: ") + GetParam().key));
        EXPECT_THAT(error.what(), Not(HasSubstr("\n")));
    }
}

INSTANTIATE_TEST_SUITE_P(Damages, ValidateRefuses, ::testing::ValuesIn(damages()),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Validate, AcceptsTheUndamagedGraph) {
    EXPECT_NO_THROW(validate(whole_graph(), "file.json"));
}

// Kernel 2, dilation 2, padding 1: over one column each window has taps at −1 and 1, both padding; over three
// columns each window holds an element.
TEST(Validate, DilatedMaxPoolNeedsAnElementInEachWindow) {
    for (const int width : {1, 3}) {
        RandomStream stream(3, RandomPurpose::testing, 0);
        test::GraphBuilder builder("dilated", stream, {1, 1, width}, NumberFormat::u8);
        Window window;
        window.kernel_w = 2;
        window.dilation_w = 2;
        window.pad_w = 1;
        builder.logits(builder.max_pool(builder.input(), window), 2);
        if (width == 1) {
            EXPECT_THROW(builder.finish(), InputError);
        } else {
            EXPECT_NO_THROW(builder.finish());
        }
    }
}

}  // namespace
}  // namespace fluence::workloads
