// Words under selective ECC: both fidelities agree on upsets of parameters, check bits and signatures, alone
// and several in a word.
#include <gtest/gtest.h>

#include <iostream>

#include "sim/core/error.h"
#include "sim/protect/selective_code.h"
#include "tests/check/agreement.h"

namespace fluence::check {
namespace {

constexpr std::uint64_t kSeed = 20261123;
constexpr int kMachines = 20;
constexpr int kScrubbedMachines = 12;
constexpr int kListsPerMachine = 40;

protect::SelectiveEccPart draw_part(Draw& draw) {
    protect::SelectiveEccPart part;
    part.plan.fraction = draw.between(1, 9) / 10.0;
    part.plan.seed = static_cast<std::uint64_t>(draw.between(1, 1000));
    part.weight_buffer = !draw.chance(4);
    part.check_slots = draw.between(1, 16);
    return part;
}

// Words of weights while they stand in DRAM, or lie in the buffer and wait for their folds: two to four wrong
// bits in the cells behind the data, or anywhere, so that signatures are taken for others.
UpsetList aimed(Draw& draw, const Setup& setup, const traces::Timeline& timeline, int most) {
    UpsetList list;
    const traces::Load* load = nullptr;
    do {
        load = &timeline.loads[static_cast<std::size_t>(
            draw.below(static_cast<std::int64_t>(timeline.loads.size())))];
    } while (load->content != traces::Content::weights);
    const traces::Segment& segment = load->segments[static_cast<std::size_t>(
        draw.below(static_cast<std::int64_t>(load->segments.size())))];
    const std::int64_t inside = draw.below(segment.words);
    for (int i = draw.between(1, most); i > 0; --i) {
        traces::Upset upset;
        const bool dram = draw.chance(2);
        const Memory memory = dram ? Memory::dram : Memory::weight_buffer;
        upset.site = dram ? traces::SiteKind::dram : traces::SiteKind::weight_buffer;
        upset.unit = (dram ? segment.dram_word : segment.buffer_word) + inside;
        upset.cycle =
            dram ? draw.between(0, static_cast<int>(load->begin) + 1) : load->done() + draw.between(-2, 20);
        const int data = setup.config.dram.word_bits;
        const int cells = protect::stored_bits(setup.policy, memory, data);
        const int from = draw.chance(2) && cells > data ? data : 0;
        for (int flips = draw.between(1, 4); flips > 0; --flips) {
            upset.bits.flip(static_cast<std::size_t>(from + draw.below(cells - from)));
        }
        if (upset.bits.any()) {
            list.push_back(upset);
        }
    }
    return list;
}

void expect_agreement(std::uint64_t seed, bool scrubbed) {
    int lists = 0, corrected = 0, detected = 0, changed = 0;
    for (int machine = 0; machine < test::machines_of_run(scrubbed ? kScrubbedMachines : kMachines);
         ++machine) {
        RandomStream random(seed, RandomPurpose::testing, static_cast<std::uint64_t>(machine));
        Draw draw(random);
        int refused = 0;
        check::Setup setup = draw_setup(random, refused);
        setup.policy.memory[index_of(Memory::dram)] = {};
        setup.policy.memory[index_of(Memory::weight_buffer)] = {};
        setup.policy.selective_ecc = draw_part(draw);
        for (const Memory memory : {Memory::dram, Memory::weight_buffer}) {
            protect::MemoryPart& part = setup.policy.memory[index_of(memory)];
            part.on_due = draw.chance(4) ? protect::DueAction::abort : protect::DueAction::zero;
            part.scrub_period = Cycles(scrubbed && protect::is_selective(setup.policy, memory)
                                           ? draw.between(1, draw.chance(2) ? 3 : 30)
                                           : 0);
        }
        if (scrubbed && draw.chance(2)) {
            setup.policy.confidence_rerun.reset();
            setup.policy.temporal_dmr.emplace();  // what was written back is in DRAM for the second run
        }
        TileLevelRun run;
        try {
            run = run_tile_level(setup);
        } catch (const InputError&) {
            continue;
        }
        const std::vector<UpsetList> upsets = test::lists_of(
            kListsPerMachine, [&] { return aimed(draw, setup, run.timeline, scrubbed ? 5 : 2); });
        for (const Verdict& verdict : test::agreeing(setup, run, upsets, test::named(seed, machine))) {
            ++lists;
            corrected += verdict.flags.corrected ? 1 : 0;
            detected += verdict.flags.detected ? 1 : 0;
            changed += verdict.dead == fault::DeadReason::none ? 1 : 0;
        }
        ASSERT_FALSE(testing::Test::HasFailure());
    }
    std::cout << "seed " << seed << ": " << lists << " lists, " << corrected << " corrected, " << detected
              << " detected, " << changed << " with values changed" << std::endl;
    EXPECT_GT(corrected, lists / 10);
    EXPECT_GT(detected, lists / 100);
    EXPECT_GT(changed, lists / 20);
}

TEST(SelectiveEcc, FastAndDetailedMachineAgree) {
    expect_agreement(kSeed, false);
}

// What the scrubber took wrong it writes back wrong.
TEST(SelectiveEcc, FastAndDetailedMachineAgreeWhereWordsAreScrubbed) {
    expect_agreement(kSeed + 1, true);
}

}  // namespace
}  // namespace fluence::check
