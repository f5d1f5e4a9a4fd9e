// Requests of several runs: the fast machine's answers are those of the register-true machine, which goes on
// from the cells that the run before left in DRAM.
#include <gtest/gtest.h>

#include <iostream>
#include <optional>

#include "sim/core/error.h"
#include "sim/protect/rerun.h"
#include "tests/check/agreement.h"

namespace fluence::check {
namespace {

constexpr std::uint64_t kSeed = 20261122;
constexpr int kMachines = 40;
constexpr int kListsPerMachine = 20;

TEST(Requests, FastAndDetailedMachineAgree) {
    int lists = 0, several = 0, aborted = 0, due = 0;
    for (int machine = 0; machine < test::machines_of_run(kMachines); ++machine) {
        RandomStream random(kSeed, RandomPurpose::testing, static_cast<std::uint64_t>(machine));
        int refused = 0;
        check::Setup setup = draw_setup(random, refused);
        while (!protect::reruns(setup.policy)) {
            draw_inference_end(random, setup.policy);
        }
        std::optional<TileLevelRun> drawn;
        try {
            drawn = run_tile_level(setup);
        } catch (const InputError&) {
            continue;  // the machine cannot run the network under the policy
        }
        const TileLevelRun& run = *drawn;
        const UpsetDraw draw(setup, run.timeline);
        const std::vector<UpsetList> upsets =
            test::lists_of(kListsPerMachine, [&] { return draw.list(random); });
        for (const Verdict& verdict : test::agreeing(setup, run, upsets, test::named(kSeed, machine))) {
            ++lists;
            several += verdict.runs > 1 ? 1 : 0;
            aborted += verdict.flags.aborted ? 1 : 0;
            due += verdict.outcome == campaign::Outcome::due ? 1 : 0;
        }
        ASSERT_FALSE(testing::Test::HasFailure());
    }
    std::cout << "seed " << kSeed << ": " << lists << " requests, " << several << " of several runs, "
              << aborted << " aborted, " << due << " due" << std::endl;
    EXPECT_GT(several, lists / 10);
    EXPECT_GT(aborted, 0);
    EXPECT_GT(due, 0);
}

}  // namespace
}  // namespace fluence::check
