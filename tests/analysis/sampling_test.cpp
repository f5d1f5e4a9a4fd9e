// Weighted figures of tiny_campaign(), counted by hand.
#include "analysis/sampling.h"

#include <gtest/gtest.h>

#include <cmath>

#include "analysis/summary.h"
#include "synthetic_campaign.h"

namespace {

using namespace fluence;
using namespace fluence::analysis;
using analysis::testing::Campaign;
using analysis::testing::random_campaign;
using analysis::testing::summarise;
using analysis::testing::tiny_campaign;
using campaign::Outcome;

const Estimate& outcome(const PolicySummary& policy, Outcome which) {
    return policy.outcomes[static_cast<std::size_t>(which)];
}

// Faults 0 and 1 are of a stratum of 80 %, 2 and 3 of one of 20 %.
Campaign weighted_campaign() {
    Campaign campaign = tiny_campaign();
    campaign.header.strata = {{"large", 1, 0.8, 0, 2}, {"small", 1, 0.2, 0, 2}};
    campaign.faults[2].fault.stratum = 1;
    campaign.faults[3].fault.stratum = 1;
    return campaign;
}

TEST(WeightedSummary, WeighsRatesAndKeepsCounts) {
    const Summary summary = summarise(weighted_campaign());
    EXPECT_TRUE(summary.weighted);
    const PolicySummary& none = summary.policies[0];
    const PolicySummary& secded = summary.policies[1];
    EXPECT_DOUBLE_EQ(outcome(none, Outcome::sdc).rate, 0.8 * 0.5 + 0.2 * 0.5);
    EXPECT_EQ(outcome(none, Outcome::sdc).count, 2);
    EXPECT_DOUBLE_EQ(outcome(none, Outcome::masked).rate, 0.8 * 0.5);
    EXPECT_DOUBLE_EQ(outcome(none, Outcome::benign).rate, 0.2 * 0.5);
    EXPECT_DOUBLE_EQ(outcome(secded, Outcome::due).rate, 0.2 * 0.5);
    EXPECT_DOUBLE_EQ(secded.corrected.rate, 0.8);
    EXPECT_DOUBLE_EQ(none.delta_loss.mean, 0.8 * 1);  // 2 nats in one of two
    EXPECT_DOUBLE_EQ(secded.sdc_difference.difference, -0.5);
    EXPECT_DOUBLE_EQ(secded.accuracy_difference.difference, 0.8 * 0.5);
    EXPECT_DOUBLE_EQ(secded.sdc_difference.p_value, 0.5);
    EXPECT_EQ(none.fault_free_accuracy.count, 1) << "images are not weighed";
    EXPECT_EQ(summary.faults, 4);
}

TEST(WeightedSummary, DomainsWeighTheirShareOfEachStratum) {
    const Summary summary = summarise(weighted_campaign());
    // Layer conv1 under secded: faults 0 and 1; fc: 2 and 3.
    for (const BreakdownCell& cell : summary.breakdowns[0].cells) {
        if (cell.label == "conv1") {
            EXPECT_DOUBLE_EQ(cell.policies[1][static_cast<std::size_t>(Outcome::masked)].rate, 1);
        }
    }
    // weight_buffer has both faults of the large stratum, dram one of two of the small one: together
    // (0.8·½ + 0.1·1)/(0.9) of SDC if they were one domain; each alone is its own rate.
    Sampling sampling({{"a", 1, 0.8, 0, 2}, {"b", 1, 0.2, 0, 2}}, IntervalMethod::wilson, 0.95);
    EXPECT_DOUBLE_EQ(sampling.domain_rate({{1, 2}, {1, 1}}, {2, 2}).rate, (0.8 * 0.5 + 0.1) / 0.9);
}

TEST(WeightedSummary, EqualWeightsGiveThePlainRates) {
    Campaign campaign = random_campaign(3, 20, 4000);
    const Summary plain = summarise(campaign);
    campaign.header.strata = {{"even", 1, 0.5, 0, 2000}, {"odd", 1, 0.5, 0, 2000}};
    for (analysis::testing::Fault& fault : campaign.faults) {
        fault.fault.stratum = static_cast<std::int32_t>(fault.fault.id % 2);
    }
    const Summary strata = summarise(campaign);
    for (std::size_t p = 0; p < plain.policies.size(); ++p) {
        for (std::size_t i = 0; i < plain.policies[p].outcomes.size(); ++i) {
            const Estimate& a = plain.policies[p].outcomes[i];
            const Estimate& b = strata.policies[p].outcomes[i];
            EXPECT_NEAR(a.rate, b.rate, 1e-12);
            EXPECT_NEAR(a.interval.high - a.interval.low, b.interval.high - b.interval.low, 0.002);
        }
        const PairedDifference& a = plain.policies[p].sdc_difference;
        const PairedDifference& b = strata.policies[p].sdc_difference;
        EXPECT_NEAR(a.difference, b.difference, 1e-12);
        EXPECT_NEAR(a.interval.low, b.interval.low, 0.002);
        EXPECT_NEAR(a.interval.high, b.interval.high, 0.002);
    }
}

TEST(Vulnerability, LeavesOutBitsThatDoNotExist) {
    Campaign campaign = tiny_campaign();
    campaign.header.sites = {
        {"weight_buffer", 10000, 72, -1, 1}, {"dram", 20000, 72, -1, 1}, {"pe_psum", 256, 32, -1, 1}};
    campaign.header.experiment["raw_fit_per_mbit"] = {{"sram", 1000.0}, {"dram", 50.0}, {"flip_flop", 400.0}};
    const VulnerabilityReport report = summarise(campaign).vulnerability;
    ASSERT_EQ(report.structures.size(), 3U);
    for (const StructureVulnerability& structure : report.structures) {
        if (structure.structure == "weight_buffer") {
            EXPECT_EQ(structure.technology, Technology::sram);
            EXPECT_EQ(structure.policies[0].avf.total, 1) << "the check bit is absent";
            EXPECT_DOUBLE_EQ(structure.policies[0].avf.rate, 1);
            EXPECT_DOUBLE_EQ(structure.policies[1].avf.rate, 0);
            // 1000 FIT/Mbit · 0.72 Mbit · ½, which is 1000 · the existing half · 1.
            EXPECT_DOUBLE_EQ(structure.policies[0].fit, 360);
        } else if (structure.structure == "dram") {
            EXPECT_DOUBLE_EQ(structure.policies[1].avf.rate, 1) << "DUE counts";
            EXPECT_DOUBLE_EQ(structure.policies[1].fit, 50 * 1.44);
        } else {
            EXPECT_EQ(structure.technology, Technology::flip_flop);
            EXPECT_DOUBLE_EQ(structure.policies[0].fit, 0);
        }
    }
    EXPECT_NEAR(report.fit[0], 360 + 72, 1e-9);
    EXPECT_NEAR(report.fit[1], 72, 1e-9);
    EXPECT_LT(report.fit_range[0].low, 432);
    EXPECT_GT(report.fit_range[0].high, 432);
}

TEST(Vulnerability, WithoutRawRatesThereIsNoFit) {
    const VulnerabilityReport report = summarise(tiny_campaign()).vulnerability;
    EXPECT_FALSE(report.has_rates);
    EXPECT_TRUE(report.fit.empty());
    EXPECT_TRUE(report.rates.empty());
}

// One and two upsets; accuracy of none 1 of 2 and 0 of 2.
TEST(UpsetRates, CombineNumbersOfUpsetsByPoissonsLaw) {
    Campaign campaign = tiny_campaign();
    campaign.header.strata = {{"all", 1, 0.6, 0, 2}, {"2 upsets", 2, 0.4, 0, 2}};
    for (const std::size_t i : {2U, 3U}) {
        campaign.faults[i].fault.stratum = 1;
        campaign.faults[i].fault.further.resize(1);
        for (campaign::OutcomeRow& row : campaign.faults[i].rows) {
            row.correct = false;
        }
    }
    campaign.header.experiment["fault_model"]["upsets"] = {
        {"mean", 0.5}, {"means", {0.5, 1e-9}}, {"most", 2}};
    const VulnerabilityReport report = summarise(campaign).vulnerability;
    EXPECT_EQ(report.most_upsets, 2);
    ASSERT_EQ(report.rates.size(), 2U);
    const RatePoint::Policy& none = report.rates[0].policies[0];
    const double p0 = std::exp(-0.5), p1 = 0.5 * p0, p2 = 0.125 * p0;
    EXPECT_DOUBLE_EQ(none.mean, 0.5);
    EXPECT_NEAR(none.beyond, 1 - p0 - p1 - p2, 1e-12);
    EXPECT_NEAR(none.accuracy, p0 * 0.5 + p1 * 0.5 + p2 * 0, 1e-12);
    EXPECT_LE(none.accuracy_range.low, none.accuracy);
    EXPECT_GE(none.accuracy_range.high, none.accuracy + none.beyond);
    EXPECT_NEAR(none.sdc, p1 * 0.5 + p2 * 0.5, 1e-12);
    // 1,100 cycles against 1,000: the same rate in time meets more.
    EXPECT_DOUBLE_EQ(report.rates[0].policies[1].mean, 0.55);
    EXPECT_NEAR(report.rates[1].policies[0].accuracy, 0.5, 1e-8);
    EXPECT_NEAR(report.rates[1].policies[0].sdc, 0.5e-9, 1e-17);
    // Structures count single upsets alone.
    for (const StructureVulnerability& structure : report.structures) {
        EXPECT_EQ(structure.structure, "weight_buffer");
    }
}

// Faults 0 and 1 at the experiment's own level, 2 and 3 at another one.
TEST(Levels, HaveTheRatesOfTheirOwnInferences) {
    Campaign campaign = tiny_campaign();
    campaign.header.strata = {{"probability 0.1", 1, 1, 0, 2, 0.1}, {"probability 0.5", 1, 0, 0, 2, 0.5}};
    campaign.header.experiment["fault_model"] = {{"name", "dropout"}, {"probability", 0.1}};
    for (std::size_t i = 0; i < 4; ++i) {
        campaign.faults[i].fault.upset.site = fault::SiteKind::neuron_dropout;
        campaign.faults[i].fault.stratum = i < 2 ? 0 : 1;
        for (std::size_t policy = 0; policy < 2; ++policy) {
            campaign.faults[i].rows[policy].correct = i == 0 || (i == 3 && policy == 1);
        }
    }
    const Summary summary = summarise(campaign);
    const VulnerabilityReport& report = summary.vulnerability;
    EXPECT_EQ(report.level, "probability");
    EXPECT_FALSE(report.by_error_rate());
    EXPECT_TRUE(report.structures.empty()) << "no AVF of what disturbs all neurons";
    ASSERT_EQ(report.rates.size(), 2U);
    EXPECT_EQ(report.rates[1].error_rate, 0.5);
    EXPECT_EQ(report.rates[1].policies[0].inferences, 2);
    EXPECT_EQ(report.rates[0].policies[0].accuracy, 0.5);
    EXPECT_EQ(report.rates[1].policies[0].accuracy, 0);
    EXPECT_EQ(report.rates[1].policies[1].accuracy, 0.5);
    EXPECT_EQ(report.rates[1].policies[1].due, 0.5);
    EXPECT_NEAR(report.rates[1].policies[0].accuracy_range.high, 1 - std::sqrt(0.025), 1e-9);
    // All other rates are those of level 0.1 alone: one SDC of two under none.
    EXPECT_DOUBLE_EQ(outcome(summary.policies[0], Outcome::sdc).rate, 0.5);
    EXPECT_EQ(outcome(summary.policies[1], Outcome::sdc).rate, 0);
}

TEST(Sequential, IntervalsHoldAtEveryLook) {
    Campaign campaign = random_campaign(3, 20, 2000);
    campaign.header.confidence = 0.99;
    const Interval one = summarise(campaign).policies[0].accuracy.interval;
    campaign.header.experiment["stop"] = {{"half_width", 0.01}, {"metric", "accuracy"}, {"looks", 10}};
    const Summary summary = summarise(campaign);
    const Estimate& accuracy = summary.policies[0].accuracy;
    EXPECT_EQ(summary.method, IntervalMethod::clopper_pearson);
    const Interval expected = clopper_pearson(accuracy.count, accuracy.total, 0.999);
    EXPECT_NEAR(accuracy.interval.low, expected.low, 1e-12);
    EXPECT_NEAR(accuracy.interval.high, expected.high, 1e-12);
    EXPECT_LT(accuracy.interval.low, one.low);
    EXPECT_EQ(summary.looks, 10);
}

// Memories of protection parts are memories: their raw rates are those of buffers.
TEST(Technologies, MemoriesOfPartsAreSram) {
    using traces::SiteKind;
    for (const SiteKind kind : {SiteKind::weight_buffer, SiteKind::checksum_sum, SiteKind::duplicate_sum,
                                SiteKind::filter_buffer, SiteKind::kept_answer}) {
        EXPECT_EQ(technology_of(kind), Technology::sram) << name_of(kind);
    }
    for (const SiteKind kind :
         {SiteKind::pe_weight, SiteKind::checksum_psum, SiteKind::duplicate_compare,
          SiteKind::filter_threshold, SiteKind::confidence_threshold, SiteKind::vector_pipeline}) {
        EXPECT_EQ(technology_of(kind), Technology::flip_flop) << name_of(kind);
    }
    EXPECT_EQ(technology_of(SiteKind::neuron_dropout), Technology::none);
}

}  // namespace
