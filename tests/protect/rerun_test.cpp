// The inference end: which run is followed by another one, what it costs, and how it is written in files.
#include "sim/protect/rerun.h"

#include <gtest/gtest.h>

#include <cmath>

#include "sim/core/error.h"
#include "sim/protect/confidence.h"
#include "tests/support/graph_builder.h"

namespace fluence::protect {
namespace {

using nlohmann::json;
using workloads::Codes;

// A network with three logits of 32 bits and the given scale.
workloads::Graph three_logits(double scale = 1) {
    RandomStream stream(1, RandomPurpose::testing, 0);
    test::GraphBuilder builder("linear", stream, {3, 1, 1}, workloads::NumberFormat::s8);
    builder.logits(builder.input(), 3);
    workloads::Graph graph = builder.finish();
    graph.tensors[index_of(graph.logits)].scale = scale;
    return graph;
}

Policy policy_of(const json& part, const json& memory = json::array()) {
    return parse_policy({{"name", "test"}, {"memory", memory}, {"inference_end", {part}}}, "test.json");
}

std::vector<AfterRun> judged(const Policy& policy, const workloads::Graph& graph,
                             const std::vector<RunEnd>& runs) {
    KeptAnswers answers(policy, graph);
    RerunJudge judge(policy);
    std::vector<AfterRun> after;
    for (const RunEnd& run : runs) {
        after.push_back(judge.judge(run, answers));
    }
    return after;
}

RunEnd answer(const Codes& logits) {
    return {false, false, false, logits};
}
RunEnd aborted() {
    return {true, false, false, {}};
}

constexpr AfterRun kAgain = AfterRun::again, kAccept = AfterRun::accept, kGiveUp = AfterRun::give_up;

TEST(Confidence, IsTheSoftmax) {
    const Codes logits = {0, 2, 1};
    const double sum = 1 + std::exp(1.0) + std::exp(0.5);  // scale ½
    EXPECT_DOUBLE_EQ(log_sum_exp(logits, 0.5), std::log(sum));
    EXPECT_NEAR(top1_confidence(logits, 0.5), std::exp(1.0) / sum, 1e-15);
    EXPECT_NEAR(top2_difference(logits, 0.5), (std::exp(1.0) - std::exp(0.5)) / sum, 1e-15);
    EXPECT_EQ(top2_difference({7}, 0.5), 1);
    EXPECT_NEAR(top1_confidence({2000000000, 0}, 1), 1, 1e-15) << "no overflow";
}

TEST(Rerun, TemporalDmrTakesTheFirstAnswerThatComesTwice) {
    const workloads::Graph graph = three_logits();
    const Policy policy = policy_of({{"part", "temporal-dmr"}, {"runs", 4}});
    const RunEnd a = answer({1, 2, 3}), b = answer({1, 2, 4}), c = answer({9, 2, 4}), d = answer({0, 0, 0});
    EXPECT_EQ(judged(policy, graph, {a, a}), (std::vector{kAgain, kAccept}));
    EXPECT_EQ(judged(policy, graph, {a, b, b}), (std::vector{kAgain, kAgain, kAccept}));
    EXPECT_EQ(judged(policy, graph, {a, b, a}), (std::vector{kAgain, kAgain, kAccept}));
    EXPECT_EQ(judged(policy, graph, {a, b, c, a}), (std::vector{kAgain, kAgain, kAgain, kAccept}));
    EXPECT_EQ(judged(policy, graph, {a, b, c, d}), (std::vector{kAgain, kAgain, kAgain, kGiveUp}));
    EXPECT_EQ(judged(policy, graph, {a, aborted()}), (std::vector{kAgain, kGiveUp}));
    for (const RunEnd& second : {a, b}) {
        KeptAnswers answers(policy, graph);
        RerunJudge judge(policy);
        judge.judge(a, answers);
        judge.judge(second, answers);
        EXPECT_EQ(judge.disagreed(), second.logits != a.logits);
    }
}

TEST(Rerun, AnswersMayBeComparedByTheirClassAlone) {
    const workloads::Graph graph = three_logits();
    const RunEnd a = answer({1, 2, 3}), same_class = answer({1, 2, 4}), other = answer({5, 2, 4});
    const Policy policy = policy_of({{"part", "temporal-dmr"}, {"compare", "top1"}, {"runs", 2}});
    EXPECT_EQ(judged(policy, graph, {a, same_class}), (std::vector{kAgain, kAccept}));
    EXPECT_EQ(judged(policy, graph, {a, other}), (std::vector{kAgain, kGiveUp}));
}

// Two logits apart by d have confidences 1/(1 + e^−d) and e^−d/(1 + e^−d); the third is far away.
TEST(Rerun, LowConfidenceAsksForAnotherRun) {
    const workloads::Graph graph = three_logits(0.1);
    const auto ends = [&](const json& part, int apart) {
        return judged(policy_of(part), graph, {answer({-10000, apart, 0})})[0];
    };
    const double top1 = 1 / (1 + std::exp(-0.5)), margin = 2 * top1 - 1;  // of codes that are 5 apart
    const auto top1_below = [](double t) {
        return json{{"part", "confidence-rerun"}, {"top1_confidence", t}};
    };
    const auto margin_below = [](double t) {
        return json{{"part", "confidence-rerun"}, {"top2_difference", t}};
    };
    EXPECT_EQ(ends(top1_below(top1 + 1e-9), 5), kAgain);
    EXPECT_EQ(ends(top1_below(top1 - 1e-9), 5), kAccept);
    EXPECT_EQ(ends(margin_below(margin + 1e-9), 5), kAgain);
    EXPECT_EQ(ends(margin_below(margin - 1e-9), 5), kAccept);
    EXPECT_EQ(ends({{"part", "confidence-rerun"}, {"top1_confidence", 0.1}, {"top2_difference", 0.9}}, 5),
              kAgain)
        << "either is enough";
    // The second answer is compared, whatever its confidence.
    const Policy policy = policy_of(margin_below(0.5));
    const RunEnd low = answer({0, 0, 0}), high = answer({0, 900, 0});
    EXPECT_EQ(judged(policy, graph, {low, low}), (std::vector{kAgain, kAccept}));
    EXPECT_EQ(judged(policy, graph, {low, high, low}), (std::vector{kAgain, kAgain, kAccept}));
    EXPECT_EQ(judged(policy, graph, {high}), (std::vector{kAccept}));
}

TEST(Rerun, RunsWithUncorrectedErrorsAreThrownAway) {
    const workloads::Graph graph = three_logits();
    const json parity = {{{"part", "parity"}}};
    const RunEnd good = answer({1, 2, 3});
    RunEnd zeroed = good, alarm = good;
    zeroed.zeroed = true;
    alarm.unrepaired = true;
    const Policy all = policy_of({{"part", "due-rerun"}, {"reruns", 2}}, parity);
    for (const RunEnd& bad : {aborted(), zeroed, alarm}) {
        EXPECT_EQ(judged(all, graph, {bad, good}), (std::vector{kAgain, kAccept}));
    }
    EXPECT_EQ(judged(all, graph, {aborted(), aborted(), aborted()}), (std::vector{kAgain, kAgain, kGiveUp}));
    EXPECT_EQ(judged(all, graph, {zeroed, zeroed, zeroed}), (std::vector{kAgain, kAgain, kAccept}))
        << "behind the last run its answer counts, as it would have without the part";
    const Policy words = policy_of({{"part", "due-rerun"}, {"on", {"zeroed-word"}}}, parity);
    EXPECT_EQ(judged(words, graph, {alarm}), (std::vector{kAccept}));
    EXPECT_EQ(judged(words, graph, {aborted()}), (std::vector{kGiveUp}));
    EXPECT_EQ(judged(words, graph, {zeroed, good}), (std::vector{kAgain, kAccept}));
}

TEST(Rerun, ThrownAwayRunsAreNoAnswers) {
    const workloads::Graph graph = three_logits();
    Policy policy = policy_of({{"part", "due-rerun"}, {"reruns", 1}}, {{{"part", "parity"}}});
    policy.temporal_dmr = TemporalDmrPart{AnswerCompare::logits, 2};
    const RunEnd good = answer({1, 2, 3}), other = answer({3, 2, 1});
    EXPECT_EQ(judged(policy, graph, {good, aborted(), good}), (std::vector{kAgain, kAgain, kAccept}));
    EXPECT_EQ(judged(policy, graph, {aborted(), good, good}), (std::vector{kAgain, kAgain, kAccept}));
    EXPECT_EQ(judged(policy, graph, {good, aborted(), other}), (std::vector{kAgain, kAgain, kGiveUp}));
}

// 3 logits of 4 bytes at 8 bytes a cycle behind a latency of 7.
TEST(Rerun, ChecksAndRestartsTakeTheirFormula) {
    const workloads::Graph graph = three_logits();
    AcceleratorConfig config;
    config.dram.latency = Cycles(7);
    config.dram.bytes_per_cycle = 8;
    EXPECT_EQ(check_cycles(Policy(), config, graph), Cycles(0));
    EXPECT_EQ(check_cycles(policy_of({{"part", "temporal-dmr"}}), config, graph), Cycles(7 + 2 + 1));
    const json confidence = {{"part", "confidence-rerun"}, {"top2_difference", 0.5}};
    EXPECT_EQ(check_cycles(policy_of(confidence), config, graph), Cycles(7 + 2 + 1 + 2 * 3 + 4));
    EXPECT_EQ(check_cycles(policy_of(confidence, {{{"part", "secded"}}}), config, graph),
              Cycles(7 + 1 + 2 + 1 + 2 * 3 + 4));
    EXPECT_EQ(check_cycles(policy_of({{"part", "due-rerun"}}, {{{"part", "parity"}}}), config, graph),
              Cycles(0));

    config.weight_buffer = {Bytes(1000), 64};     // 125 words in two banks
    config.activation_buffer = {Bytes(800), 64};  // 100 words
    config.output_buffer = {Bytes(400), 32, 1};   // 100 words in one bank
    EXPECT_EQ(restart_cycles(config), Cycles(100));
    config.output_buffer.banks = 2;
    EXPECT_EQ(restart_cycles(config), Cycles(63));
}

TEST(Rerun, AShareOfTheCalibrationImagesIsBelowTheThreshold) {
    Policy policy = policy_of({{"part", "confidence-rerun"}, {"calibration_share", 0.25}});
    ASSERT_TRUE(needs_rerun_calibration(policy));
    policy = with_calibrated_confidence(policy, {0.9, 0.1, 0.5, 0.3, 0.8, 0.2, 0.7, 0.6});
    EXPECT_FALSE(needs_rerun_calibration(policy));
    EXPECT_EQ(policy.confidence_rerun->top2_difference, 0.3);  // 0.1 and 0.2, two of eight, are below
}

std::string error_of(const json& inference_end, const json& rest = json::object()) {
    json value = {{"name", "test"}, {"inference_end", inference_end}};
    value.update(rest);
    try {
        parse_policy(value, "test.json");
    } catch (const InputError& error) {
        return error.what();
    }
    return "";
}

TEST(Rerun, WhatMakesNoSenseIsRefused) {
    const json dmr = {{"part", "temporal-dmr"}};
    const json low = {{"part", "confidence-rerun"}, {"top2_difference", 0.5}};
    const auto names = [](const std::string& text, const std::string& what) {
        return text.find(what) != std::string::npos && text.find('\n') == std::string::npos;
    };
    EXPECT_PRED2(names, error_of({dmr, low}), "temporal-dmr");
    EXPECT_PRED2(names, error_of({dmr, dmr}), "twice");
    EXPECT_PRED2(names, error_of({{{"part", "due-rerun"}}}), "no detector");
    EXPECT_PRED2(names, error_of({{{"part", "due-rerun"}}}, {{"memory", {{{"part", "sec"}}}}}),
                 "no detector");
    EXPECT_EQ(error_of({{{"part", "due-rerun"}}}, {{"memory", {{{"part", "secded"}}}}}), "");
    EXPECT_EQ(error_of({{{"part", "due-rerun"}}}, {{"pe", {{{"part", "dmr"}}}}}), "");
    EXPECT_PRED2(names, error_of({{{"part", "confidence-rerun"}}}), "top2_difference");
    EXPECT_PRED2(names, error_of({{{"part", "confidence-rerun"}, {"top2_difference", 1.5}}}),
                 "top2_difference");
    EXPECT_PRED2(
        names,
        error_of({{{"part", "confidence-rerun"}, {"top2_difference", 0.5}, {"calibration_share", 0.1}}}),
        "one of them");
    EXPECT_PRED2(names, error_of({{{"part", "temporal-dmr"}, {"runs", 1}}}), "runs");
    EXPECT_PRED2(names, error_of({{{"part", "temporal-dmr"}, {"compare", "codes"}}}), "logits, top1");
    EXPECT_PRED2(names, error_of({{{"part", "due-rerun"}, {"on", {"hang"}}}}, {{"pe", {{{"part", "dmr"}}}}}),
                 "zeroed-word");
}

}  // namespace
}  // namespace fluence::protect
