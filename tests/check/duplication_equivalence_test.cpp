// Duplicated filters: both fidelities agree on what upsets leave, on what the comparison sees and on what
// acts on it.
#include <gtest/gtest.h>

#include <iostream>

#include "sim/core/error.h"
#include "tests/check/agreement.h"

namespace fluence::check {
namespace {

constexpr std::uint64_t kSeed = 20261124;
constexpr int kMachines = 20;
constexpr int kListsPerMachine = 30;

TEST(DuplicatedFilters, FastAndDetailedMachineAgree) {
    int lists = 0, detected = 0, suppressed = 0, unrepaired = 0;
    for (int machine = 0; machine < test::machines_of_run(kMachines); ++machine) {
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
        const std::optional<TileLevelRun> run = test::run_if_possible(setup);
        if (!run) {
            continue;
        }
        const UpsetDraw upset_draw(setup, run->timeline);
        const std::vector<UpsetList> upsets =
            test::lists_of(kListsPerMachine, [&] { return upset_draw.list(random); });
        for (const Verdict& verdict : test::agreeing(setup, *run, upsets, test::named(kSeed, machine))) {
            ++lists;
            detected += verdict.flags.detected ? 1 : 0;
            suppressed += verdict.flags.suppressed ? 1 : 0;
            unrepaired += verdict.flags.unrepaired ? 1 : 0;
        }
        ASSERT_FALSE(testing::Test::HasFailure());
    }
    std::cout << "seed " << kSeed << ": " << lists << " lists, " << detected << " detected, " << suppressed
              << " suppressed, " << unrepaired << " unrepaired" << std::endl;
    EXPECT_GT(lists, test::machines_of_run(kMachines) / 2 * kListsPerMachine);
    EXPECT_GT(detected, lists / 20);
    EXPECT_GT(suppressed, lists / 100);
    EXPECT_GT(unrepaired, lists / 100);
}

}  // namespace
}  // namespace fluence::check
