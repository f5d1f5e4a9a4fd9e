// What is left of a large case under a comparison whose fault is known.
#include "sim/check/shrink.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "sim/check/batch.h"
#include "sim/check/draw.h"
#include "tests/check/broken.h"

namespace fluence {
namespace {

using check::Case;
using check::ShrinkResult;
using check::UpsetList;
using traces::SiteKind;
using workloads::OpKind;

constexpr std::uint64_t kSeed = 42;

bool has_kind(const workloads::Graph& graph, OpKind kind) {
    return std::any_of(graph.layers.begin(), graph.layers.end(),
                       [kind](const workloads::Layer& layer) { return layer.kind == kind; });
}

bool strikes(const UpsetList& upsets, SiteKind site, std::size_t bits = 1) {
    return std::any_of(upsets.begin(), upsets.end(), [&](const traces::Upset& upset) {
        return upset.site == site && upset.bits.count() >= bits;
    });
}

// The first drawn case that differs.
Case first_case(const check::Comparison& compare) {
    for (std::int64_t number = 0;; ++number) {
        const Case one = check::case_of(kSeed, number);
        if (!compare(one.setup, {}, {one.upsets}).front().difference.empty()) {
            return one;
        }
    }
}

TEST(Shrink, LeavesTheLeastThatIsBroken) {
    const auto compare = test::broken_comparison([](const check::Setup& setup, const UpsetList& upsets) {
        return has_kind(setup.graph, OpKind::conv) && strikes(upsets, SiteKind::pe_psum) &&
               setup.config.array.rows > 2 && setup.graph.layers.size() > 1;
    });
    const ShrinkResult result = check::shrink(first_case(compare), compare);
    const check::Setup& setup = result.smallest.setup;
    EXPECT_EQ(result.difference, "broken: on purpose");
    ASSERT_EQ(result.smallest.upsets.size(), 1U);
    EXPECT_EQ(result.smallest.upsets[0].site, SiteKind::pe_psum);
    EXPECT_EQ(result.smallest.upsets[0].bits.count(), 1U);
    ASSERT_EQ(setup.graph.layers.size(), 2U);
    EXPECT_EQ(setup.graph.layers[0].kind, OpKind::conv);
    EXPECT_EQ(setup.graph.layers[0].weights.size(), 1U);
    EXPECT_EQ(setup.graph.layers[1].weights.size(), 2U);  // two classes
    EXPECT_EQ(setup.image.size(), 1U);
    EXPECT_EQ(setup.config.array.rows, 3);
    EXPECT_EQ(setup.config.array.cols, 1);
    EXPECT_EQ(setup.config.array.dataflow, "weight-stationary");
    EXPECT_EQ(setup.config.array.accumulator_bits, 32);
    EXPECT_FALSE(setup.policy.range || setup.policy.checksum);
    for (const protect::MemoryPart& part : setup.policy.memory) {
        EXPECT_EQ(part.code, "none");
    }
}

TEST(Shrink, KeepsWhatTheFaultNeeds) {
    const auto compare = test::broken_comparison([](const check::Setup& setup, const UpsetList& upsets) {
        return setup.policy.memory[index_of(Memory::output_buffer)].code != "none" &&
               setup.config.array.skew == Skew::internal && strikes(upsets, SiteKind::output_buffer, 2) &&
               strikes(upsets, SiteKind::dram);
    });
    const ShrinkResult result = check::shrink(first_case(compare), compare);
    const check::Setup& setup = result.smallest.setup;
    EXPECT_EQ(result.smallest.upsets.size(), 2U);
    EXPECT_EQ(setup.graph.layers.size(), 1U);
    EXPECT_NE(setup.policy.memory[index_of(Memory::output_buffer)].code, "none");
    EXPECT_EQ(setup.policy.memory[index_of(Memory::dram)].code, "none");
    EXPECT_EQ(setup.config.array.skew, Skew::internal);
    EXPECT_EQ(setup.config.array.rows, 1);
}

// A shrunk case that differs in another way is another case.
TEST(Shrink, StaysWithTheSameDifference) {
    const check::Comparison compare = [](const check::Setup& setup, const check::TileLevelRun&,
                                         const std::vector<UpsetList>& lists) {
        std::vector<check::Verdict> verdicts(lists.size());
        for (check::Verdict& verdict : verdicts) {
            verdict.difference = setup.config.array.rows > 4 ? "outcome: masked" : "flags: other";
        }
        return verdicts;
    };
    Case one;
    for (std::int64_t number = 0; one.setup.config.array.rows <= 4; number += check::kCasesPerMachine) {
        one = check::case_of(kSeed, number);
    }
    EXPECT_EQ(check::shrink(one, compare).smallest.setup.config.array.rows, 5);
}

TEST(Shrink, DependsOnTheCaseAloneAndStopsWhenAsked) {
    const auto compare = test::broken_comparison([](const check::Setup&, const UpsetList&) { return true; });
    const Case one = check::case_of(kSeed, 3);
    EXPECT_EQ(to_json(check::shrink(one, compare).smallest), to_json(check::shrink(one, compare).smallest));
    const ShrinkResult stopped = check::shrink(one, compare, check::kShrinkBudget, [] { return true; });
    EXPECT_EQ(to_json(stopped.smallest), to_json(one));
}

}  // namespace
}  // namespace fluence
