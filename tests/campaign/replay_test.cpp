// Replays: what a campaign recorded comes out again, tampered records are noticed, bad groups are refused.
#include "sim/campaign/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/campaign/runner.h"
#include "sim/core/config_search.h"
#include "sim/core/error.h"
#include "sim/fault/sites.h"
#include "tests/support/random_graph.h"
#include "tests/support/temporary_directory.h"

namespace fluence::campaign {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

workloads::Bundle small_bundle() {
    RandomStream stream(9, RandomPurpose::testing, 0);
    workloads::Bundle bundle;
    bundle.graph = test::random_graph(stream, {3, 6, 7, 5, false});
    bundle.image_count = 3;
    bundle.profile.resize(bundle.graph.tensors.size());
    for (std::int64_t i = 0; i < bundle.image_count; ++i) {
        for (const std::int32_t code : test::random_image(bundle.graph, stream)) {
            bundle.images.push_back(static_cast<std::uint8_t>(code));
        }
        bundle.labels.push_back(static_cast<std::int32_t>(i));
    }
    return bundle;
}

class ReplayTest : public testing::Test {
  protected:
    ReplayTest()
        : config_(read_accelerator(find_config("accelerators", "tiny-8x8"))),
          policy_(protect::load_policy("none")),
          replay_(bundle_, config_, policy_) {}

    // A partial sum in the middle of the first fold.
    traces::Upset upset() const {
        const traces::Fold& fold = replay_.timeline().folds[0];
        traces::Upset upset;
        upset.site = traces::SiteKind::pe_psum;
        upset.cycle = fold.stream + 3;
        upset.bits[17] = true;
        return upset;
    }
    std::string check_error(traces::UpsetGroup group, Fidelity fidelity = Fidelity::fast) const {
        group.id = "line 2";
        try {
            replay_.check({group}, "list.jsonl", fidelity);
        } catch (const InputError& error) {
            return error.what();
        }
        return "no error";
    }

    // The faults are for the test to say.
    Experiment small_experiment(const std::vector<const char*>& policies) const {
        Experiment experiment;
        experiment.file = "small.json";
        experiment.name = "small";
        experiment.accelerator = config_;
        for (const char* name : policies) {
            experiment.policies.push_back(protect::load_policy(name));
        }
        experiment.images = 3;
        experiment.resolved = {{"accelerator", to_json(config_)}, {"workload", {{"bundle", "x"}}}};
        return experiment;
    }
    // Its result file.
    std::string recorded(const Experiment& experiment, const test::TemporaryDirectory& folder) const {
        RunOptions options;
        options.result_path = folder.file("r.sqlite");
        options.workers = 1;
        run_campaign(experiment, bundle_, options);
        return options.result_path;
    }

    workloads::Bundle bundle_ = small_bundle();
    AcceleratorConfig config_;
    protect::Policy policy_;
    Replay replay_;
};

TEST_F(ReplayTest, RecordedFaultsComeOutAgain) {
    Experiment experiment = small_experiment({"none", "secded", "checksum-zero"});
    experiment.fault_model.name = "seu";
    experiment.fault_model.cross_section = {
        {"dram", 0}, {"weight_buffer", 0.01}, {"activation_buffer", 0.01}, {"output_buffer", 0.01}};
    experiment.faults = 400;
    const test::TemporaryDirectory folder;
    const ResultReader results(recorded(experiment, folder));
    EXPECT_NO_THROW(require_workload(results, bundle_, "bundle"));
    for (const protect::Policy& policy : experiment.policies) {
        std::vector<traces::UpsetGroup> groups;
        RecordedFault latest;
        for (std::int64_t fault = 0; fault < experiment.faults; ++fault) {
            latest = recorded_fault(results, fault, policy.name);
            groups.push_back(latest.group);
        }
        const Replay replay(bundle_, latest.accelerator, latest.policy);
        replay.check(groups, "r.sqlite", Fidelity::fast);
        for (const Replayed& replayed : replay.run(groups, Fidelity::fast)) {
            EXPECT_THAT(replayed.differences, IsEmpty()) << replayed.path.id << " " << policy.name;
        }
    }
    EXPECT_THROW(recorded_fault(results, 400, "none"), InputError);
    EXPECT_THROW(recorded_fault(results, -1, "none"), InputError);
    EXPECT_THROW(recorded_fault(results, 0, "nosuch"), InputError);
    workloads::Bundle other = bundle_;
    other.images[0] ^= 1;
    EXPECT_THROW(require_workload(results, other, "bundle"), InputError);
}

// Every run of a request meets draws of its own.
TEST_F(ReplayTest, RecordedDisturbancesComeOutAgain) {
    Experiment experiment = small_experiment({"none", "ppe", "temporal-dmr"});
    experiment.fault_model.name = "dropout";
    experiment.fault_model.disturbance = {0.2, {0.01}, 1};
    experiment.faults = 60;
    const test::TemporaryDirectory folder;
    const ResultReader results(recorded(experiment, folder));
    int runs = 0;
    for (const protect::Policy& policy : experiment.policies) {
        std::vector<traces::UpsetGroup> groups;
        for (std::int64_t fault = 0; fault < experiment.faults; ++fault) {
            groups.push_back(recorded_fault(results, fault, policy.name).group);
        }
        const Replay replay(bundle_, config_, recorded_fault(results, 0, policy.name).policy);
        replay.check(groups, "r.sqlite", Fidelity::fast);
        EXPECT_THROW(replay.check(groups, "r.sqlite", Fidelity::both), InputError);
        for (const Replayed& replayed : replay.run(groups, Fidelity::fast)) {
            EXPECT_THAT(replayed.differences, IsEmpty()) << replayed.path.id << " " << policy.name;
            runs = std::max(runs, replayed.path.result.runs);
        }
    }
    EXPECT_EQ(runs, 3) << "two runs differ, and a third one decides";
}

TEST_F(ReplayTest, ADifferenceFromTheRecordIsNamed) {
    traces::UpsetGroup group;
    group.upsets = {upset()};
    group.expected.outcome = "due";
    group.expected.corrected = true;
    const std::vector<Replayed> replayed = replay_.run({group}, Fidelity::fast);
    ASSERT_EQ(replayed.size(), 1u);
    EXPECT_THAT(replayed[0].differences,
                ElementsAre(HasSubstr("recorded due"), "corrected: replay false, recorded true"));
}

// Every kind of site at both fidelities: no difference, and the detailed machine alone says the same.
TEST_F(ReplayTest, TheTwoMachinesAgree) {
    constexpr std::uint64_t kSeed = 5;
    RandomStream stream(kSeed, RandomPurpose::testing, 1);
    const auto sites = fault::site_classes(bundle_.graph, config_, policy_);
    std::vector<traces::UpsetGroup> groups;
    for (int i = 0; i < 60; ++i) {
        const fault::SiteClass& site = sites[static_cast<std::size_t>(i) % sites.size()];
        traces::UpsetGroup group;
        group.id = "seed " + std::to_string(kSeed) + " group " + std::to_string(i);
        group.image = i % 3;
        traces::Upset upset;
        upset.site = site.kind;
        upset.unit = static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(site.units)));
        upset.cycle =
            static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(replay_.timeline().cycles)));
        upset.bits[stream.below(static_cast<std::uint64_t>(site.bits))] = true;
        group.upsets = {upset};
        groups.push_back(group);
    }
    groups[0].upsets = {upset(), upset()};
    groups[1].upsets = {upset()};
    const std::vector<Replayed> both = replay_.run(groups, Fidelity::both);
    const std::vector<Replayed> detailed = replay_.run(groups, Fidelity::detailed);
    for (std::size_t i = 0; i < groups.size(); ++i) {
        EXPECT_THAT(both[i].differences, IsEmpty()) << groups[i].id;
        EXPECT_EQ(detailed[i].path.result.logits, both[i].path.result.logits) << groups[i].id;
        EXPECT_EQ(detailed[i].path.changed_values, both[i].path.changed_values) << groups[i].id;
    }
    EXPECT_GT(both[1].path.changed_values, 0);
}

// The same bit twice in one inference is no upset at all; alone it does something.
TEST_F(ReplayTest, UpsetsOfAGroupStrikeOneInference) {
    traces::UpsetGroup once, twice;
    once.upsets = {upset()};
    twice.upsets = {upset(), upset()};
    const std::vector<Replayed> replayed = replay_.run({once, twice}, Fidelity::fast);
    EXPECT_GT(replayed[0].path.changed_values, 0);
    EXPECT_EQ(replayed[1].path.changed_values, 0);
    EXPECT_EQ(replayed[1].path.struck.size(), 2u);
}

TEST_F(ReplayTest, RefusesWhatTheMachineDoesNotHave) {
    traces::UpsetGroup group;
    group.upsets = {upset()};
    EXPECT_EQ(check_error(group), "no error");
    group.image = 3;
    EXPECT_THAT(check_error(group), HasSubstr("list.jsonl: line 2.image: is 3 (valid: 0 to 2)"));
    group.image = 0;
    group.upsets[0].site = traces::SiteKind::pe_activation;
    group.upsets[0].unit = 64;
    EXPECT_THAT(check_error(group), HasSubstr("line 2.unit: is 64 (valid: 0 to 63)"));
    group.upsets[0].unit = 0;
    group.upsets[0].site = traces::SiteKind::pe_drain;
    EXPECT_THAT(check_error(group), HasSubstr("pe_drain, which this machine does not have"));
    group.upsets[0].site = traces::SiteKind::neuron;
    EXPECT_THAT(check_error(group, Fidelity::both), HasSubstr("--fidelity fast"));
    group.upsets[0].layer = 100;
    EXPECT_THAT(check_error(group), HasSubstr("line 2.layer"));
    group.upsets = {upset()};
    group.expected.outcome = "fine";
    EXPECT_THAT(check_error(group), HasSubstr("masked, benign, sdc, due"));
}

}  // namespace
}  // namespace fluence::campaign
