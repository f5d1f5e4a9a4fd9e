// The campaign's check of itself: which faults it takes, what it compares, and what happens when the delta
// engine is wrong.
#include "sim/campaign/recheck.h"

#include <gmock/gmock.h>

#include <fstream>

#include "sim/campaign/replay.h"
#include "sim/campaign/runner.h"
#include "sim/core/error.h"
#include "tests/campaign/small_campaign.h"
#include "tests/support/temporary_directory.h"

namespace fluence::campaign {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(RecheckChoice, TakesTheShareAndDependsOnSeedAndIdAlone) {
    constexpr std::int64_t kIds = 100000;
    int taken = 0, taken_by_both = 0;
    for (std::int64_t id = 0; id < kIds; ++id) {
        const bool first = rechecked(1, 0.1, id);
        EXPECT_EQ(first, rechecked(1, 0.1, id));
        EXPECT_FALSE(rechecked(1, 0, id));
        EXPECT_TRUE(rechecked(1, 1, id));
        taken += first ? 1 : 0;
        taken_by_both += first && rechecked(2, 0.1, id) ? 1 : 0;
    }
    // Six standard deviations: sqrt(100000·0.1·0.9) = 95, sqrt(100000·0.01·0.99) = 31.
    EXPECT_NEAR(taken, 10000, 570);
    EXPECT_NEAR(taken_by_both, 1000, 190);
}

arith::FaultyRun run_with(std::int64_t changed, std::vector<arith::ValueChange> logits) {
    arith::FaultyRun run;
    run.first_changed_layer = 1;
    run.last_changed_layer = 3;
    run.changed_values = changed;
    run.logits = std::move(logits);
    return run;
}

TEST(RecheckComparison, NamesWhatDiffers) {
    const arith::FaultyRun full = run_with(5, {{2, 40}, {7, -3}});
    EXPECT_FALSE(difference_of(run_with(5, {{7, -3}, {2, 40}}), full));
    EXPECT_THAT(difference_of(run_with(4, {{2, 40}, {7, -3}}), full).value(),
                HasSubstr("changed values: 4 by the delta engine, 5 by full re-execution"));
    EXPECT_THAT(difference_of(run_with(5, {{2, 40}}), full).value(), HasSubstr("changed logits: 1"));
    EXPECT_THAT(difference_of(run_with(5, {{2, 40}, {6, -3}}), full).value(), HasSubstr("logit: 6"));
    EXPECT_THAT(difference_of(run_with(5, {{2, 41}, {7, -3}}), full).value(), HasSubstr("logit 2: 41"));
    arith::FaultyRun other = full;
    other.first_changed_layer = 0;
    EXPECT_THAT(difference_of(other, full).value(), HasSubstr("first changed layer: 0"));
    other = full;
    other.last_changed_layer = 2;
    EXPECT_THAT(difference_of(other, full).value(), HasSubstr("last changed layer: 2"));
}

class RecheckedCampaign : public testing::Test {
  protected:
    RunOptions options(const std::string& name) {
        RunOptions options;
        options.result_path = folder_.file(name);
        options.workers = 2;
        options.commit_interval_seconds = 0;
        return options;
    }
    test::TemporaryDirectory folder_;
    workloads::Bundle bundle_ = test::small_bundle();
};

// bench/exactness.sh does it with trained networks and 100,000 faults each.
TEST_F(RecheckedCampaign, AllFaultsAreWhatFullReExecutionGives) {
    for (const std::string& model : fault::fault_models()) {
        SCOPED_TRACE(model);
        Experiment experiment = test::small_experiment(model);
        experiment.self_check = 1;
        EXPECT_EQ(run_campaign(experiment, bundle_, options(model)), RunEnd::finished);
        std::int64_t checked = 0;
        ResultReader(folder_.file(model)).for_each_fault([&](const FaultRow& fault, const auto&) {
            checked += fault.checked ? 1 : 0;
        });
        EXPECT_EQ(checked, experiment.faults);
    }
}

TEST_F(RecheckedCampaign, TheChosenOnesAreMarked) {
    Experiment experiment = test::small_experiment();
    experiment.self_check = 0.25;
    run_campaign(experiment, bundle_, options("a"));
    int checked = 0;
    ResultReader(folder_.file("a")).for_each_fault([&](const FaultRow& fault, const auto&) {
        EXPECT_EQ(fault.checked, rechecked(experiment.seed, 0.25, fault.id)) << fault.id;
        checked += fault.checked ? 1 : 0;
    });
    EXPECT_GT(checked, 0);
}

// The engine forgets one struck accumulator: the campaign must stop, keep what was right, and say which
// upset it was, in a form that can be replayed.
TEST_F(RecheckedCampaign, AWrongEngineStopsItAndIsDescribed) {
    Experiment experiment = test::small_experiment();
    experiment.faults = 4000;  // few of them strike accumulators
    experiment.self_check = 0.5;
    experiment.resolved["accelerator"] = to_json(experiment.accelerator);
    RunOptions with_defect = options("a");
    with_defect.defect = [](std::vector<arith::LayerFault>& faults) {
        for (arith::LayerFault& fault : faults) {
            if (!fault.accumulators.empty()) {
                fault.accumulators.pop_back();
            }
        }
    };
    EXPECT_THAT([&] { run_campaign(experiment, bundle_, with_defect); },
                ThrowsMessage<std::runtime_error>(AllOf(HasSubstr("self-check: fault "),
                                                        HasSubstr("full re-execution"),
                                                        HasSubstr(folder_.file("a.self-check.json")))));
    EXPECT_GT(ResultReader(folder_.file("a")).committed(), 0) << "batches before are kept";
    EXPECT_FALSE(ResultReader(folder_.file("a")).complete());

    const nlohmann::json report = nlohmann::json::parse(std::ifstream(folder_.file("a.self-check.json")));
    const auto id = report.at("fault").get<std::int64_t>();
    EXPECT_TRUE(rechecked(experiment.seed, 0.5, id));
    EXPECT_EQ(report.at("image"), id % test::kImages);
    EXPECT_EQ(report.at("experiment"), experiment.resolved);
    const nlohmann::json& value = report.at("first_differing_value");
    EXPECT_NE(value.at("delta_engine"), value.at("full_reexecution"));
    EXPECT_EQ(value.at("layer"), bundle_.graph.layers.at(value.at("layer_number").get<std::size_t>()).name);
    EXPECT_THAT(report.at("replay").get<std::string>(),
                AllOf(HasSubstr("fluence replay "), HasSubstr("a.self-check.upsets.jsonl"),
                      HasSubstr("--fidelity both")));

    const AcceleratorConfig machine = read_accelerator(folder_.file("a.self-check.accelerator.json"));
    const protect::Policy policy = protect::load_policy(folder_.file("a.self-check.policy.json"));
    EXPECT_EQ(policy.name, report.at("policy"));
    const traces::UpsetList list =
        traces::read_upset_list(folder_.file("a.self-check.upsets.jsonl"), machine.array);
    const Replay replay(bundle_, machine, policy);
    replay.check(list.groups, "list", Fidelity::both);
    const Replayed again = replay.run(list.groups, Fidelity::fast).at(0);
    EXPECT_EQ(again.path.image, report.at("image"));
    EXPECT_GT(again.path.changed_values, 0) << "the upset that was struck";

    // Without the defect the same command goes on to the bytes of a campaign that never met it.
    EXPECT_EQ(run_campaign(experiment, bundle_, options("a")), RunEnd::finished);
    EXPECT_EQ(run_campaign(experiment, bundle_, options("b")), RunEnd::finished);
    EXPECT_EQ(test::read_file(folder_.file("a")), test::read_file(folder_.file("b")));
}

TEST_F(RecheckedCampaign, WithoutChecksADefectGoesUnnoticed) {
    Experiment experiment = test::small_experiment("neuron-flip");
    experiment.faults = 60;
    experiment.self_check = 0;
    RunOptions with_defect = options("a");
    with_defect.defect = [](std::vector<arith::LayerFault>& faults) { faults.clear(); };
    EXPECT_EQ(run_campaign(experiment, bundle_, with_defect), RunEnd::finished);
}

}  // namespace
}  // namespace fluence::campaign
