// Requests of several runs, by hand: one linear layer of one fold.
#include "sim/campaign/request.h"

#include <gtest/gtest.h>

#include "sim/accel/machine.h"
#include "sim/dataflow/memory_map.h"
#include "sim/protect/rerun.h"
#include "tests/accel/machines.h"
#include "tests/support/graph_builder.h"

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

Upset at(SiteKind site, Cycle cycle, std::int64_t unit = 0) {
    Upset upset;
    upset.site = site;
    upset.unit = unit;
    upset.cycle = cycle;
    upset.bits.set(6);
    return upset;
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
