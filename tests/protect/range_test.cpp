#include "sim/protect/range.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "sim/core/error.h"
#include "tests/support/graph_builder.h"

namespace {

using fluence::RandomPurpose;
using fluence::RandomStream;
using fluence::TensorId;
using fluence::arith::OutputBounds;
using fluence::protect::output_bounds;
using fluence::protect::Policy;
using fluence::protect::RangePart;
using fluence::test::GraphBuilder;
using fluence::workloads::Bundle;
using fluence::workloads::NumberFormat;
using fluence::workloads::OpKind;
using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;

fluence::workloads::Window window(int edge, int pad = 0) {
    fluence::workloads::Window result;
    result.kernel_h = result.kernel_w = result.stride_h = result.stride_w = edge;
    result.pad_h = result.pad_w = pad;
    return result;
}

// conv (2 channels, ReLU) → max pool → concat with a strided second conv (3, ReLU) → subsample with a zero
// channel on each side → avg pool → flatten → logits; and a signed conv beside it.
struct Example {
    Bundle bundle;
    std::size_t conv, max_pool, strided, concat, subsample, avg_pool, flatten, logits;
};

Example example() {
    RandomStream stream(7, RandomPurpose::testing, 0);
    GraphBuilder builder("example", stream, {1, 8, 8}, NumberFormat::u8);
    GraphBuilder::ConvOptions relu;
    const TensorId a = builder.conv(builder.input(), 2, relu);
    const TensorId pooled = builder.max_pool(a, window(2));
    GraphBuilder::ConvOptions strided;
    strided.window.stride_h = strided.window.stride_w = 2;
    const TensorId b = builder.conv(builder.input(), 3, strided);
    const TensorId joined = builder.concat({pooled, b});
    const TensorId sampled = builder.subsample(joined, 2, 1, 1);
    const TensorId averaged = builder.avg_pool(sampled, window(2));
    builder.logits(builder.flatten(averaged), 3);
    Example result{{}, 0, 1, 2, 3, 4, 5, 6, 7};
    result.bundle.graph = builder.finish();
    result.bundle.profile.resize(result.bundle.graph.tensors.size());
    result.bundle.profile[index_of(a)] = {{0, 3}, {100, 255}};
    result.bundle.profile[index_of(b)] = {{0, 0, 1}, {50, 60, 70}};
    return result;
}

Policy policy(RangePart::Mode mode, RangePart::Granularity granularity) {
    Policy result;
    result.range = RangePart{mode, granularity};
    return result;
}

const auto kByChannel = policy(RangePart::Mode::clamp, RangePart::Granularity::channel);
const auto kByLayer = policy(RangePart::Mode::zero, RangePart::Granularity::layer);

TEST(Range, NoPartNoBounds) {
    EXPECT_THAT(output_bounds(Policy(), example().bundle), IsEmpty());
}

TEST(Range, ChannelBoundsAreTheProfile) {
    const Example e = example();
    const auto bounds = output_bounds(kByChannel, e.bundle);
    ASSERT_EQ(bounds.size(), e.bundle.graph.layers.size());
    EXPECT_THAT(bounds[e.conv].lo, ElementsAre(0, 3));
    EXPECT_THAT(bounds[e.conv].hi, ElementsAre(100, 255));
    EXPECT_FALSE(bounds[e.conv].zero_outside);
}

TEST(Range, LayerBoundsAreTheExtremesOverTheChannels) {
    const Example e = example();
    const auto bounds = output_bounds(kByLayer, e.bundle);
    EXPECT_THAT(bounds[e.conv].lo, ElementsAre(0, 0));
    EXPECT_THAT(bounds[e.conv].hi, ElementsAre(255, 255));
    EXPECT_THAT(bounds[e.strided].hi, ElementsAre(70, 70, 70));
    EXPECT_TRUE(bounds[e.conv].zero_outside);
}

TEST(Range, PoolsReuseTheBoundsOfTheirInput) {
    const Example e = example();
    const auto bounds = output_bounds(kByChannel, e.bundle);
    EXPECT_EQ(bounds[e.max_pool].lo, bounds[e.conv].lo);
    EXPECT_EQ(bounds[e.max_pool].hi, bounds[e.conv].hi);
}

// Requantisation as a real number: multiplier · acc / 2^shift, held inside the layer's clamp.
double requantised(const Example& e, std::size_t layer, std::size_t parameter, double acc) {
    const auto& l = e.bundle.graph.layers[layer];
    const double code = acc * l.multiplier[parameter] / std::exp2(l.shift[parameter]);
    return std::clamp<double>(code, l.clamp_lo, l.clamp_hi);
}

TEST(Range, ConcatenationRequantisesTheBoundsOfEachInput) {
    const Example e = example();
    const auto bounds = output_bounds(kByChannel, e.bundle);
    ASSERT_EQ(bounds[e.concat].hi.size(), 5u);
    struct Source {
        std::size_t input, layer, channel;
    };
    const std::vector<Source> sources = {
        {0, e.max_pool, 0}, {0, e.max_pool, 1}, {1, e.strided, 0}, {1, e.strided, 1}, {1, e.strided, 2}};
    for (std::size_t c = 0; c < sources.size(); ++c) {
        const Source& s = sources[c];
        EXPECT_NEAR(bounds[e.concat].hi[c], requantised(e, e.concat, s.input, bounds[s.layer].hi[s.channel]),
                    0.5);
        EXPECT_NEAR(bounds[e.concat].lo[c], requantised(e, e.concat, s.input, bounds[s.layer].lo[s.channel]),
                    0.5);
    }
}

TEST(Range, SubsamplePadsWithZeroChannels) {
    const Example e = example();
    const auto bounds = output_bounds(kByChannel, e.bundle);
    ASSERT_EQ(bounds[e.subsample].hi.size(), 7u);
    EXPECT_EQ(bounds[e.subsample].hi.front(), 0);
    EXPECT_EQ(bounds[e.subsample].hi.back(), 0);
    for (std::size_t c = 0; c < 5; ++c) {
        EXPECT_EQ(bounds[e.subsample].hi[c + 1], bounds[e.concat].hi[c]);
    }
}

TEST(Range, AnAveragePoolMapsAWindowFullOfTheBound) {
    const Example e = example();
    const auto bounds = output_bounds(kByChannel, e.bundle);
    for (std::size_t c = 0; c < 7; ++c) {
        EXPECT_NEAR(bounds[e.avg_pool].hi[c], requantised(e, e.avg_pool, 0, 4.0 * bounds[e.subsample].hi[c]),
                    0.5);
    }
}

TEST(Range, ReshapesAndLogitsAreFree) {
    const Example e = example();
    for (const Policy& p : {kByChannel, kByLayer}) {
        const auto bounds = output_bounds(p, e.bundle);
        EXPECT_THAT(bounds[e.flatten].hi, IsEmpty());
        EXPECT_THAT(bounds[e.logits].hi, IsEmpty());
    }
}

TEST(Range, SignedOutputsAreNotRestricted) {
    RandomStream stream(8, RandomPurpose::testing, 0);
    GraphBuilder builder("signed", stream, {1, 4, 4}, NumberFormat::u8);
    GraphBuilder::ConvOptions linear;
    linear.relu = false;
    const TensorId a = builder.conv(builder.input(), 2, linear);
    builder.logits(builder.flatten(builder.max_pool(a, window(2))), 3);
    Bundle bundle;
    bundle.graph = builder.finish();
    for (const OutputBounds& bounds : output_bounds(kByChannel, bundle)) {
        EXPECT_THAT(bounds.lo, IsEmpty());
    }
}

TEST(Range, AMissingProfileIsNamed) {
    Example e = example();
    e.bundle.profile.clear();
    try {
        output_bounds(kByChannel, e.bundle);
        FAIL() << "no error";
    } catch (const fluence::InputError& error) {
        EXPECT_THAT(error.what(), testing::HasSubstr("profile"));
        EXPECT_THAT(error.what(), testing::HasSubstr("example"));
    }
}

}  // namespace
