// Requests of several runs: the fast machine's answers are those of the register-true machine, which goes on
// from the cells that the run before left in DRAM.
#include <gtest/gtest.h>

#include <iostream>
#include <optional>

#include "sim/check/comparison.h"
#include "sim/check/draw.h"
#include "sim/check/shrink.h"
#include "sim/core/error.h"
#include "sim/protect/rerun.h"
#include "tests/support/environment.h"

namespace fluence::check {
namespace {

constexpr std::uint64_t kSeed = 20261122;
constexpr int kListsPerMachine = 20;

// FLUENCE_TEST_MACHINES: how many, for long runs.
int machines_of_run() {
    return static_cast<int>(test::environment("FLUENCE_TEST_MACHINES", 40));
}

TEST(Requests, FastAndDetailedMachineAgree) {
    int lists = 0, several = 0, aborted = 0, due = 0;
    for (int machine = 0; machine < machines_of_run(); ++machine) {
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
        std::vector<UpsetList> upsets(1);  // the first one is empty
        while (upsets.size() < kListsPerMachine) {
            upsets.push_back(draw.list(random));
        }
        const std::vector<Verdict> verdicts = compare_fidelities(setup, run, upsets);
        for (std::size_t i = 0; i < verdicts.size(); ++i) {
            ++lists;
            several += verdicts[i].runs > 1 ? 1 : 0;
            aborted += verdicts[i].flags.aborted ? 1 : 0;
            due += verdicts[i].outcome == campaign::Outcome::due ? 1 : 0;
            if (!verdicts[i].difference.empty()) {
                const ShrinkResult small = shrink({setup, upsets[i]}, compare_fidelities, 400);
                FAIL() << "seed " << kSeed << ", machine " << machine << ", list " << i << ": "
                       << verdicts[i].difference << "\n"
                       << small.difference << "\n"
                       << to_json(small.smallest).dump();
            }
        }
    }
    std::cout << "seed " << kSeed << ": " << lists << " requests, " << several << " of several runs, "
              << aborted << " aborted, " << due << " due" << std::endl;
    EXPECT_GT(several, lists / 10);
    EXPECT_GT(aborted, 0);
    EXPECT_GT(due, 0);
}

}  // namespace
}  // namespace fluence::check
