// Duplicated filters (FLR): which channels, in which order, and what the comparison sees.
#include "sim/protect/duplication.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "sim/core/error.h"
#include "sim/core/random.h"
#include "sim/protect/detection.h"
#include "tests/support/random_graph.h"

namespace {

using fluence::layer_id;
using fluence::RandomPurpose;
using fluence::RandomStream;
using fluence::arith::LayerFault;
using fluence::protect::apply_detectors;
using fluence::protect::apply_duplication;
using fluence::protect::duplicated_channels;
using fluence::protect::duplicated_orders;
using fluence::protect::Policy;
using nlohmann::json;
using testing::HasSubstr;

Policy policy_of(double fraction, std::uint64_t seed = 1, bool zero = false) {
    json value = {{"name", "p"},
                  {"mac_output",
                   {{{"part", "duplicate-filters"},
                     {"plan", {{"by", "random"}, {"fraction", fraction}, {"seed", seed}}}}}}};
    if (zero) {
        value["layer_output"] = {{{"part", "zero-on-detection"}}};
    }
    return fluence::protect::parse_policy(value, "policy.json");
}

// Channels in ascending order, those of the plan twice side by side; each group has as many positions.
TEST(Duplication, OrdersHoldEveryChannelOnceOrTwice) {
    RandomStream random(51, RandomPurpose::testing, 0);
    std::int64_t copies = 0;
    for (int trial = 0; trial < 60; ++trial) {
        const auto graph = fluence::test::random_graph(random);
        const Policy policy = policy_of(random.uniform(), static_cast<std::uint64_t>(trial));
        const auto planned = choice_of(policy.duplication->plan, fluence::protect::PlanKind::filters, graph);
        const auto orders = duplicated_orders(policy, graph);
        ASSERT_EQ(orders.size(), graph.layers.size());
        for (std::size_t i = 0; i < orders.size(); ++i) {
            const std::vector<bool> twice = duplicated_channels(policy, graph, layer_id(i));
            EXPECT_EQ(twice.empty(), orders[i].empty());
            if (orders[i].empty()) {
                EXPECT_TRUE(planned[i].empty());
                continue;
            }
            const auto gemm = fluence::workloads::gemm_shape(graph, graph.layers[i]);
            ASSERT_EQ(static_cast<std::int64_t>(twice.size()), gemm.n * gemm.groups);
            std::vector<std::int32_t> expected;
            std::vector<std::int64_t> in_group(static_cast<std::size_t>(gemm.groups), gemm.n);
            for (std::size_t c = 0; c < twice.size(); ++c) {
                EXPECT_TRUE(twice[c] || !planned[i][c]) << "the plan's channels are among them";
                expected.push_back(static_cast<std::int32_t>(c));
                if (twice[c]) {
                    expected.push_back(static_cast<std::int32_t>(c));
                    ++in_group[c / static_cast<std::size_t>(gemm.n)];
                    ++copies;
                }
            }
            EXPECT_EQ(orders[i], expected);
            EXPECT_EQ(*std::min_element(in_group.begin(), in_group.end()),
                      *std::max_element(in_group.begin(), in_group.end()));
            if (gemm.groups == 1) {
                EXPECT_EQ(twice, planned[i]) << "nothing besides without groups";
            }
        }
    }
    EXPECT_GT(copies, 100);
}

// Any one wrong sum of a channel that is computed twice is seen and located, whichever of the two it is;
// equal ones of both are not, nor sums of other channels.
TEST(Duplication, TheComparisonSeesWhatDiffers) {
    RandomStream random(52, RandomPurpose::testing, 0);
    fluence::AcceleratorConfig config;
    int seen = 0, unseen = 0;
    for (int trial = 0; trial < 200; ++trial) {
        const auto graph = fluence::test::random_graph(random);
        const bool zero = random.below(2) == 0;
        const Policy policy = with_choices(policy_of(0.5, static_cast<std::uint64_t>(trial), zero), graph);
        const auto i = static_cast<std::size_t>(random.below(graph.layers.size()));
        const auto& layer = graph.layers[i];
        LayerFault fault;
        fault.layer = layer_id(i);
        EXPECT_FALSE(apply_detectors(policy, graph, config, fault).detected);
        if (!layer.has_macs()) {
            continue;
        }
        const auto& shape = graph.tensor(layer.output).shape;
        const auto element =
            static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(shape.elements())));
        const std::vector<bool> twice = duplicated_channels(policy, graph, fault.layer);
        const bool has_copy = !twice.empty() && twice[static_cast<std::size_t>(element / shape.plane())];
        const auto delta = static_cast<std::int32_t>(random.next32() | 1u);
        const auto which = has_copy ? random.below(3) : 0;
        if (which != 1) {
            fault.accumulators = {{element, delta}};
        }
        if (which != 0) {
            fault.duplicates = {{element, delta}};
        }
        const bool expected = has_copy && which != 2;
        const bool acts = expected && zero && layer.output != graph.logits;
        const auto verdict = apply_detectors(policy, graph, config, fault);
        EXPECT_EQ(verdict.detected, expected);
        EXPECT_EQ(verdict.suppressed, acts);
        EXPECT_EQ(verdict.unrepaired, expected && !acts);
        ASSERT_EQ(fault.forced.size(), acts ? 1u : 0u);
        if (acts) {
            EXPECT_EQ(fault.forced[0].index, element);
            EXPECT_EQ(fault.forced[0].code, 0);
        }
        (expected ? seen : unseen) += 1;
    }
    EXPECT_GT(seen, 20);
    EXPECT_GT(unseen, 20);
}

// Deltas of one register add modulo 2³²: two that make the difference of the copy are no difference.
TEST(Duplication, SumsAreComparedAsRegistersHoldThem) {
    RandomStream random(53, RandomPurpose::testing, 0);
    const auto graph = fluence::test::lenet_like_graph(random);
    const Policy policy = policy_of(1);
    LayerFault fault;
    fault.layer = layer_id(0);
    ASSERT_TRUE(graph.layers[0].has_macs());
    fault.accumulators = {{7, std::int32_t{1} << 30}, {7, std::int32_t{1} << 30}};
    fault.duplicates = {{7, std::numeric_limits<std::int32_t>::min()}};
    EXPECT_FALSE(apply_duplication(policy, graph, fault).detected);
    fault.duplicates = {{8, std::numeric_limits<std::int32_t>::min()}};
    EXPECT_TRUE(apply_duplication(policy, graph, fault).detected);
}

void expect_error(const json& value, const char* words) {
    try {
        fluence::protect::parse_policy(value, "policy.json");
        ADD_FAILURE() << "no error for " << value;
    } catch (const fluence::InputError& error) {
        EXPECT_THAT(error.what(), HasSubstr(words)) << value;
    }
}

TEST(Duplication, WhatMakesNoSenseIsRefused) {
    const json part = {{"part", "duplicate-filters"}, {"plan", {{"by", "macs"}, {"fraction", 0.1}}}};
    expect_error({{"name", "p"}, {"mac_output", {part, part}}}, "given twice");
    expect_error({{"name", "p"}, {"mac_output", {part, {{"part", "linear-checksum"}}}}}, "one of them");
    expect_error({{"name", "p"}, {"mac_output", {{{"part", "duplicate-filters"}}}}}, "plan: is missing");
    EXPECT_EQ(timing_of(policy_of(0.5)).vector_pipeline, fluence::Cycles(1));
}

}  // namespace
