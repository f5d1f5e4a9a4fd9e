// Campaigns of upsets on machines of words: every outcome against the register-true machine, and the same
// whatever the number of workers.
#include "sim/campaign/word_campaign.h"

#include <gmock/gmock.h>

#include "sim/accel/machine.h"
#include "sim/core/config_search.h"
#include "sim/core/error.h"
#include "sim/dataflow/memory_map.h"
#include "sim/words/resolver.h"
#include "sim/words/stepped_machine.h"
#include "tests/support/random_word_bundle.h"

namespace fluence::campaign {
namespace {

using workloads::WordBundle;
using workloads::WordFormat;
using workloads::Words;

WordBundle small_bundle(WordFormat format) {
    RandomStream stream(32, RandomPurpose::testing, 4);
    return test::random_word_bundle(format, stream, 5);
}

WordCampaign campaign_of(WordFormat format) {
    WordCampaign campaign;
    campaign.machine = read_accelerator(
        find_config("accelerators", std::string("edge-16x16-") + workloads::name_of(format)));
    campaign.images = 5;
    campaign.faults = 400;
    campaign.seed = 3;
    return campaign;
}

WordCampaignResult run(const WordBundle& bundle, const WordCampaign& campaign, int workers) {
    return run_word_campaign(bundle, "test", campaign, workers, [](auto, auto) {});
}

class WordCampaigns : public testing::TestWithParam<WordFormat> {};

// How many faults changed logits, were corrected, detected, and aborted.
struct Seen {
    int changed = 0, corrected = 0, detected = 0, aborted = 0;
};

Seen compare_with_register_true(const WordBundle& bundle, const WordCampaign& campaign) {
    const WordCampaignResult result = run(bundle, campaign, 2);
    const traces::Timeline timeline =
        accel::time_machine(workloads::stored_structure(bundle.graph), campaign.machine, campaign.policy);
    const words::SteppedWordMachine machine(bundle.graph, campaign.machine, campaign.policy, timeline);
    EXPECT_EQ(static_cast<std::int64_t>(result.faults.size()), campaign.faults);
    EXPECT_EQ(result.cycles, timeline.cycles);
    Seen seen;
    for (std::size_t i = 0; i < result.faults.size(); ++i) {
        const WordOutcome& fault = result.faults[i];
        EXPECT_EQ(fault.image, static_cast<std::int32_t>(i % 5));
        traces::Upset upset;
        upset.site = fault.site;
        upset.unit = fault.unit;
        upset.cycle = fault.cycle;
        upset.bits.set(static_cast<std::size_t>(fault.bit));
        const words::SteppedWordMachine::Run struck = machine.run(bundle.image(fault.image), {upset});
        const bool differs =
            !struck.aborted && struck.logits != machine.run(bundle.image(fault.image), {}).logits;
        EXPECT_EQ(struck.aborted, fault.effect == WordEffect::due) << i;
        EXPECT_EQ(struck.corrected, fault.corrected) << i;
        EXPECT_EQ(struck.detected, fault.detected) << i;
        EXPECT_EQ(differs, fault.effect == WordEffect::benign || fault.effect == WordEffect::sdc) << i;
        EXPECT_EQ(fault.effect == WordEffect::dead, fault.dead != fault::DeadReason::none) << i;
        seen.changed += differs ? 1 : 0;
        seen.corrected += struck.corrected ? 1 : 0;
        seen.detected += struck.detected ? 1 : 0;
        seen.aborted += struck.aborted ? 1 : 0;
    }
    return seen;
}

TEST_P(WordCampaigns, SayWhatTheRegisterTrueMachineDoes) {
    WordCampaign campaign = campaign_of(GetParam());
    campaign.machine.array.rows = campaign.machine.array.cols = 2;  // always busy
    campaign.faults = 1200;
    campaign.sites = {"pe_psum", "pe_weight", "dram"};
    const WordBundle bundle = small_bundle(GetParam());
    Seen seen = compare_with_register_true(bundle, campaign);
    EXPECT_GT(seen.changed, 5);
    EXPECT_EQ(seen.corrected + seen.detected + seen.aborted, 0);
    campaign.sites = {"vector_pipeline", "vector_parameter"};
    seen = compare_with_register_true(bundle, campaign);
    EXPECT_GT(seen.changed, 1);
    EXPECT_EQ(seen.corrected + seen.detected + seen.aborted, 0);
}

TEST_P(WordCampaigns, UnderCodesToo) {
    WordCampaign campaign = campaign_of(GetParam());
    campaign.machine.array.rows = campaign.machine.array.cols = 2;
    campaign.sites = {"pe_psum", "dram"};
    campaign.policy.memory[index_of(Memory::dram)].code = "secded";
    Seen seen = compare_with_register_true(small_bundle(GetParam()), campaign);
    EXPECT_GT(seen.corrected, 5);
    EXPECT_EQ(seen.detected + seen.aborted, 0);
    campaign.policy.memory[index_of(Memory::dram)] = {"parity", protect::DueAction::abort};
    seen = compare_with_register_true(small_bundle(GetParam()), campaign);
    EXPECT_GT(seen.aborted, 5);
    EXPECT_EQ(seen.aborted, seen.detected);
    EXPECT_EQ(seen.corrected, 0);
}

TEST_P(WordCampaigns, AreTheSameForAnyNumberOfWorkers) {
    const WordBundle bundle = small_bundle(GetParam());
    WordCampaign campaign = campaign_of(GetParam());
    campaign.faults = 700;
    campaign.upsets = 2;
    const WordCampaignResult one = run(bundle, campaign, 1);
    const WordCampaignResult three = run(bundle, campaign, 3);
    ASSERT_EQ(one.faults.size(), three.faults.size());
    EXPECT_EQ(one.golden_correct, three.golden_correct);
    for (std::size_t i = 0; i < one.faults.size(); ++i) {
        EXPECT_EQ(one.faults[i].unit, three.faults[i].unit);
        EXPECT_EQ(one.faults[i].cycle, three.faults[i].cycle);
        EXPECT_EQ(one.faults[i].effect, three.faults[i].effect);
        EXPECT_EQ(one.faults[i].changed_values, three.faults[i].changed_values);
        EXPECT_EQ(one.faults[i].golden_bits, three.faults[i].golden_bits);
    }
}

INSTANTIATE_TEST_SUITE_P(Formats, WordCampaigns,
                         testing::Values(WordFormat::fxp16, WordFormat::fxp32, WordFormat::bf16,
                                         WordFormat::fp32),
                         [](const auto& row) { return workloads::name_of(row.param); });

// What the report says of a struck word is what the bundle holds there.
TEST(WordCampaignSites, StruckValuesAreTheBundles) {
    const WordBundle bundle = small_bundle(WordFormat::fxp16);
    const WordCampaign campaign = campaign_of(WordFormat::fxp16);
    const workloads::Graph stored = workloads::stored_structure(bundle.graph);
    const dataflow::MemoryMap map(stored, campaign.machine);
    const traces::Timeline timeline = accel::time_machine(stored, campaign.machine, {});
    const words::WordResolver resolver(bundle.graph, campaign.machine, {}, timeline);
    const auto values =
        arith::make_word_values(bundle.graph, words::machine_order(bundle.graph, campaign.machine));
    values->load(bundle.image(0));
    int seen = 0;
    for (std::int64_t word = 0; word < map.words(); ++word) {
        const std::vector<dataflow::Field> fields = map.fields(word);
        if (fields.empty()) {
            continue;
        }
        const dataflow::Field& field = fields.front();
        const auto index = static_cast<std::size_t>(field.index);
        const auto owner = static_cast<std::size_t>(field.owner);
        traces::Upset upset;
        upset.site = traces::SiteKind::dram;
        upset.unit = word;
        upset.cycle = timeline.cycles - 1;  // everything is stored
        upset.bits.set(static_cast<std::size_t>(field.bit));
        const words::WordResolution told = resolver.resolve({upset}, *values);
        if (told.dead == fault::DeadReason::idle) {
            continue;  // a tensor that stays on chip
        }
        const workloads::WordLayer* layer =
            field.kind == dataflow::FieldKind::activation ? nullptr : &bundle.graph.layers[owner];
        const std::uint64_t wanted =
            field.kind == dataflow::FieldKind::weight ? layer->weights[index]
            : field.kind == dataflow::FieldKind::bias ? layer->bias[index]
            : field.kind == dataflow::FieldKind::shift
                ? static_cast<std::uint8_t>(workloads::stored_shifts(bundle.graph, owner)[index])
                : values->golden(tensor_id(owner))[index];
        EXPECT_EQ(told.golden_bits, wanted) << "word " << word;
        EXPECT_EQ(told.faulty_bits, wanted ^ 1) << "word " << word;
        ++seen;
    }
    EXPECT_GT(seen, 20);
}

TEST(WordCampaignRequests, ImpossibleOnesAreNamed) {
    const WordBundle bundle = small_bundle(WordFormat::fxp16);
    const auto refused = [&](const WordCampaign& campaign, const char* word) {
        try {
            run(bundle, campaign, 1);
            ADD_FAILURE() << word;
        } catch (const InputError& error) {
            EXPECT_THAT(error.what(), testing::HasSubstr(word));
        }
    };
    WordCampaign campaign = campaign_of(WordFormat::fxp16);
    campaign.images = 6;
    refused(campaign, "--images");
    campaign = campaign_of(WordFormat::fxp32);
    refused(campaign, "format");
    campaign = campaign_of(WordFormat::fxp16);
    campaign.sites = {"relu_operand"};
    refused(campaign, "--sites");
    campaign = campaign_of(WordFormat::fxp16);
    campaign.machine.array.accumulator_bits = 32;
    refused(campaign, "accumulator_bits");
    campaign = campaign_of(WordFormat::fxp16);
    campaign.machine.array.control = ArrayControl::travelling;
    refused(campaign, "control");
    campaign = campaign_of(WordFormat::fxp16);
    campaign.policy = protect::load_policy("checksum-rerun");
    refused(campaign, "linear-checksum");
}

}  // namespace
}  // namespace fluence::campaign
