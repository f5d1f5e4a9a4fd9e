// Bits of registers that are held: the fast machine's answers are those of the register-true one, alone and
// together with other upsets, under every control, code and inference end.
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <optional>
#include <string>

#include "tests/check/agreement.h"

namespace fluence::check {
namespace {

constexpr std::uint64_t kSeed = 20261123;
constexpr int kMachines = 60;
constexpr int kListsPerMachine = 16;

bool holds(const UpsetList& list) {
    return std::any_of(list.begin(), list.end(),
                       [](const traces::Upset& upset) { return upset.held != traces::Held::no; });
}

TEST(HeldBits, FastAndDetailedMachineAgree) {
    std::map<std::string, int> counts;
    for (int machine = 0; machine < test::machines_of_run(kMachines); ++machine) {
        RandomStream random(kSeed, RandomPurpose::testing, static_cast<std::uint64_t>(machine));
        int refused = 0;
        const check::Setup setup = draw_setup(random, refused);
        const std::optional<TileLevelRun> drawn = test::run_if_possible(setup);
        if (!drawn) {
            continue;
        }
        const TileLevelRun& run = *drawn;
        const UpsetDraw draw(setup, run.timeline);
        const auto held_list = [&] {
            UpsetList list = draw.list(random);
            while (!holds(list)) {
                list = draw.list(random);
            }
            return list;
        };
        const std::vector<UpsetList> upsets = test::lists_of(kListsPerMachine, held_list);
        const std::string control =
            setup.config.array.control == ArrayControl::central ? "central" : "travelling";
        for (const Verdict& verdict : test::agreeing(setup, run, upsets, test::named(kSeed, machine))) {
            ++counts[control];
            counts["wrong"] += verdict.dead == fault::DeadReason::none && !verdict.flags.aborted ? 1 : 0;
            counts["corrected"] += verdict.flags.corrected ? 1 : 0;
            counts["aborted"] += verdict.flags.aborted ? 1 : 0;
            counts["run again"] += verdict.runs > 1 ? 1 : 0;
        }
        ASSERT_FALSE(testing::Test::HasFailure());
    }
    std::cout << "seed " << kSeed;
    for (const auto& [name, count] : counts) {
        std::cout << ", " << name << " " << count;
        EXPECT_GT(count, 10) << name;
    }
    std::cout << std::endl;
}

}  // namespace
}  // namespace fluence::check
