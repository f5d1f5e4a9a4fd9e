// Whole campaigns on a small network: the same bytes for any number of workers, after interruptions and
// kills, and rows that agree with a slow recomputation.
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <map>

#include "sim/accel/machine.h"
#include "sim/arith/engine.h"
#include "sim/campaign/plan.h"
#include "sim/campaign/result_store.h"
#include "sim/campaign/runner.h"
#include "sim/core/config_search.h"
#include "sim/core/error.h"
#include "sim/protect/checksum.h"
#include "sim/protect/range.h"
#include "tests/support/random_graph.h"
#include "tests/support/temporary_directory.h"

namespace fluence::campaign {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr int kImages = 12;

workloads::Bundle small_bundle() {
    RandomStream stream(7, RandomPurpose::testing, 0);
    workloads::Bundle bundle;
    bundle.graph = test::random_graph(stream, {3, 6, 7, 5, false});
    bundle.image_count = kImages;
    bundle.profile.resize(bundle.graph.tensors.size());
    const arith::Engine engine(bundle.graph);
    for (int i = 0; i < kImages; ++i) {
        const workloads::Codes image = test::random_image(bundle.graph, stream);
        for (const std::int32_t code : image) {
            bundle.images.push_back(static_cast<std::uint8_t>(code));
        }
        const arith::GoldenRun run = engine.run(image);
        bundle.labels.push_back(top1(run.tensors[index_of(bundle.graph.logits)]));
        for (std::size_t t = 0; t < run.tensors.size(); ++t) {
            const workloads::Shape& shape = bundle.graph.tensors[t].shape;
            workloads::ChannelProfile& profile = bundle.profile[t];
            profile.lo.resize(static_cast<std::size_t>(shape.channels),
                              workloads::max_code(workloads::NumberFormat::s32));
            profile.hi.resize(static_cast<std::size_t>(shape.channels),
                              workloads::min_code(workloads::NumberFormat::s32));
            for (std::size_t e = 0; e < run.tensors[t].size(); ++e) {
                const std::size_t channel = e / static_cast<std::size_t>(shape.plane());
                profile.lo[channel] = std::min(profile.lo[channel], run.tensors[t][e]);
                profile.hi[channel] = std::max(profile.hi[channel], run.tensors[t][e]);
            }
        }
        if (i < 2) {
            bundle.golden.push_back(run.tensors);
        }
    }
    return bundle;
}

Experiment small_experiment(const std::string& fault_model = "seu") {
    Experiment experiment;
    experiment.file = "small.json";
    experiment.name = "small";
    experiment.accelerator = read_accelerator(find_config("accelerators", "edge-16x16"));
    for (const char* name : {"none", "parity", "secded", "ranger", "checksum-zero"}) {
        experiment.policies.push_back(protect::load_policy(name));
    }
    experiment.fault_model.name = fault_model;
    experiment.images = kImages;
    experiment.faults = 600;
    experiment.seed = 5;
    experiment.resolved = {{"name", "small"}, {"fault_model", fault_model}};
    return experiment;
}

class Campaign : public testing::Test {
  protected:
    RunEnd run(const Experiment& experiment, const std::string& name, int workers,
               const std::atomic<bool>* stop = nullptr) {
        RunOptions options;
        options.result_path = folder_.file(name);
        options.workers = workers;
        options.stop = stop;
        return run_campaign(experiment, bundle_, options);
    }
    std::string bytes(const std::string& name) { return test::read_file(folder_.file(name)); }

    test::TemporaryDirectory folder_;
    workloads::Bundle bundle_ = small_bundle();
};

TEST_F(Campaign, SameBytesForAnyNumberOfWorkers) {
    for (const char* model : {"seu", "neuron-flip"}) {
        const Experiment experiment = small_experiment(model);
        const std::string one = std::string(model) + "1";
        EXPECT_EQ(run(experiment, one, 1), RunEnd::finished);
        for (const int workers : {2, 5}) {
            const std::string name = model + std::to_string(workers);
            EXPECT_EQ(run(experiment, name, workers), RunEnd::finished);
            EXPECT_EQ(bytes(name), bytes(one)) << workers << " workers";
        }
    }
}

TEST_F(Campaign, AFinishedOneIsLeftAlone) {
    const Experiment experiment = small_experiment();
    run(experiment, "a", 2);
    const std::string before = bytes("a");
    EXPECT_EQ(run(experiment, "a", 2), RunEnd::already_finished);
    EXPECT_EQ(bytes("a"), before);
    Experiment other = experiment;
    other.resolved["seed"] = 6;
    EXPECT_THAT([&] { run(other, "a", 2); }, ThrowsMessage<InputError>(HasSubstr("another experiment")));
}

TEST_F(Campaign, StoppedOnesResumeToTheSameBytes) {
    const Experiment experiment = small_experiment();
    run(experiment, "whole", 2);
    std::atomic<bool> stop{true};
    EXPECT_EQ(run(experiment, "stopped", 2, &stop), RunEnd::stopped) << "before anything ran";
    EXPECT_EQ(run(experiment, "whole", 2), RunEnd::already_finished);
    RunOptions options;
    options.result_path = folder_.file("stopped");
    options.workers = 2;
    options.stop = &stop;
    std::int64_t last_done = 0;
    for (int i = 1; i <= 3; ++i) {
        options.progress = [&](const Progress& progress) {
            EXPECT_GE(progress.faults_done, last_done);
            EXPECT_EQ(progress.faults_total, 600);
            last_done = progress.faults_done;
            stop = last_done >= 150 * i;
        };
        stop = false;
        EXPECT_EQ(run_campaign(experiment, bundle_, options), RunEnd::stopped);
        EXPECT_GE(last_done, 150 * i);
        EXPECT_FALSE(ResultReader(options.result_path).complete());
    }
    stop = false;
    options.progress = nullptr;
    EXPECT_EQ(run_campaign(experiment, bundle_, options), RunEnd::finished);
    EXPECT_EQ(bytes("stopped"), bytes("whole"));
}

TEST_F(Campaign, KilledOnesResumeToTheSameBytes) {
    const Experiment experiment = small_experiment();
    run(experiment, "whole", 1);
    // Each run goes on where the last one died; the last kill comes when all rows are in.
    for (const std::int64_t faults : {1, 150, 151, 420, 600}) {
        const pid_t child = fork();
        if (child == 0) {
            RunOptions options;
            options.result_path = folder_.file("killed");
            options.workers = 3;
            options.commit_interval_seconds = 0;
            options.progress = [faults](const Progress& progress) {
                if (progress.faults_done >= faults) {
                    kill(getpid(), SIGKILL);
                }
            };
            run_campaign(experiment, bundle_, options);
            _exit(0);
        }
        int status = 0;
        waitpid(child, &status, 0);
        ASSERT_TRUE(WIFSIGNALED(status));
        EXPECT_GT(ResultReader(folder_.file("killed")).committed(), 0);
    }
    EXPECT_EQ(run(experiment, "killed", 2), RunEnd::finished);
    EXPECT_EQ(bytes("killed"), bytes("whole"));
}

TEST_F(Campaign, ShardsMergeToTheSameBytes) {
    const Experiment experiment = small_experiment();
    run(experiment, "whole", 2);
    std::vector<std::string> shards;
    std::int64_t faults = 0;
    for (std::int64_t index = 0; index < 7; ++index) {
        RunOptions options;
        shards.push_back(folder_.file("shard" + std::to_string(index)));
        options.result_path = shards.back();
        options.workers = 2;
        options.shard = {index, 7};
        std::int64_t total = 0;
        options.progress = [&](const Progress& progress) { total = progress.faults_total; };
        EXPECT_EQ(run_campaign(experiment, bundle_, options), RunEnd::finished);
        EXPECT_EQ(run_campaign(experiment, bundle_, options), RunEnd::already_finished);
        faults += total;
    }
    EXPECT_EQ(faults, experiment.faults);
    merge_shards(folder_.file("merged"), shards);
    EXPECT_EQ(bytes("merged"), bytes("whole"));

    RunOptions options;
    options.result_path = shards[0];
    options.shard = {1, 7};
    EXPECT_THAT([&] { run_campaign(experiment, bundle_, options); },
                ThrowsMessage<InputError>(HasSubstr("/shard")));
    options.shard = {0, 1000};
    EXPECT_THAT([&] { run_campaign(experiment, bundle_, options); },
                ThrowsMessage<InputError>(HasSubstr("too few for 1000 shards")));
}

// Every row again: by the definition of the arithmetic instead of the engine, one fault and policy at a time.
TEST_F(Campaign, RowsAgreeWithASlowRecomputation) {
    Experiment experiment = small_experiment();
    experiment.faults = 240;
    run(experiment, "a", 2);
    const CampaignPlan plan = make_plan(experiment, bundle_, 2, [] { return false; }).value();
    const ResultReader reader(folder_.file("a"));
    const workloads::Graph& graph = bundle_.graph;
    std::map<Outcome, int> outcomes;
    reader.for_each_fault([&](const FaultRow& fault, const std::vector<OutcomeRow>& rows) {
        ASSERT_EQ(fault.image, fault.id % kImages);
        const workloads::Codes image = bundle_.image(fault.image);
        for (std::size_t p = 0; p < rows.size(); ++p) {
            const PolicyPlan& policy = plan.policies[p];
            const auto bounds = protect::output_bounds(policy.policy, bundle_);
            const arith::GoldenRun golden = arith::Engine(graph, bounds).run(image);
            const fault::Resolver resolver(graph, experiment.accelerator, policy.policy, policy.timeline);
            auto resolution =
                resolver.resolve(plan.sampler.draw(experiment.seed, static_cast<std::uint64_t>(fault.id))
                                     .at(policy.timeline.cycles),
                                 golden);
            bool unrepaired = false;
            for (arith::LayerFault& layer : resolution.faults) {
                const auto verdict =
                    protect::apply_checksum(policy.policy, graph, experiment.accelerator, layer);
                unrepaired = unrepaired || (verdict.detected && !verdict.suppressed);
            }
            const auto tensors = arith::reference_run(graph, bounds, image, resolution.faults);
            const workloads::Codes& faulty = tensors[index_of(graph.logits)];
            const workloads::Codes& expected = golden.tensors[index_of(graph.logits)];
            const Outcome outcome = classify(expected, faulty, unrepaired);
            ++outcomes[outcome];
            EXPECT_EQ(rows[p].outcome, outcome) << "fault " << fault.id << " " << policy.policy.name;
            EXPECT_EQ(rows[p].top1, top1(faulty));
            EXPECT_EQ(rows[p].correct, top1(faulty) == bundle_.labels[static_cast<std::size_t>(fault.image)]);
            EXPECT_EQ(rows[p].cycle,
                      static_cast<std::int64_t>(fault.phase * static_cast<double>(policy.timeline.cycles)));
            std::int64_t changed = 0;
            for (const workloads::Layer& layer : graph.layers) {
                if (layer.kind == workloads::OpKind::flatten) {
                    continue;
                }
                const workloads::Codes& a = golden.tensors[index_of(layer.output)];
                const workloads::Codes& b = tensors[index_of(layer.output)];
                for (std::size_t i = 0; i < a.size(); ++i) {
                    changed += a[i] != b[i] ? 1 : 0;
                }
            }
            EXPECT_EQ(rows[p].changed_values, changed);
            EXPECT_EQ(rows[p].dead == fault::DeadReason::none, changed > 0);
        }
    });
    EXPECT_GT(outcomes[Outcome::masked], 0);
    EXPECT_GT(outcomes[Outcome::benign] + outcomes[Outcome::sdc], 0);
}

TEST_F(Campaign, WithoutAFiredFaultItIsAnError) {
    Experiment experiment = small_experiment();
    experiment.faults = 1;
    experiment.images = 1;
    // One upset in all of the machine's storage is almost surely dead; seeds until it is.
    bool dead = false;
    for (std::uint64_t seed = 0; seed < 20 && !dead; ++seed) {
        experiment.seed = seed;
        const std::string name = "seed" + std::to_string(seed);
        try {
            run(experiment, name, 1);
            EXPECT_TRUE(ResultReader(folder_.file(name)).any_fired());
        } catch (const InputError& error) {
            EXPECT_THAT(error.what(),
                        AllOf(HasSubstr("small.json: fault_model: no fault of the campaign fired"),
                              HasSubstr(folder_.file(name))));
            EXPECT_FALSE(ResultReader(folder_.file(name)).any_fired());
            EXPECT_THROW(run(experiment, name, 1), InputError) << "a second look does not make it right";
            dead = true;
        }
    }
    EXPECT_TRUE(dead);
    experiment.fault_model.name = "neuron-flip";  // always strikes a value
    EXPECT_EQ(run(experiment, "neuron", 1), RunEnd::finished);
    EXPECT_TRUE(ResultReader(folder_.file("neuron")).any_fired());
}

TEST_F(Campaign, ExperimentsThatTheWorkloadCannotServeAreRefused) {
    Experiment experiment = small_experiment();
    experiment.images = 13;
    EXPECT_THAT([&] { run(experiment, "a", 1); },
                ThrowsMessage<InputError>(HasSubstr("images: is 13, but the workload has 12 images")));
    bundle_.golden[1].back()[0] ^= 1;
    EXPECT_THAT([&] { run(small_experiment(), "a", 1); },
                ThrowsMessage<InputError>(AllOf(HasSubstr("golden activations"), HasSubstr("of image 1"))));
}

TEST_F(Campaign, DigestsTellWorkloadsApart) {
    const std::string digest = workload_digest(bundle_, kImages);
    EXPECT_EQ(digest.size(), 8U);
    EXPECT_EQ(workload_digest(small_bundle(), kImages), digest);
    EXPECT_NE(workload_digest(bundle_, kImages - 1), digest);
    bundle_.images.back() ^= 1;
    EXPECT_EQ(workload_digest(bundle_, kImages - 1), workload_digest(small_bundle(), kImages - 1));
    EXPECT_NE(workload_digest(bundle_, kImages), digest);
    bundle_ = small_bundle();
    for (workloads::Layer& layer : bundle_.graph.layers) {
        if (layer.has_macs()) {
            layer.weights[0] = static_cast<std::int8_t>(layer.weights[0] ^ 1);
            break;
        }
    }
    EXPECT_NE(workload_digest(bundle_, kImages), digest);
}

}  // namespace
}  // namespace fluence::campaign
