// Faults in stored values: every outcome against plain loops, and the same whatever the number of workers.
#include "sim/campaign/value_campaign.h"

#include <gmock/gmock.h>

#include "sim/core/error.h"
#include "tests/support/random_word_bundle.h"
#include "workloads/word_reference.h"

namespace fluence::campaign {
namespace {

using workloads::WordBundle;
using workloads::WordFormat;
using workloads::Words;

WordBundle small_bundle(WordFormat format) {
    RandomStream stream(31, RandomPurpose::testing, 4);
    return test::random_word_bundle(format, stream, 6);
}

ValueResult run(const WordBundle& bundle, const ValueCampaign& campaign, int workers) {
    return run_value_campaign(workload_of(bundle, "test"), campaign, workers, [](auto, auto) {});
}

// −1 where no logit is a number.
std::int32_t answer(const WordBundle& bundle, const std::vector<Words>& tensors) {
    const workloads::Graph& structure = bundle.graph.structure;
    std::int32_t best = -1;
    double largest = 0;
    std::int32_t i = 0;
    for (const workloads::Word word : tensors[index_of(structure.logits)]) {
        const double value =
            workloads::value_of(bundle.graph.format, structure.tensor(structure.logits).scale, word);
        if (value == value && (best < 0 || value > largest)) {
            best = i;
            largest = value;
        }
        ++i;
    }
    return best;
}

void expect_by_loops(const WordBundle& bundle, const ValueOutcome& outcome) {
    ValueOutcome wanted;
    for (std::int64_t image = 0; image < bundle.image_count; ++image) {
        if (outcome.image >= 0 && outcome.image != image) {
            continue;
        }
        const std::size_t logits = index_of(bundle.graph.structure.logits);
        const auto golden = reference_run(bundle.graph, bundle.image(image));
        const auto faulty = reference_run(
            bundle.graph, bundle.image(image),
            {{static_cast<std::size_t>(outcome.layer), outcome.image < 0, outcome.index, outcome.faulty}});
        const std::int32_t label = bundle.labels[static_cast<std::size_t>(image)];
        const std::int32_t before = answer(bundle, golden);
        const std::int32_t after = answer(bundle, faulty);
        wanted.changed += golden[logits] != faulty[logits] ? 1 : 0;
        wanted.sdc += before != after ? 1 : 0;
        wanted.gained += before != label && after == label ? 1 : 0;
        wanted.lost += before == label && after != label ? 1 : 0;
    }
    EXPECT_EQ(outcome.changed, wanted.changed);
    EXPECT_EQ(outcome.sdc, wanted.sdc);
    EXPECT_EQ(outcome.gained, wanted.gained);
    EXPECT_EQ(outcome.lost, wanted.lost);
}

TEST(ValueCampaign, OutcomesAreThoseOfPlainLoops) {
    for (const WordFormat format : {WordFormat::fp32, WordFormat::fxp16}) {
        const WordBundle bundle = small_bundle(format);
        for (const ValueModelInfo& model : value_models()) {
            if (model.model == ValueModel::neuron_fp_rand && format == WordFormat::fxp16) {
                continue;
            }
            SCOPED_TRACE(model.name);
            ValueCampaign campaign;
            campaign.model = model.model;
            campaign.images = 6;
            campaign.faults = 40;
            const ValueResult result = run(bundle, campaign, 1);
            ASSERT_EQ(result.faults.size(), 40u);
            std::int64_t changed = 0;
            for (const ValueOutcome& outcome : result.faults) {
                expect_by_loops(bundle, outcome);
                changed += outcome.changed;
                if (outcome.bit >= 0) {
                    EXPECT_EQ(outcome.golden ^ outcome.faulty, 1U << outcome.bit);
                }
            }
            EXPECT_GT(changed, 0);
            std::int64_t correct = 0;
            for (std::int64_t image = 0; image < 6; ++image) {
                correct +=
                    answer(bundle, reference_run(bundle.graph, bundle.image(image))) == image % 2 ? 1 : 0;
            }
            EXPECT_EQ(result.golden_correct, correct);
        }
    }
}

TEST(ValueCampaign, DoesNotDependOnTheNumberOfWorkers) {
    const WordBundle bundle = small_bundle(WordFormat::bf16);
    ValueCampaign campaign;
    campaign.images = 6;
    campaign.faults = 30;
    const ValueResult one = run(bundle, campaign, 1);
    const ValueResult two = run(bundle, campaign, 2);
    campaign.faults = 20;
    const ValueResult fewer = run(bundle, campaign, 1);
    for (std::size_t i = 0; i < 30; ++i) {
        EXPECT_EQ(two.faults[i].lost, one.faults[i].lost);
        EXPECT_EQ(two.faults[i].changed, one.faults[i].changed);
        EXPECT_EQ(two.faults[i].index, one.faults[i].index);
        if (i < 20) {
            EXPECT_EQ(fewer.faults[i].faulty, one.faults[i].faulty);
        }
    }
}

TEST(ValueCampaign, RefusesWhatTheWorkloadDoesNotHave) {
    const WordBundle bundle = small_bundle(WordFormat::fxp16);
    const auto message = [&](ValueCampaign campaign) {
        campaign.faults = 1;
        try {
            run(bundle, campaign, 1);
        } catch (const InputError& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    ValueCampaign campaign;
    campaign.images = 7;
    EXPECT_THAT(message(campaign), ::testing::HasSubstr("--images: is 7"));
    campaign.images = 1;
    campaign.model = ValueModel::neuron_fp_rand;
    EXPECT_THAT(message(campaign), ::testing::HasSubstr("fxp16"));
    campaign.model = ValueModel::weight_flip;
    campaign.layers = {"nowhere"};
    EXPECT_THAT(message(campaign), ::testing::HasSubstr("nowhere"));
}

}  // namespace
}  // namespace fluence::campaign
