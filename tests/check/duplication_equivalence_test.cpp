// Duplicated filters: both fidelities agree on what upsets leave, on what the comparison sees and on what
// acts on it.
#include <gtest/gtest.h>

#include <iostream>

#include "sim/check/comparison.h"
#include "sim/check/draw.h"
#include "sim/check/shrink.h"
#include "sim/core/error.h"
#include "tests/support/environment.h"

namespace fluence::check {
namespace {

constexpr std::uint64_t kSeed = 20261124;
constexpr int kListsPerMachine = 30;

// FLUENCE_TEST_MACHINES: how many, for long runs.
int machines_of_run() {
    return static_cast<int>(test::environment("FLUENCE_TEST_MACHINES", 20));
}

TEST(DuplicatedFilters, FastAndDetailedMachineAgree) {
    int lists = 0, detected = 0, suppressed = 0, unrepaired = 0;
    for (int machine = 0; machine < machines_of_run(); ++machine) {
        RandomStream random(kSeed, RandomPurpose::testing, static_cast<std::uint64_t>(machine));
        Draw draw(random);
        int refused = 0;
        check::Setup setup = draw_setup(random, refused);
        setup.policy.checksum.reset();
        setup.policy.zero.reset();
        setup.policy.duplication.emplace();
        setup.policy.duplication->plan.fraction = draw.between(3, 10) / 10.0;
        setup.policy.duplication->plan.seed = static_cast<std::uint64_t>(draw.between(1, 1000));
        const bool gated =
            setup.policy.gradient && setup.policy.gradient->gate == protect::GradientPart::Gate::detection;
        if (draw.chance(2) && !gated) {
            setup.policy.zero.emplace();
        }
        TileLevelRun run;
        try {
            check_runnable(setup);
            run = run_tile_level(setup);
        } catch (const InputError&) {
            continue;
        }
        const UpsetDraw upset_draw(setup, run.timeline);
        std::vector<UpsetList> upsets(1);  // the first one is empty
        while (upsets.size() < kListsPerMachine) {
            upsets.push_back(upset_draw.list(random));
        }
        const std::vector<Verdict> verdicts = compare_fidelities(setup, run, upsets);
        for (std::size_t i = 0; i < verdicts.size(); ++i) {
            ++lists;
            detected += verdicts[i].flags.detected ? 1 : 0;
            suppressed += verdicts[i].flags.suppressed ? 1 : 0;
            unrepaired += verdicts[i].flags.unrepaired ? 1 : 0;
            if (!verdicts[i].difference.empty()) {
                const ShrinkResult small = shrink({setup, upsets[i]}, compare_fidelities, 400);
                FAIL() << "seed " << kSeed << ", machine " << machine << ", list " << i << ": "
                       << verdicts[i].difference << "\n"
                       << small.difference << "\n"
                       << to_json(small.smallest).dump();
            }
        }
    }
    std::cout << "seed " << kSeed << ": " << lists << " lists, " << detected << " detected, " << suppressed
              << " suppressed, " << unrepaired << " unrepaired" << std::endl;
    EXPECT_GT(lists, machines_of_run() / 2 * kListsPerMachine);
    EXPECT_GT(detected, lists / 20);
    EXPECT_GT(suppressed, lists / 100);
    EXPECT_GT(unrepaired, lists / 100);
}

}  // namespace
}  // namespace fluence::check
