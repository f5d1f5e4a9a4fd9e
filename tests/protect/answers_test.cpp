// What the unit at the inference end keeps, and when a check reads and writes it.
#include "sim/protect/answers.h"

#include <gtest/gtest.h>

#include "sim/protect/rerun_area.h"
#include "tests/support/graph_builder.h"
#include "workloads/batch.h"

namespace fluence::protect {
namespace {

// `logits` logits of 32 bits.
workloads::Graph linear(int logits) {
    RandomStream stream(1, RandomPurpose::testing, 0);
    test::GraphBuilder builder("linear", stream, {3, 1, 1}, workloads::NumberFormat::s8);
    builder.logits(builder.input(), logits);
    return builder.finish();
}

Policy dmr(AnswerCompare compare, int runs = 3) {
    Policy policy;
    policy.temporal_dmr = TemporalDmrPart{compare, runs};
    return policy;
}

AcceleratorConfig machine(int latency, int bytes_per_cycle) {
    AcceleratorConfig config;
    config.dram.latency = Cycles(latency);
    config.dram.bytes_per_cycle = bytes_per_cycle;
    return config;
}

// Latency 7, 8 bytes a cycle: cycle 7 brings logits 0 and 1, cycle 8 the third one.
TEST(CheckTiming, ALogitIsComparedBehindTheCycleThatBringsItsLastByte) {
    const workloads::Graph graph = linear(3);
    const CheckTiming eight(dmr(AnswerCompare::logits), machine(7, 8), graph);
    EXPECT_EQ(eight.compared(0), 8);
    EXPECT_EQ(eight.compared(1), 8);
    EXPECT_EQ(eight.compared(2), 9);
    EXPECT_EQ(eight.cycles(), Cycles(10)) << "the last one is compared in the last cycle";
    // A byte a cycle: bytes 3, 7 and 11 come in cycles 3, 7 and 11.
    const CheckTiming one(dmr(AnswerCompare::logits), machine(0, 1), graph);
    EXPECT_EQ(one.compared(0), 4);
    EXPECT_EQ(one.compared(1), 8);
    EXPECT_EQ(one.compared(2), 12);
    EXPECT_EQ(one.cycles(), Cycles(13));
}

TEST(CheckTiming, ClassesAreComparedWhenAllLogitsHaveComeAndThresholdsAtTheEnd) {
    const workloads::Graph graph = linear(3);
    Policy policy = dmr(AnswerCompare::top1);
    EXPECT_EQ(CheckTiming(policy, machine(0, 1), graph).compared(0), 12);
    policy.temporal_dmr.reset();
    policy.confidence_rerun.emplace();
    const CheckTiming timing(policy, machine(0, 1), graph);
    EXPECT_EQ(timing.cycles(), Cycles(13 + 2 * 3 + 4));
    EXPECT_EQ(timing.thresholds_read(), 22);
    EXPECT_EQ(timing.compared(0), 4);
}

TEST(KeptAnswers, AreAllButTheLastAsLogitsOrClasses) {
    const workloads::Graph one = linear(3);
    const workloads::Graph two = workloads::batched(one, 2, "test");
    const workloads::Codes logits = {1, 40, 2, 4, 3, 6};  // of image 0: 1, 2, 3; of image 1: 40, 4, 6
    EXPECT_EQ(kept_answers(dmr(AnswerCompare::logits, 5)), 4);
    EXPECT_EQ(kept_words(dmr(AnswerCompare::logits), two), 6);
    EXPECT_EQ(kept_form(dmr(AnswerCompare::logits), two, logits), logits);
    EXPECT_EQ(kept_words(dmr(AnswerCompare::top1), two), 2);
    EXPECT_EQ(kept_form(dmr(AnswerCompare::top1), two, logits), (workloads::Codes{2, 0}));
    EXPECT_EQ(kept_bits(dmr(AnswerCompare::logits)), 32);
    EXPECT_EQ(kept_bits(dmr(AnswerCompare::top1)), 10);
    EXPECT_EQ(kept_answers(Policy()), 0);
    Policy due;
    due.due_rerun.emplace();
    EXPECT_EQ(kept_answers(due), 0);
}

// Registers of 8 bits: 0.3 stands there as 76 = 64 + 8 + 4.
TEST(ConfidenceThreshold, AWrongBitMovesItByItsWeight) {
    EXPECT_EQ(struck_threshold(0.3, 0), 0.3);
    EXPECT_DOUBLE_EQ(struck_threshold(0.3, 1u << 7), 0.8);
    EXPECT_DOUBLE_EQ(struck_threshold(0.3, 1u << 6), 0.05);
    EXPECT_DOUBLE_EQ(struck_threshold(0.3, 1u << 2 | 1u << 0), 0.3 - 4.0 / 256 + 1.0 / 256);
    EXPECT_DOUBLE_EQ(struck_threshold(0, 1), 1.0 / 256);
    EXPECT_DOUBLE_EQ(struck_threshold(1, 1u << 7), 0.5) << "1 stands there as 255/256";
    EXPECT_EQ(struck_threshold(1, 0), 1);
}

}  // namespace
}  // namespace fluence::protect
