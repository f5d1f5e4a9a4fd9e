// tiny_campaign() counted by hand.
#include "analysis/summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "analysis/breakdown.h"
#include "analysis/prose.h"
#include "analysis/reports.h"
#include "sim/core/error.h"
#include "synthetic_campaign.h"

namespace {

using namespace fluence;
using namespace fluence::analysis;
using analysis::testing::Campaign;
using analysis::testing::random_campaign;
using analysis::testing::summarise;
using analysis::testing::tiny_campaign;
using campaign::Outcome;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

const Estimate& outcome(const OutcomeEstimates& outcomes, Outcome which) {
    return outcomes[static_cast<std::size_t>(which)];
}

TEST(Summary, CountsOutcomesPerPolicy) {
    const Summary summary = summarise(tiny_campaign());
    ASSERT_EQ(summary.policies.size(), 2u);
    const PolicySummary& none = summary.policies[0];
    const PolicySummary& secded = summary.policies[1];
    EXPECT_EQ(none.fault_free_accuracy.count, 1);
    EXPECT_EQ(none.fault_free_accuracy.total, 2);
    EXPECT_EQ(none.accuracy.count, 2);
    EXPECT_EQ(none.accuracy.total, 4);
    EXPECT_EQ(outcome(none.outcomes, Outcome::masked).count, 1);
    EXPECT_EQ(outcome(none.outcomes, Outcome::benign).count, 1);
    EXPECT_EQ(outcome(none.outcomes, Outcome::sdc).count, 2);
    EXPECT_EQ(outcome(none.outcomes, Outcome::due).count, 0);
    EXPECT_EQ(outcome(secded.outcomes, Outcome::masked).count, 2);
    EXPECT_EQ(outcome(secded.outcomes, Outcome::benign).count, 1);
    EXPECT_EQ(outcome(secded.outcomes, Outcome::sdc).count, 0);
    EXPECT_EQ(outcome(secded.outcomes, Outcome::due).count, 1);
    EXPECT_EQ(secded.corrected.count, 2);
    EXPECT_EQ(secded.detected.count, 1);
    EXPECT_EQ(secded.suppressed.count, 0);
    EXPECT_EQ(secded.acted, 3);
    EXPECT_DOUBLE_EQ(none.delta_loss.mean, 0.5);
    EXPECT_EQ(none.delta_loss.total, 4);
}

// Two images of 1,000 and 3,000 cycles under the second policy, one of them run twice; its four faults cost
// 0, 500, 500 and 3,000 cycles, and two of their inferences were run again.
TEST(Summary, CountsRequestsOfSeveralRuns) {
    Campaign campaign = tiny_campaign();
    const std::vector<std::int64_t> cycles = {1000, 3000}, costs = {0, 500, 500, 3000};
    for (campaign::GoldenRow& row : campaign.golden) {
        row.cycles = row.policy == 0 ? 1000 : cycles[static_cast<std::size_t>(row.image)];
        row.runs = row.cycles == 3000 ? 2 : 1;
    }
    for (std::size_t fault = 0; fault < campaign.faults.size(); ++fault) {
        campaign::OutcomeRow& row = campaign.faults[fault].rows.at(1);
        row.recovery_cycles = costs.at(fault);
        row.runs = fault >= 2 ? 2 : 1;
    }
    const Summary summary = summarise(campaign);
    const PolicySummary& again = summary.policies[1];
    EXPECT_TRUE(summary.has_requests());
    EXPECT_EQ(again.cycles, 2000);
    EXPECT_DOUBLE_EQ(again.cycles_percent, 100);
    EXPECT_EQ(again.false_alarms.count, 1);
    EXPECT_EQ(again.false_alarms.total, 2);
    EXPECT_EQ(again.run_again.count, 2);
    EXPECT_EQ(again.run_again.total, 4);
    EXPECT_DOUBLE_EQ(again.recovery_cycles.mean, 1000);
    EXPECT_EQ(summary.policies[0].run_again.count, 0);
    EXPECT_FALSE(summarise(tiny_campaign()).has_requests());
}

TEST(Summary, NamesWhyFaultsAreDead) {
    const Summary summary = summarise(tiny_campaign());
    EXPECT_EQ(summary.policies[0].dead.count, 1);
    ASSERT_EQ(summary.policies[0].dead_reasons.size(), 1u);
    EXPECT_EQ(summary.policies[0].dead_reasons[0].reason, "absent");
    ASSERT_EQ(summary.policies[1].dead_reasons.size(), 1u);
    EXPECT_EQ(summary.policies[1].dead_reasons[0].reason, "corrected");
    EXPECT_EQ(summary.policies[1].dead_reasons[0].count, 2);
}

TEST(Summary, KeepsTheLedgerByPolicyAndStructure) {
    const Summary summary = summarise(tiny_campaign());
    const auto count = [&](std::size_t cell, std::size_t policy, campaign::MaskedBy by) {
        return summary.ledger.at(cell).policies.at(policy).at(static_cast<std::size_t>(by)).count;
    };
    using campaign::MaskedBy;
    EXPECT_EQ(entries_of(summary.ledger), (std::vector<MaskedBy>{MaskedBy::nothing, MaskedBy::absent,
                                                                 MaskedBy::corrected, MaskedBy::same_top1}));
    ASSERT_EQ(summary.ledger.size(), 4u);  // all, weight buffer, psum, DRAM in the order of the kinds
    EXPECT_EQ(summary.ledger[0].structure, "");
    EXPECT_EQ(count(0, 0, MaskedBy::nothing), 2);
    EXPECT_EQ(count(0, 0, MaskedBy::absent), 1);
    EXPECT_EQ(count(0, 0, MaskedBy::same_top1), 1);
    EXPECT_EQ(count(0, 1, MaskedBy::nothing), 1);
    EXPECT_EQ(count(0, 1, MaskedBy::corrected), 2);
    for (std::size_t cell = 1; cell < 4; ++cell) {
        const std::string& structure = summary.ledger[cell].structure;
        EXPECT_EQ(count(cell, 1, MaskedBy::corrected), structure == "weight_buffer" ? 2 : 0) << structure;
        EXPECT_EQ(count(cell, 1, MaskedBy::same_top1), structure == "pe_psum" ? 1 : 0) << structure;
        EXPECT_EQ(count(cell, 1, MaskedBy::nothing), structure == "dram" ? 1 : 0) << structure;
        EXPECT_EQ(summary.ledger[cell].policies[0][0].total, structure == "weight_buffer" ? 2 : 1);
    }
    EXPECT_DOUBLE_EQ(summary.ledger[0].policies[0][0].rate, 0.5);
}

TEST(Summary, SaysHowManyFaultsWereRunAgain) {
    Campaign campaign = tiny_campaign();
    EXPECT_THAT(summarise(campaign).notes, Contains(HasSubstr("Self-check: turned off")));
    campaign.header.experiment["self_check"] = 0.25;
    campaign.faults[2].fault.checked = true;
    const Summary summary = summarise(campaign);
    EXPECT_EQ(summary.checked, 1);
    EXPECT_THAT(summary.notes, Contains(HasSubstr("Self-check: 1 of 4 faults were run again")));
}

TEST(Summary, ComparesWithTheReferenceFaultByFault) {
    const PolicySummary secded = summarise(tiny_campaign()).policies[1];
    EXPECT_EQ(secded.sdc_difference.counts.only_second, 2);  // SDC under none alone
    EXPECT_EQ(secded.sdc_difference.counts.only_first, 0);
    EXPECT_EQ(secded.sdc_difference.counts.neither, 2);
    EXPECT_DOUBLE_EQ(secded.sdc_difference.difference, -0.5);
    EXPECT_DOUBLE_EQ(secded.sdc_difference.p_value, 0.5);  // 2 · ½²
    EXPECT_EQ(secded.accuracy_difference.counts.only_first, 1);
    EXPECT_EQ(secded.different, 2);  // faults 0 and 3
    EXPECT_FALSE(secded.no_effect);
}

TEST(Summary, StatesCostsRelativeToTheReference) {
    const PolicySummary secded = summarise(tiny_campaign()).policies[1];
    EXPECT_DOUBLE_EQ(secded.cycles_percent, 10);
    EXPECT_DOUBLE_EQ(secded.area_percent, 25);
    EXPECT_DOUBLE_EQ(secded.microseconds, 2.2);  // 1,100 cycles at 500 MHz
    EXPECT_DOUBLE_EQ(secded.dram_check_share, 0.125);
    ASSERT_EQ(secded.layers.size(), 2u);
    EXPECT_EQ(secded.layers[0].cycles, 660);
}

const BreakdownCell& cell(const Summary& summary, std::size_t breakdown, const std::string& group,
                          const std::string& label) {
    for (const BreakdownCell& candidate : summary.breakdowns[breakdown].cells) {
        if (candidate.group == group && candidate.label == label) {
            return candidate;
        }
    }
    throw std::out_of_range(group + "/" + label);
}

TEST(Summary, BreaksDownByLayerStructureAndBit) {
    const Summary summary = summarise(tiny_campaign());
    ASSERT_EQ(summary.breakdowns.size(), 3u);
    // Under none, fault 1 struck no layer; under secded it struck conv1.
    EXPECT_EQ(summary.breakdowns[0].cells.size(), 3u);
    EXPECT_EQ(outcome(cell(summary, 0, "", "conv1").policies[0], Outcome::sdc).total, 1);
    EXPECT_EQ(outcome(cell(summary, 0, "", "conv1").policies[1], Outcome::masked).count, 2);
    EXPECT_EQ(outcome(cell(summary, 0, "", "(no layer)").policies[0], Outcome::masked).count, 1);
    EXPECT_EQ(summary.breakdowns[0].cells.back().label, "(no layer)");
    EXPECT_EQ(summary.breakdowns[1].cells.size(), 3u);
    EXPECT_EQ(outcome(cell(summary, 1, "", "weight_buffer").policies[0], Outcome::sdc).count, 1);
    EXPECT_EQ(outcome(cell(summary, 1, "", "weight_buffer").policies[0], Outcome::sdc).total, 2);
    EXPECT_EQ(outcome(cell(summary, 1, "", "dram").policies[1], Outcome::due).count, 1);
    EXPECT_EQ(summary.breakdowns[2].cells.size(), 4u);
    EXPECT_EQ(outcome(cell(summary, 2, "weight_buffer", "7").policies[0], Outcome::sdc).count, 1);
    EXPECT_EQ(outcome(cell(summary, 2, "weight_buffer", "check").policies[0], Outcome::masked).count, 1);
    EXPECT_EQ(outcome(cell(summary, 2, "pe_psum", "31").policies[0], Outcome::benign).count, 1);
    EXPECT_EQ(outcome(cell(summary, 2, "dram", "1").policies[0], Outcome::sdc).count, 1);
}

TEST(Summary, BreakdownsAddUpToTheWhole) {
    const std::uint64_t seed = 5;
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Summary summary = summarise(random_campaign(seed, 30, 1500));
    for (const Breakdown& breakdown : summary.breakdowns) {
        for (std::size_t policy = 0; policy < summary.policies.size(); ++policy) {
            std::array<std::int64_t, campaign::kOutcomeCount> sums{};
            for (const BreakdownCell& entry : breakdown.cells) {
                for (std::size_t i = 0; i < sums.size(); ++i) {
                    sums[i] += entry.policies[policy][i].count;
                }
            }
            for (std::size_t i = 0; i < sums.size(); ++i) {
                EXPECT_EQ(sums[i], summary.policies[policy].outcomes[i].count) << breakdown.name;
            }
        }
    }
}

TEST(Summary, BitPositionIsThatOfTheField) {
    const nlohmann::json accelerator = tiny_campaign().header.experiment["accelerator"];
    const auto position = [&accelerator](fault::SiteKind kind, std::size_t bit) {
        fault::Upset upset;
        upset.site = kind;
        upset.bits.set(bit);
        return bit_position(upset, accelerator).bit;
    };
    EXPECT_EQ(position(fault::SiteKind::pe_psum, 31), 31);
    EXPECT_EQ(position(fault::SiteKind::pe_weight, 7), 7);
    EXPECT_EQ(position(fault::SiteKind::dram, 63), 7);
    EXPECT_EQ(position(fault::SiteKind::dram, 64), BitPosition::kCheckBit);
    EXPECT_EQ(position(fault::SiteKind::output_buffer, 31), 31);
    EXPECT_EQ(position(fault::SiteKind::output_buffer, 32), BitPosition::kCheckBit);
}

TEST(Summary, TheReferenceIsNoneOrTheFirst) {
    Campaign campaign = tiny_campaign();
    std::swap(campaign.header.policies[0].name, campaign.header.policies[1].name);
    EXPECT_EQ(summarise(campaign).reference, 1u);
    campaign.header.policies[1].name = "bare";
    const Summary summary = summarise(campaign);
    EXPECT_EQ(summary.reference, 0u);
    EXPECT_THAT(summary.notes, Contains(HasSubstr("There is no policy named \"none\"")));
}

TEST(Summary, PoliciesAreFoundByIdNotByOrder) {
    Campaign campaign = tiny_campaign();
    for (analysis::testing::Fault& fault : campaign.faults) {
        std::reverse(fault.rows.begin(), fault.rows.end());
    }
    EXPECT_EQ(outcome(summarise(campaign).policies[0].outcomes, Outcome::sdc).count, 2);
}

TEST(Summary, NamesAPolicyWithoutEffect) {
    Campaign campaign = tiny_campaign();
    for (analysis::testing::Fault& fault : campaign.faults) {
        fault.rows[1] = fault.rows[0];
        fault.rows[1].policy = 1;
    }
    const Summary summary = summarise(campaign);
    EXPECT_TRUE(summary.policies[1].no_effect);
    EXPECT_FALSE(summary.policies[0].no_effect);
    EXPECT_THAT(summary.notes, Contains(HasSubstr("\"secded\" had no effect on any of the 4 faults")));
    // One fault that ends otherwise is an effect.
    campaign.faults[2].rows[1].changed_values = 4;
    EXPECT_FALSE(summarise(campaign).policies[1].no_effect);
    EXPECT_EQ(effect_remark(summary, 1), "no effect on any fault");
    EXPECT_EQ(effect_remark(summarise(campaign), 1), "never acted");
    EXPECT_EQ(effect_remark(summary, 0), "");
    EXPECT_EQ(effect_remark(summarise(tiny_campaign()), 1), "");
    for (const ReportFile& file : {text_report(summary)[0], html_report(summary)[0]}) {
        EXPECT_THAT(file.content, HasSubstr("no effect on any fault")) << file.name;
    }
}

TEST(Summary, WarnsOfSmallCellsAndSharedImages) {
    const Summary summary = summarise(tiny_campaign());
    EXPECT_THAT(summary.notes, Contains(HasSubstr("rest on fewer than 100 faults")));
    EXPECT_THAT(summary.notes, Contains(HasSubstr("independent draws")));
    EXPECT_THAT(summary.notes, Not(Contains(HasSubstr("not finished"))));
    EXPECT_THAT(summarise(tiny_campaign(), {}, false).notes, Contains(HasSubstr("not finished")));
}

TEST(Summary, TakesConfidenceAndMethodFromTheOptions) {
    SummaryOptions options;
    options.confidence = 0.99;
    options.method = IntervalMethod::clopper_pearson;
    const Summary summary = summarise(tiny_campaign(), options);
    EXPECT_EQ(summary.policies[0].accuracy.interval.high, clopper_pearson(2, 4, 0.99).high);
    EXPECT_EQ(summarise(tiny_campaign()).confidence, 0.95);  // the experiment's
    options.confidence = 1.5;
    EXPECT_THROW(summarise(tiny_campaign(), options), InputError);
}

TEST(Summary, OfNoFaultsHasNoRates) {
    Campaign campaign = tiny_campaign();
    campaign.faults.clear();
    const Summary summary = summarise(campaign, {}, false);
    EXPECT_EQ(summary.faults, 0);
    EXPECT_EQ(summary.policies[0].accuracy.total, 0);
    EXPECT_THAT(summary.notes, Contains(HasSubstr("no fault yet")));
}

TEST(Summary, RejectsAFaultWithoutOneOutcomeAPolicy) {
    Campaign campaign = tiny_campaign();
    campaign.faults[2].rows.pop_back();
    EXPECT_THROW(summarise(campaign), InputError);
    campaign = tiny_campaign();
    campaign.faults[2].rows[1].policy = 0;
    EXPECT_THROW(summarise(campaign), InputError);
    campaign = tiny_campaign();
    campaign.faults[2].rows[1].policy = 17;
    EXPECT_THROW(summarise(campaign), InputError);
}

}  // namespace
