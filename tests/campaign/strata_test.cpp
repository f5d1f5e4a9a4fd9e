// Strata: their weights and sizes by hand, every fault of a small one drawn exactly once.
#include "sim/campaign/strata.h"

#include <gmock/gmock.h>

#include <numeric>
#include <set>
#include <tuple>

#include "tests/support/random_graph.h"

namespace fluence::campaign {
namespace {

using fault::SiteKind;
using testing::ElementsAre;

struct Machine {
    RandomStream random{9, RandomPurpose::testing, 0};
    workloads::Graph graph = test::lenet_like_graph(random);
    AcceleratorConfig accelerator;
    traces::Timeline timeline;
    fault::Sampler sampler;

    explicit Machine(const fault::FaultModelConfig& config = {})
        : sampler(config, graph,
                  {{SiteKind::pe_weight, 4, 8, -1, 1},
                   {SiteKind::pe_psum, 2, 32, -1, 1},
                   {SiteKind::weight_buffer, 3, 72, -1, 1}}) {
        accelerator.weight_buffer.word_bits = 64;
        timeline.cycles = 100;
        for (const auto& [name, begin, end] :
             {std::tuple("conv1", 0, 30), std::tuple("pool1", 30, 40), std::tuple("conv2", 25, 100)}) {
            traces::LayerStats layer;
            layer.name = name;
            layer.begin = begin;
            layer.end = end;
            timeline.layers.push_back(layer);
        }
    }

    Strata strata(const std::vector<std::string>& by, std::vector<ImageGroup> groups = {{"", {0, 1}}},
                  std::vector<double> upsets = {1}) const {
        SamplingConfig config;
        config.by = by;
        return Strata(&config, sampler, accelerator, timeline, std::move(groups), std::move(upsets), 1);
    }
};

double total_weight(const Strata& strata) {
    double sum = 0;
    for (const Stratum& stratum : strata.list()) {
        sum += stratum.weight;
    }
    return sum;
}

TEST(Strata, ByStructureAreSharesOfTheBits) {
    const Strata strata = Machine().strata({"structure"});
    ASSERT_EQ(strata.list().size(), 3U);
    // 32, 64 and 216 bits of 312; 100 cycles, 2 images.
    EXPECT_EQ(strata.list()[0].label, "pe_weight");
    EXPECT_DOUBLE_EQ(strata.list()[0].weight, 32.0 / 312);
    EXPECT_DOUBLE_EQ(strata.list()[0].population, 32 * 100 * 2);
    EXPECT_DOUBLE_EQ(strata.list()[1].weight, 64.0 / 312);
    EXPECT_DOUBLE_EQ(strata.list()[2].weight, 216.0 / 312);
    EXPECT_NEAR(total_weight(strata), 1, 1e-12);
}

TEST(Strata, ByBitHoldBytesAndCheckBits) {
    const Strata strata = Machine().strata({"structure", "bit"});
    // 8 bits of the weight register, 32 of the sum, 8 of a byte and the check bits of a word.
    ASSERT_EQ(strata.list().size(), 8U + 32 + 8 + 1);
    const Stratum& check = strata.list().back();
    EXPECT_EQ(check.label, "weight_buffer, check bits");
    EXPECT_DOUBLE_EQ(check.weight, 3.0 * 8 / 312);
    EXPECT_EQ(strata.list()[40].label, "weight_buffer, bit 0");
    EXPECT_THAT(strata.list()[40].cells[0].bits, ElementsAre(0, 8, 16, 24, 32, 40, 48, 56));
    EXPECT_NEAR(total_weight(strata), 1, 1e-12);
}

TEST(Strata, ByLayerCutTheRunWhereTheNextOneBegins) {
    const Strata strata = Machine().strata({"layer"});
    ASSERT_EQ(strata.list().size(), 2U) << "conv2 begins before pool1's turn is over";
    EXPECT_EQ(strata.list()[0].label, "conv1");
    EXPECT_DOUBLE_EQ(strata.list()[0].weight, 0.3);
    EXPECT_EQ(strata.list()[1].label, "pool1");
    EXPECT_EQ(strata.list()[1].begin, 30);
    EXPECT_EQ(strata.list()[1].end, 100);
}

TEST(Strata, OfDifferentSensitivityAreApart) {
    fault::FaultModelConfig config;
    config.cross_section = {{"pe_psum", 10.0}};
    const Strata strata = Machine(config).strata({});
    ASSERT_EQ(strata.list().size(), 2U);
    EXPECT_DOUBLE_EQ(strata.list()[0].weight, 248.0 / (248 + 640));
    EXPECT_NEAR(total_weight(strata), 1, 1e-12);
}

TEST(Strata, OfSeveralUpsetsHaveTheirWeights) {
    const Machine machine;
    const Strata strata = machine.strata({"structure"}, {{"", {0, 1}}}, {0.5, 0.25, 0.05});
    ASSERT_EQ(strata.list().size(), 9U);
    EXPECT_DOUBLE_EQ(strata.list()[3].weight, 0.25 / 0.8 * 32 / 312);
    EXPECT_EQ(strata.list()[8].label, "weight_buffer, 3 upsets");
    EXPECT_EQ(strata.list()[8].population, 0) << "with replacement";
    const fault::FaultDraw draw = strata.draw(machine.sampler, 1, 77, 8, 4, 1);
    EXPECT_EQ(draw.upset.site, SiteKind::weight_buffer);
    EXPECT_EQ(draw.further.size(), 2U);
    EXPECT_EQ(draw.further.size(), 2U);
}

TEST(Strata, AreDrawnWithoutReplacement) {
    const Machine machine;
    const Strata strata = machine.strata({"structure", "layer"});
    for (std::int32_t h = 0; h < static_cast<std::int32_t>(strata.list().size()); ++h) {
        const Stratum& stratum = strata.list()[static_cast<std::size_t>(h)];
        std::set<std::tuple<std::int64_t, std::string, std::int64_t>> seen;
        for (std::int64_t round = 0; round < stratum.per_image; ++round) {
            const fault::FaultDraw draw = strata.draw(machine.sampler, 5, 1000 + round, h, round, 1);
            const fault::Upset upset = draw.at(machine.timeline.cycles);
            EXPECT_GE(upset.cycle, stratum.begin);
            EXPECT_LT(upset.cycle, stratum.end);
            seen.insert({upset.unit, upset.bits.to_string(), upset.cycle});
        }
        EXPECT_EQ(static_cast<std::int64_t>(seen.size()), stratum.per_image) << stratum.label;
        EXPECT_DOUBLE_EQ(stratum.population, 2.0 * static_cast<double>(stratum.per_image));
    }
}

TEST(Strata, OfConfidenceAreTerciles) {
    const std::vector<ImageGroup> groups = confidence_terciles({0.9, 0.1, 0.5, 0.5, 0.95, 0.2, 0.6});
    ASSERT_EQ(groups.size(), 3U);
    EXPECT_EQ(groups[0].label, "low confidence");
    EXPECT_THAT(groups[0].images, ElementsAre(1, 5));
    EXPECT_THAT(groups[1].images, ElementsAre(2, 3));
    EXPECT_THAT(groups[2].images, ElementsAre(0, 4, 6));
    const Strata strata = Machine().strata({"confidence"}, groups);
    EXPECT_DOUBLE_EQ(strata.list()[2].weight, 3.0 / 7);
}

}  // namespace
}  // namespace fluence::campaign
