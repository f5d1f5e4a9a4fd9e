#include "sim/protect/checksum.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "tests/support/graph_builder.h"

namespace {

using fluence::LayerId;
using fluence::RandomPurpose;
using fluence::RandomStream;
using fluence::TensorId;
using fluence::arith::LayerFault;
using fluence::protect::apply_checksum;
using fluence::protect::ChecksumPart;
using fluence::protect::ChecksumVerdict;
using fluence::protect::Policy;
using fluence::protect::ZeroPart;
using fluence::workloads::Graph;

// Layer 0: convolution to 10 channels in 2 groups on 4×4 pixels; layer 1: max pool; then flatten and logits.
Graph example_graph() {
    RandomStream stream(1, RandomPurpose::testing, 0);
    fluence::test::GraphBuilder builder("example", stream, {4, 4, 4}, fluence::workloads::NumberFormat::u8);
    fluence::test::GraphBuilder::ConvOptions conv;
    conv.groups = 2;
    const TensorId convolved = builder.conv(builder.input(), 10, conv);
    fluence::workloads::Window pool;
    pool.kernel_h = pool.kernel_w = pool.stride_h = pool.stride_w = 2;
    builder.logits(builder.flatten(builder.max_pool(convolved, pool)), 3);
    return builder.finish();
}

// Three columns: the five channels of a group fall into blocks of 3 and 2.
fluence::AcceleratorConfig three_columns() {
    fluence::AcceleratorConfig config;
    config.array.rows = 4;
    config.array.cols = 3;
    return config;
}

class Checksum : public testing::Test {
  protected:
    Checksum() : graph_(example_graph()), config_(three_columns()) {
        policy_.checksum = ChecksumPart{};
        policy_.zero = ZeroPart{};
    }

    ChecksumVerdict apply(LayerFault& fault) const { return apply_checksum(policy_, graph_, config_, fault); }

    static constexpr std::int64_t at(std::int64_t channel, std::int64_t pixel) {
        return channel * 16 + pixel;
    }

    static std::set<std::int64_t> zeroed(const LayerFault& fault) {
        std::set<std::int64_t> indices;
        for (const auto& forced : fault.forced) {
            EXPECT_EQ(forced.code, 0);
            EXPECT_TRUE(indices.insert(forced.index).second) << "each output once";
        }
        return indices;
    }

    Graph graph_;
    fluence::AcceleratorConfig config_;
    Policy policy_;
};

TEST_F(Checksum, AWrongAccumulatorIsDetectedAndItsBlockZeroed) {
    LayerFault fault;
    fault.accumulators = {{at(1, 5), 77}};
    const ChecksumVerdict verdict = apply(fault);
    EXPECT_TRUE(verdict.detected && verdict.suppressed);
    EXPECT_EQ(zeroed(fault), (std::set<std::int64_t>{at(0, 5), at(1, 5), at(2, 5)}));
}

TEST_F(Checksum, BlocksStayInsideTheirGroup) {
    LayerFault last_of_first_group;
    last_of_first_group.accumulators = {{at(4, 0), -1}};
    apply(last_of_first_group);
    EXPECT_EQ(zeroed(last_of_first_group), (std::set<std::int64_t>{at(3, 0), at(4, 0)}));

    LayerFault second_group;
    second_group.accumulators = {{at(6, 0), -1}, {at(8, 3), 1}};
    apply(second_group);
    EXPECT_EQ(zeroed(second_group),
              (std::set<std::int64_t>{at(5, 0), at(6, 0), at(7, 0), at(8, 3), at(9, 3)}));
}

TEST_F(Checksum, ErrorsThatCancelInTheSumAreMissed) {
    LayerFault fault;
    fault.accumulators = {{at(0, 5), 40}, {at(2, 5), -40}};
    EXPECT_FALSE(apply(fault).detected);
    EXPECT_TRUE(fault.forced.empty());

    LayerFault other_pixel;
    other_pixel.accumulators = {{at(0, 5), 40}, {at(2, 6), -40}};
    EXPECT_TRUE(apply(other_pixel).detected);

    LayerFault other_block;
    other_block.accumulators = {{at(0, 5), 40}, {at(3, 5), -40}};
    EXPECT_TRUE(apply(other_block).detected);
}

TEST_F(Checksum, AnActivationSeenByDataAndChecksumColumnsAlikeIsMissed) {
    // Wrong by 3 in front of weights 2, 5, −4: the checksum column holds their sum 3.
    LayerFault fault;
    fault.accumulators = {{at(0, 5), 6}, {at(1, 5), 15}, {at(2, 5), -12}};
    fault.checksum = {{5, 0, 9}};
    EXPECT_FALSE(apply(fault).detected);

    // The same upset behind the first column: that one computed with the true activation.
    LayerFault later;
    later.accumulators = {{at(1, 5), 15}, {at(2, 5), -12}};
    later.checksum = {{5, 0, 9}};
    EXPECT_TRUE(apply(later).detected);
}

TEST_F(Checksum, AWrongChecksumAloneIsAFalseAlarm) {
    LayerFault fault;
    fault.checksum = {{2, 8, 5}};
    EXPECT_TRUE(apply(fault).detected);
    EXPECT_EQ(zeroed(fault), (std::set<std::int64_t>{at(8, 2), at(9, 2)}));
}

TEST_F(Checksum, DeltasOfOneAccumulatorAddAsTheRegisterDoes) {
    LayerFault nothing_left;
    nothing_left.accumulators = {{at(0, 5), 40}, {at(0, 5), -40}};
    EXPECT_FALSE(apply(nothing_left).detected);

    // Twice 2³¹ wraps to nothing in one register of 32 bits …
    constexpr std::int32_t kTop = std::numeric_limits<std::int32_t>::min();
    LayerFault wrapped;
    wrapped.accumulators = {{at(0, 5), kTop}, {at(0, 5), kTop}};
    EXPECT_FALSE(apply(wrapped).detected);

    // … but not in the wide sum of two registers.
    LayerFault wide;
    wide.accumulators = {{at(0, 5), kTop}, {at(1, 5), kTop}};
    EXPECT_TRUE(apply(wide).detected);
}

// Where sums of 18 bits wrap, two that differ by a multiple of 2¹⁸ are the same to the comparator.
TEST_F(Checksum, NarrowSumsThatWrapAreComparedInTheirWidth) {
    config_.array.accumulator_bits = 18;
    const auto detected = [&](std::int32_t delta, std::int64_t checksum_delta) {
        LayerFault fault;
        fault.accumulators = {{at(0, 5), delta}};
        fault.checksum = {{5, 0, checksum_delta}};
        return apply(fault).detected;
    };
    EXPECT_TRUE(detected(1 << 17, 0));
    EXPECT_FALSE(detected(1 << 18, 0));
    EXPECT_TRUE(detected((1 << 18) + 1, 0));
    EXPECT_FALSE(detected(-5, (std::int64_t{7} << 18) - 5));
    config_.array.overflow = fluence::Overflow::saturate;  // refused where sums can leave their range
    EXPECT_TRUE(detected(1 << 18, 0));
}

TEST_F(Checksum, WithoutASuppressorItOnlyDetects) {
    policy_.zero.reset();
    LayerFault fault;
    fault.accumulators = {{at(0, 5), 40}};
    const ChecksumVerdict verdict = apply(fault);
    EXPECT_TRUE(verdict.detected);
    EXPECT_FALSE(verdict.suppressed);
    EXPECT_TRUE(fault.forced.empty());
}

TEST_F(Checksum, TheLogitsAreDetectedAndKept) {
    LayerFault fault;
    fault.layer = LayerId(3);
    ASSERT_EQ(graph_.layer(fault.layer).output, graph_.logits);
    fault.accumulators = {{1, 40}};
    const ChecksumVerdict verdict = apply(fault);
    EXPECT_TRUE(verdict.detected);
    EXPECT_FALSE(verdict.suppressed);
    EXPECT_TRUE(fault.forced.empty());
}

TEST_F(Checksum, WhatLiesBehindTheAccumulatorsIsNotSeen) {
    LayerFault fault;
    fault.outputs = {{at(0, 5), 128}};
    fault.parameters = {{fluence::arith::Parameter::bias, 0, 1000}};
    EXPECT_FALSE(apply(fault).detected);

    LayerFault pool;
    pool.layer = LayerId(1);
    pool.operands = {{0, 3, 200, 0, 40}};
    EXPECT_FALSE(apply(pool).detected);
}

TEST_F(Checksum, APolicyWithoutItDoesNothing) {
    policy_ = Policy();
    LayerFault fault;
    fault.accumulators = {{at(0, 5), 40}};
    EXPECT_FALSE(apply(fault).detected);
}

}  // namespace
