// Requests of several runs: the fast machine's answers are those of the register-true machine, which goes on
// from the cells that the run before left in DRAM.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <optional>

#include "sim/fault/sum_rule.h"
#include "sim/protect/rerun.h"
#include "tests/check/agreement.h"

namespace fluence::check {
namespace {

constexpr std::uint64_t kSeed = 20261122;
constexpr int kMachines = 40;
constexpr int kListsPerMachine = 20;
constexpr int kMachinesThatKeep = 40;
constexpr int kListsThatKeep = 30;

TEST(Requests, FastAndDetailedMachineAgree) {
    int lists = 0, several = 0, aborted = 0, due = 0;
    for (int machine = 0; machine < test::machines_of_run(kMachines); ++machine) {
        RandomStream random(kSeed, RandomPurpose::testing, static_cast<std::uint64_t>(machine));
        int refused = 0;
        check::Setup setup = draw_setup(random, refused);
        while (!protect::reruns(setup.policy)) {
            draw_inference_end(random, setup.policy);
        }
        const std::optional<TileLevelRun> drawn = test::run_if_possible(setup);
        if (!drawn) {
            continue;
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

// Logits whose scale makes the largest one about e^1.5 times as probable as the next.
void make_unsure(check::Setup& setup) {
    const arith::Engine engine(setup.graph, {}, fault::sum_rule(setup.graph, setup.config));
    workloads::TensorInfo& logits = setup.graph.tensors[index_of(setup.graph.logits)];
    workloads::Codes codes = engine.run(setup.image).tensors[index_of(setup.graph.logits)];
    std::sort(codes.begin(), codes.end(), std::greater<>());
    const double apart = codes.size() > 1 ? static_cast<double>(codes[0]) - codes[1] : 0;
    logits.scale = 1.5 / std::max(1.0, apart);
}

bool of_inference_end(const traces::Upset& upset) {
    return traces::is_request_state(upset.site);
}

// Answers and thresholds that the unit at the inference end keeps, alone or beside upsets that make answers
// differ: in every machine some parts of the inference end compare answers.
TEST(Requests, FastAndDetailedMachineAgreeOnWhatIsKept) {
    constexpr std::uint64_t kSeedOfKept = 20261125;
    int lists = 0;
    std::map<traces::SiteKind, int> alone, live;  // of lists with one upset
    for (int machine = 0; machine < test::machines_of_run(kMachinesThatKeep); ++machine) {
        RandomStream random(kSeedOfKept, RandomPurpose::testing, static_cast<std::uint64_t>(machine));
        int refused = 0;
        check::Setup setup = draw_setup(random, refused);
        while (protect::kept_answers(setup.policy) == 0) {
            draw_inference_end(random, setup.policy);
        }
        const std::optional<TileLevelRun> drawn = test::run_if_possible(setup);
        if (!drawn) {
            continue;
        }
        make_unsure(setup);
        const TileLevelRun& run = *drawn;
        const UpsetDraw draw(setup, run.timeline);
        const std::vector<UpsetList> upsets = test::lists_of(kListsThatKeep, [&] {
            for (;;) {
                UpsetList list = draw.list(random);
                if (std::any_of(list.begin(), list.end(), of_inference_end)) {
                    return list;
                }
            }
        });
        const std::vector<Verdict> verdicts =
            test::agreeing(setup, run, upsets, test::named(kSeedOfKept, machine));
        for (std::size_t i = 0; i < verdicts.size(); ++i) {
            ++lists;
            if (upsets[i].size() == 1) {
                ++alone[upsets[i][0].site];
                live[upsets[i][0].site] += verdicts[i].dead == fault::DeadReason::none ? 1 : 0;
            }
        }
        ASSERT_FALSE(testing::Test::HasFailure());
    }
    std::cout << "seed " << kSeedOfKept << ": " << lists << " lists";
    for (const auto& [site, count] : alone) {
        std::cout << ", " << name_of(site) << " alone " << count << ", live " << live[site];
    }
    std::cout << std::endl;
    EXPECT_GT(live[traces::SiteKind::kept_answer], alone[traces::SiteKind::kept_answer] / 20);
    EXPECT_GT(live[traces::SiteKind::confidence_threshold],
              alone[traces::SiteKind::confidence_threshold] / 40);
}

}  // namespace
}  // namespace fluence::check
