// Filters of whole pixels: both fidelities agree on what upsets of their buffer and of their thresholds
// leave.
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <map>

#include "sim/core/error.h"
#include "tests/check/agreement.h"

namespace fluence::check {
namespace {

using traces::SiteKind;

constexpr std::uint64_t kSeed = 20261125;
constexpr int kMachines = 14;
constexpr int kListsPerMachine = 40;

bool of_filter(const traces::Upset& upset) {
    return upset.site == SiteKind::filter_buffer || upset.site == SiteKind::filter_threshold;
}

// With an upset of the filter's own in it.
UpsetList list_of(const UpsetDraw& draw, RandomStream& random) {
    for (;;) {
        UpsetList list = draw.list(random);
        if (std::any_of(list.begin(), list.end(), of_filter)) {
            return list;
        }
    }
}

void draw_filter(Draw& draw, protect::Policy& policy) {
    policy.median.reset();
    policy.just_say_zero.reset();
    policy.gradient.reset();
    if (draw.chance(4)) {
        policy.median.emplace();
        return;
    }
    if (draw.chance(3)) {
        policy.just_say_zero = protect::JustSayZeroPart{"peak", 1, protect::kFilterBufferBytes};
        return;
    }
    using Part = protect::GradientPart;
    policy.gradient.emplace();
    policy.gradient->gate = Part::Gate::always;
    policy.gradient->statistics =
        draw.one_of(std::array{Part::Statistics::layer, Part::Statistics::channel, Part::Statistics::neuron});
    policy.gradient->threshold = draw.chance(2) ? 0 : draw.between(1, 16) / 4.0;
    policy.gradient->calibration_images = 1;
}

TEST(FiltersOfPixels, FastAndDetailedMachineAgree) {
    int lists = 0;
    std::map<SiteKind, int> live, alone;  // of lists with one upset
    for (int machine = 0; machine < test::machines_of_run(kMachines); ++machine) {
        RandomStream random(kSeed, RandomPurpose::testing, static_cast<std::uint64_t>(machine));
        Draw draw(random);
        int refused = 0;
        check::Setup setup = draw_setup(random, refused);
        draw_filter(draw, setup.policy);
        const std::optional<TileLevelRun> run = test::run_if_possible(setup);
        if (!run) {
            continue;
        }
        const UpsetDraw upset_draw(setup, run->timeline);
        const std::vector<UpsetList> upsets =
            test::lists_of(kListsPerMachine, [&] { return list_of(upset_draw, random); });
        const std::vector<Verdict> verdicts =
            test::agreeing(setup, *run, upsets, test::named(kSeed, machine));
        ASSERT_FALSE(testing::Test::HasFailure());
        for (std::size_t i = 0; i < upsets.size(); ++i) {
            ++lists;
            if (upsets[i].size() == 1) {
                ++alone[upsets[i][0].site];
                live[upsets[i][0].site] += verdicts[i].dead == fault::DeadReason::none ? 1 : 0;
            }
        }
    }
    std::cout << "seed " << kSeed << ": " << lists << " lists; one upset alone changes codes:";
    for (const auto& [site, count] : alone) {
        std::cout << " " << name_of(site) << " " << live[site] << " of " << count;
    }
    std::cout << std::endl;
    EXPECT_GT(lists, test::machines_of_run(kMachines) / 2 * kListsPerMachine);
    EXPECT_GT(live[SiteKind::filter_buffer], alone[SiteKind::filter_buffer] / 20);
    EXPECT_GT(live[SiteKind::filter_threshold], alone[SiteKind::filter_threshold] / 40);
}

}  // namespace
}  // namespace fluence::check
