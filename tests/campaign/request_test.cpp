// Requests of several runs, by hand: one linear layer of one fold.
#include "sim/campaign/request.h"

#include <gtest/gtest.h>

#include "sim/accel/machine.h"
#include "sim/dataflow/memory_map.h"
#include "sim/protect/rerun.h"
#include "tests/accel/machines.h"
#include "tests/support/graph_builder.h"
#include "tests/support/upsets.h"

namespace fluence::campaign {
namespace {

using fault::SiteKind;
using fault::Upset;
using traces::Cycle;

workloads::Graph linear() {
    RandomStream stream(1, RandomPurpose::testing, 0);
    test::GraphBuilder builder("linear", stream, {3, 1, 1}, workloads::NumberFormat::s8);
    builder.logits(builder.input(), 2);
    return builder.finish();
}

Upset at(SiteKind site, Cycle cycle, std::int64_t unit = 0, int bit = 6) {
    return test::upset(site, unit, cycle, bit);
}

struct Requests : testing::Test {
    workloads::Graph graph = linear();
    AcceleratorConfig config = test::machine("hand", {});
    protect::Policy policy;
    traces::Timeline timeline;
    Cycle run = 0, check = 0, restart = 0, multiplies = 0;

    void use(const nlohmann::json& value) {
        policy = protect::parse_policy(value, "test");
        timeline = accel::time_machine(graph, config, policy);
        run = timeline.cycles;
        multiplies = cycle_that_matters();
        check = protect::check_cycles(policy, config, graph).count();
        restart = protect::restart_cycles(config).count();
    }
    // In which an upset of PE(0,0)'s weight register changes the answer of a run.
    Cycle cycle_that_matters() const {
        const protect::Policy none;
        const traces::Timeline times = accel::time_machine(graph, config, none);
        InferenceRunner runner(graph, config, none, times, {}, {10, 20, 30});
        Cycle cycle = 0;
        while (cycle < times.cycles &&
               runner.run({at(SiteKind::pe_weight, cycle)}).result.outcome == Outcome::masked) {
            ++cycle;
        }
        EXPECT_LT(cycle, times.cycles);
        return cycle;
    }
    Inference answer(const std::vector<Upset>& upsets) {
        InferenceRunner runner(graph, config, policy, timeline, {}, {10, 20, 30});
        const Inference fast = runner.run(upsets).result;
        const accel::DetailedRun detailed =
            accel::run_detailed(graph, config, policy, timeline, {10, 20, 30}, upsets);
        EXPECT_EQ(fast.runs, detailed.runs);
        EXPECT_EQ(fast.cycles, detailed.cycles);
        EXPECT_EQ(fast.flags.detected, detailed.detected);
        EXPECT_TRUE(fast.flags.aborted || fast.logits == detailed.tensors[index_of(graph.logits)]);
        return fast;
    }
    std::int64_t weight_word() const {
        return dataflow::MemoryMap(graph, config).weight_block(layer_id(0), 0, 0, 0).first_word;
    }
};

const nlohmann::json kTemporalDmr = {{"name", "dmr"}, {"inference_end", {{{"part", "temporal-dmr"}}}}};

TEST_F(Requests, WithoutUpsetsTemporalDmrTakesTwoRuns) {
    use(kTemporalDmr);
    const Inference clean = answer({});
    EXPECT_EQ(clean.runs, 2);
    EXPECT_EQ(clean.cycles, 2 * (run + check) + restart);
    EXPECT_EQ(clean.outcome, Outcome::masked);
    const FaultFreeRequest expected = fault_free_request(policy, graph, config, run, clean.logits);
    EXPECT_EQ(expected.runs, 2);
    EXPECT_EQ(expected.cycles, clean.cycles);
}

// Two of three answers are right, whichever run was struck.
TEST_F(Requests, ATransientUpsetIsOutvoted) {
    use(kTemporalDmr);
    for (const Cycle begin : {Cycle(0), run + check + restart}) {
        const Inference outvoted = answer({at(SiteKind::pe_weight, begin + multiplies)});
        EXPECT_EQ(outvoted.runs, 3);
        EXPECT_EQ(outvoted.cycles, 3 * (run + check) + 2 * restart);
        EXPECT_EQ(outvoted.outcome, Outcome::masked);
        EXPECT_TRUE(outvoted.flags.detected);
    }
    const Inference never = answer({at(SiteKind::pe_weight, 2 * (run + check + restart) + multiplies)});
    EXPECT_EQ(never.runs, 2) << "the third run did not happen";
}

TEST_F(Requests, WhatStrikesTheArrayBetweenTwoRunsIsGone) {
    use(kTemporalDmr);
    for (const Cycle cycle : {run, run + check + restart - 1}) {
        EXPECT_EQ(answer({at(SiteKind::pe_weight, cycle)}).runs, 2);
        EXPECT_EQ(answer({at(SiteKind::weight_buffer, cycle)}).runs, 2);
    }
}

// A weight in DRAM stays wrong: both runs say the same.
TEST_F(Requests, AnUpsetInDramIsTheSameInEveryRun) {
    use(kTemporalDmr);
    const Inference wrong = answer({at(SiteKind::dram, 0, weight_word())});
    EXPECT_EQ(wrong.runs, 2);
    EXPECT_NE(wrong.outcome, Outcome::masked);
    EXPECT_FALSE(wrong.flags.detected);
}

// From the last cycle of the first run on, the other two runs see it and win the vote.
TEST_F(Requests, AnUpsetInDramBetweenTwoRunsWinsTheVote) {
    use(kTemporalDmr);
    for (const Cycle cycle : {run - 1, run, run + check + restart - 1}) {
        const Inference wrong = answer({at(SiteKind::dram, cycle, weight_word())});
        EXPECT_EQ(wrong.runs, 3);
        EXPECT_NE(wrong.outcome, Outcome::masked);
        EXPECT_TRUE(wrong.flags.detected);
    }
}

// Without repair in between an answer of each kind remains: nobody agrees.
TEST_F(Requests, AnswersThatAllDifferAreDue) {
    use({{"name", "two"}, {"inference_end", {{{"part", "temporal-dmr"}, {"runs", 2}}}}});
    const Inference torn = answer({at(SiteKind::pe_weight, run + check + restart + multiplies)});
    EXPECT_EQ(torn.runs, 2);
    EXPECT_EQ(torn.outcome, Outcome::due);
    EXPECT_TRUE(torn.flags.unrepaired);
}

// Scrubbing in the first run repairs the word that it read wrong; the second run finds it right.
TEST_F(Requests, ScrubbingRepairsDramForTheNextRun) {
    use({{"name", "scrubbed"},
         {"memory", {{{"part", "secded"}, {"words", {"dram"}}, {"scrub_period_cycles", 1}}}},
         {"inference_end", {{{"part", "temporal-dmr"}}}}});
    const Inference repaired = answer({at(SiteKind::dram, run - 2, weight_word())});
    EXPECT_EQ(repaired.outcome, Outcome::masked);
    EXPECT_TRUE(repaired.flags.corrected);
}

// A latency of 7, then one cycle brings both logits: they are compared in cycle 8 of a check of 9, and
// written at the edge behind it.
TEST_F(Requests, AKeptAnswerIsSeenFromItsWriteToItsComparison) {
    use(kTemporalDmr);
    ASSERT_EQ(check, 9);
    const Cycle second = run + check + restart;
    const Cycle written = run + 8 + 1, compared = second + run + 8;
    for (const std::int64_t logit : {0, 1}) {
        for (const Cycle cycle : {written, run + check + restart - 1, second, compared}) {
            const Inference third = answer({at(SiteKind::kept_answer, cycle, logit, 31)});
            EXPECT_EQ(third.runs, 3) << cycle;
            EXPECT_EQ(third.outcome, Outcome::masked) << "the second answer and the third agree";
            EXPECT_TRUE(third.flags.detected);
            EXPECT_FALSE(third.flags.unrepaired);
            EXPECT_EQ(third.dead, fault::DeadReason::none);
        }
        for (const auto& [cycle, dead] : {std::pair{Cycle(0), fault::DeadReason::overwritten},
                                          {written - 1, fault::DeadReason::overwritten},
                                          {compared + 1, fault::DeadReason::never_read}}) {
            const Inference clean = answer({at(SiteKind::kept_answer, cycle, logit, 31)});
            EXPECT_EQ(clean.runs, 2) << cycle;
            EXPECT_EQ(clean.dead, dead);
            EXPECT_FALSE(clean.flags.detected);
        }
    }
    // The place of the second answer: nothing compares it any more.
    EXPECT_EQ(answer({at(SiteKind::kept_answer, written, 2)}).dead, fault::DeadReason::overwritten);
    EXPECT_EQ(answer({at(SiteKind::kept_answer, compared + 1, 2)}).dead, fault::DeadReason::never_read);
    // Two upsets of one bit are none; a third answer is not kept.
    EXPECT_EQ(answer({at(SiteKind::kept_answer, written, 0), at(SiteKind::kept_answer, compared, 0)}).runs,
              2);
    InferenceRunner runner(graph, config, policy, timeline, {}, {10, 20, 30});
    EXPECT_EQ(runner.run({at(SiteKind::kept_answer, written, 4)}).result.dead, fault::DeadReason::absent);
}

TEST_F(Requests, AWrongKeptAnswerIsUnresolvedWithoutAThirdRun) {
    use({{"name", "two"}, {"inference_end", {{{"part", "temporal-dmr"}, {"runs", 2}}}}});
    const Inference torn = answer({at(SiteKind::kept_answer, run + check)});
    EXPECT_EQ(torn.runs, 2);
    EXPECT_TRUE(torn.flags.unrepaired);
    EXPECT_EQ(torn.outcome, Outcome::masked) << "the answer that is given is right";
}

// Classes 0 and 1: the kept class becomes that of a second run which is wrong.
TEST_F(Requests, AWrongKeptClassMayAgreeWithAWrongAnswer) {
    const nlohmann::json dmr = {{"part", "temporal-dmr"}, {"compare", "top1"}};
    use({{"name", "top1"}, {"inference_end", {dmr}}});
    const Cycle begin = run + check + restart;
    InferenceRunner runner(graph, config, policy, timeline, {}, {10, 20, 30});
    Upset wrong;  // that makes the second run's class another one: the highest bits of a sum
    for (Cycle cycle = begin; cycle < begin + run && wrong.bits.none(); ++cycle) {
        for (const int bit : {30, 31}) {
            for (const std::int64_t sum : {0, 1}) {
                const Upset upset = at(SiteKind::output_buffer, cycle, sum, bit);
                wrong = runner.run({upset}).result.flags.detected ? upset : wrong;
            }
        }
    }
    ASSERT_TRUE(wrong.bits.any());
    EXPECT_EQ(answer({wrong}).runs, 3);
    const Inference agreed = answer({wrong, at(SiteKind::kept_answer, begin, 0, 0)});
    EXPECT_EQ(agreed.runs, 2);
    EXPECT_EQ(agreed.outcome, Outcome::sdc);
    EXPECT_FALSE(agreed.flags.detected);
    EXPECT_EQ(agreed.dead, fault::DeadReason::none);
    EXPECT_EQ(answer({at(SiteKind::kept_answer, begin, 0, 10)}).dead, fault::DeadReason::absent)
        << "a class has 10 bits";
}

// Nearly equal logits: margins are near 0, the larger probability is near 1/2. Bit 7 of a register is 1/2.
TEST_F(Requests, AWrongThresholdGivesAFalseAlarmOrMissesOne) {
    graph.tensors[index_of(graph.logits)].scale = 1e-9;
    const auto part = [](double top1, double top2) {
        return nlohmann::json{
            {"part", "confidence-rerun"}, {"top1_confidence", top1}, {"top2_difference", top2}};
    };
    const auto struck = [&](Cycle cycle, std::int64_t unit) {
        return answer({at(SiteKind::confidence_threshold, cycle, unit, 7)});
    };
    for (const std::int64_t unit : {0, 1}) {
        use({{"name", "sure"}, {"inference_end", {part(0.25, 0)}}});
        EXPECT_EQ(answer({}).runs, 1);
        for (const Cycle cycle : {Cycle(0), run + check - 1}) {
            const Inference alarm = struck(cycle, unit);
            EXPECT_EQ(alarm.runs, 2) << cycle;
            EXPECT_EQ(alarm.outcome, Outcome::masked);
            EXPECT_EQ(alarm.dead, fault::DeadReason::none);
        }
        EXPECT_EQ(struck(run + check, unit).dead, fault::DeadReason::never_read);
        use({{"name", "unsure"}, {"inference_end", {unit == 0 ? part(0.75, 0) : part(0, 0.5)}}});
        EXPECT_EQ(answer({}).runs, 2);
        const Inference missed = struck(run + check - 1, unit);
        EXPECT_EQ(missed.runs, 1);
        EXPECT_EQ(missed.outcome, Outcome::masked);
        EXPECT_EQ(missed.cycles, run + check);
        EXPECT_EQ(struck(run + check, unit).runs, 2);
    }
}

// Nothing of it is there where nothing compares answers.
TEST_F(Requests, WithoutAnInferenceEndItsStateIsAbsent) {
    use({{"name", "none"}});
    InferenceRunner runner(graph, config, policy, timeline, {}, {10, 20, 30});
    for (const SiteKind site : {SiteKind::kept_answer, SiteKind::confidence_threshold}) {
        EXPECT_EQ(runner.run({at(site, 0)}).result.dead, fault::DeadReason::absent);
    }
}

// A draw's phase is a share of the run, but of the whole request where its state is struck; not so where
// further runs are struck by draws of their own.
TEST_F(Requests, StateOfARequestIsStruckInAllOfIt) {
    use(kTemporalDmr);
    const Cycle request = 2 * (run + check) + restart;
    fault::FaultDraw draw;
    draw.phase = 0.75;
    const auto cycle = [&](SiteKind site, bool later) {
        draw.upset = at(site, 0);
        return upsets_of_request({config, policy, 100}, draw, {run, request, later})[0].cycle;
    };
    EXPECT_EQ(cycle(SiteKind::pe_weight, false), run * 3 / 4);
    EXPECT_EQ(cycle(SiteKind::kept_answer, false), request * 3 / 4);
    EXPECT_EQ(cycle(SiteKind::kept_answer, true), run * 3 / 4);
    draw.upset = at(SiteKind::dram, 0);
    draw.further = {{at(SiteKind::kept_answer, 0), 1.5, {}},
                    {at(SiteKind::confidence_threshold, 0), 0.5, {}}};
    const std::vector<Upset> all = upsets_of_request({config, policy, 100}, draw, {run, request, false});
    ASSERT_EQ(all.size(), 3U);
    EXPECT_EQ(all[1].cycle, run * 3 / 2) << "drawn behind the first run";
    EXPECT_EQ(all[2].cycle, request / 2);
}

// The weight buffer's word is found wrong in the cycle in which it is read, and the run ends there.
TEST_F(Requests, AnAbortedRunIsRunAgain) {
    const nlohmann::json memory = {{{"part", "parity"}, {"words", {"weight_buffer"}}, {"on_due", "abort"}}};
    use({{"name", "abort"}, {"memory", memory}});
    Cycle struck = 0;
    Inference ended;
    while (!ended.flags.aborted) {
        ended = answer({at(SiteKind::weight_buffer, ++struck)});
        ASSERT_LT(struck, run);
    }
    use({{"name", "rerun"}, {"memory", memory}, {"inference_end", {{{"part", "due-rerun"}}}}});
    const Inference again = answer({at(SiteKind::weight_buffer, struck)});
    EXPECT_EQ(again.runs, 2);
    EXPECT_EQ(again.outcome, Outcome::masked);
    EXPECT_TRUE(again.flags.detected);
    EXPECT_FALSE(again.flags.aborted);
    EXPECT_EQ(again.cycles, ended.cycles + restart + run);

    const Inference twice = answer(
        {at(SiteKind::weight_buffer, struck), at(SiteKind::weight_buffer, ended.cycles + restart + struck)});
    EXPECT_EQ(twice.runs, 2);
    EXPECT_EQ(twice.outcome, Outcome::due);
    EXPECT_EQ(twice.cycles, 2 * ended.cycles + restart);
}

}  // namespace
}  // namespace fluence::campaign
