// Whole campaigns on a small network: the same bytes for any number of workers, after interruptions and
// kills, and rows that agree with a slow recomputation.
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <csignal>
#include <map>

#include "sim/accel/machine.h"
#include "sim/arith/engine.h"
#include "sim/campaign/plan.h"
#include "sim/campaign/replay.h"
#include "sim/campaign/result_store.h"
#include "sim/campaign/runner.h"
#include "sim/core/config_search.h"
#include "sim/core/error.h"
#include "sim/protect/checksum.h"
#include "sim/protect/range.h"
#include "sim/statistics/weighted.h"
#include "tests/campaign/small_campaign.h"
#include "tests/support/temporary_directory.h"

namespace fluence::campaign {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

using test::kImages;
using test::small_bundle;
using test::small_experiment;

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
    for (const char* model : {"seu", "neuron-flip", "agn"}) {
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

// The experiment's own level is what all figures but those by level are about.
TEST_F(Campaign, DisturbancesAreDrawnAtEachLevel) {
    Experiment experiment = small_experiment("dropout");
    experiment.fault_model.disturbance.levels = {0.5, 0.01};
    experiment.faults = 90;
    run(experiment, "a", 2);
    const ResultReader results(folder_.file("a"));
    const std::vector<StratumRow>& strata = results.header().strata;
    ASSERT_EQ(strata.size(), 3U);
    const std::vector<double> levels = {0.01, 0.1, 0.5};
    for (std::size_t i = 0; i < strata.size(); ++i) {
        EXPECT_EQ(strata[i].level, levels[i]);
        EXPECT_EQ(strata[i].label, "probability " + nlohmann::json(levels[i]).dump());
        EXPECT_EQ(strata[i].weight, i == 1 ? 1 : 0);
        EXPECT_EQ(strata[i].faults, 30);
    }
    std::vector<double> changed(3, 0);
    results.for_each_fault([&](const FaultRow& fault, const std::vector<OutcomeRow>& rows) {
        EXPECT_NEAR(traces::level_of(fault.upset), levels.at(static_cast<std::size_t>(fault.stratum)), 1e-9);
        changed[static_cast<std::size_t>(fault.stratum)] += static_cast<double>(rows[0].changed_values);
    });
    EXPECT_LT(2 * changed[0], changed[1]);
    EXPECT_LT(changed[1], changed[2]);

    experiment.sampling = SamplingConfig();
    EXPECT_THAT([&] { run(experiment, "b", 2); }, ThrowsMessage<InputError>(HasSubstr("sampling")));
    experiment = small_experiment("agn");
    bundle_.calibration_count = 0;
    EXPECT_THAT([&] { run(experiment, "b", 2); }, ThrowsMessage<InputError>(HasSubstr("calibration_images")));
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
    experiment.faults = 2400;  // few of them strike what is in use
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

// Of one policy, share of the faults that changed a value, strata weighed.
double live_rate(const std::string& path, statistics::Interval& interval) {
    const ResultReader reader(path);
    const std::vector<ResultReader::Tally> found = reader.tally("dead = 0").at(0);
    std::vector<statistics::StratumCount> strata;
    for (std::size_t h = 0; h < found.size(); ++h) {
        strata.push_back({reader.header().strata[h].weight, found[h].count, found[h].total});
    }
    const statistics::WeightedRate rate = statistics::weighted_rate(strata, 0.9999);
    interval = rate.interval;
    return rate.rate;
}

TEST_F(Campaign, StratifiedOnesAgreeWithPlainOnes) {
    Experiment experiment = small_experiment();
    experiment.policies.resize(1);
    experiment.faults = 20000;
    run(experiment, "plain", 2);
    statistics::Interval plain, other;
    const double expected = live_rate(folder_.file("plain"), plain);
    for (const std::string allocation : {"proportional", "equal", "neyman"}) {
        experiment.sampling = SamplingConfig{{"structure", "layer", "confidence"}, allocation, 20};
        experiment.faults = 8000;
        experiment.resolved["sampling"] = allocation;
        run(experiment, allocation, 2);
        const double found = live_rate(folder_.file(allocation), other);
        EXPECT_GT(found, 0);
        EXPECT_LT(plain.low, other.high) << allocation << " " << expected << " " << found;
        EXPECT_GT(plain.high, other.low) << allocation << " " << expected << " " << found;
    }
}

TEST_F(Campaign, SampledOnesHaveTheSameBytesForAnyNumberOfWorkers) {
    Experiment experiment = small_experiment();
    experiment.sampling = SamplingConfig{{"structure", "bit", "layer", "confidence"}, "neyman", 4};
    experiment.faults = 6000;
    experiment.fault_model.upsets.mean = 0.5;
    experiment.fault_model.upsets.most = 2;
    experiment.sampling->by = {"structure", "confidence"};
    EXPECT_EQ(run(experiment, "one", 1), RunEnd::finished);
    EXPECT_EQ(run(experiment, "three", 3), RunEnd::finished);
    EXPECT_EQ(bytes("one"), bytes("three"));
    const ResultReader reader(folder_.file("one"));
    std::vector<std::int64_t> drawn(reader.header().strata.size(), 0);
    reader.for_each_fault([&](const FaultRow& fault, const std::vector<OutcomeRow>&) {
        const auto h = static_cast<std::size_t>(fault.stratum);
        ++drawn.at(h);
        EXPECT_EQ(fault.further.size() + 1, static_cast<std::size_t>(reader.header().strata[h].upsets));
    });
    double weight = 0;
    for (std::size_t h = 0; h < drawn.size(); ++h) {
        EXPECT_EQ(drawn[h], reader.header().strata[h].faults);
        weight += reader.header().strata[h].weight;
    }
    EXPECT_NEAR(weight, 1, 1e-12);
}

TEST_F(Campaign, SeveralUpsetsAreReplayed) {
    Experiment experiment = small_experiment();
    experiment.fault_model.upsets.fixed = 3;
    for (const char* memory : {"weight_buffer", "activation_buffer", "output_buffer", "dram"}) {
        experiment.fault_model.cross_section[memory] = 0;  // registers: more of them matter
    }
    experiment.faults = 200;
    experiment.resolved["accelerator"] = to_json(experiment.accelerator);
    run(experiment, "three", 2);
    const ResultReader reader(folder_.file("three"));
    int changed = 0;
    for (std::int64_t id = 0; id < 200; id += 4) {
        const RecordedFault fault = recorded_fault(reader, id, "none");
        ASSERT_EQ(fault.group.upsets.size(), 3U);
        const Replay replay(bundle_, fault.accelerator, fault.policy);
        const std::vector<Replayed> again = replay.run({fault.group}, Fidelity::fast);
        EXPECT_TRUE(again[0].differences.empty()) << id << ": " << again[0].differences[0];
        changed += again[0].path.changed_values > 0 ? 1 : 0;
    }
    EXPECT_GT(changed, 0);
}

// Upsets by Poisson's law go on behind the first run. What a campaign recorded of its requests is what a
// replay on either machine makes of them.
TEST_F(Campaign, RequestsOfSeveralRunsAreReplayed) {
    Experiment experiment = small_experiment();
    experiment.policies = {protect::load_policy("none"), protect::load_policy("temporal-dmr"),
                           protect::parse_policy({{"name", "abort-rerun"},
                                                  {"memory", {{{"part", "parity"}, {"on_due", "abort"}}}},
                                                  {"inference_end", {{{"part", "due-rerun"}}}}},
                                                 "test")};
    experiment.fault_model.upsets.mean = 3;
    experiment.fault_model.upsets.most = 4;
    experiment.faults = 120;
    experiment.resolved["accelerator"] = to_json(experiment.accelerator);
    experiment.resolved["fault_model"] = to_json(experiment.fault_model);
    run(experiment, "requests", 2);
    const ResultReader reader(folder_.file("requests"));
    const CampaignHeader& header = reader.header();
    reader.for_each_golden([&](const GoldenRow& row) {
        EXPECT_EQ(row.runs, row.policy == 1 ? 2 : 1);
        const std::int64_t once = header.policies[static_cast<std::size_t>(row.policy)].cycles;
        EXPECT_TRUE(row.policy == 1 ? row.cycles > 2 * once : row.cycles == once);
    });
    std::map<std::int32_t, int> again;
    int later = 0;
    reader.for_each_fault([&](const FaultRow& fault, const std::vector<OutcomeRow>& rows) {
        later += std::any_of(fault.further.begin(), fault.further.end(),
                             [](const fault::DrawnUpset& other) { return other.phase >= 1; });
        for (const OutcomeRow& row : rows) {
            again[row.policy] += row.runs > 1 ? 1 : 0;
        }
    });
    EXPECT_EQ(again[0], 0);
    EXPECT_EQ(again[1], experiment.faults);
    EXPECT_GT(again[2], 0);
    EXPECT_GT(later, 0);
    for (const char* policy : {"none", "temporal-dmr", "abort-rerun"}) {
        for (std::int64_t id = 0; id < experiment.faults; id += 40) {
            const RecordedFault fault = recorded_fault(reader, id, policy);
            const Replay replay(bundle_, fault.accelerator, fault.policy);
            const std::vector<Replayed> replayed = replay.run({fault.group}, Fidelity::both);
            EXPECT_TRUE(replayed[0].differences.empty())
                << policy << " " << id << ": " << replayed[0].differences[0];
        }
    }
}

// What is kept of answers is struck at any time of the request.
TEST_F(Campaign, KeptAnswersAreStruckThroughTheWholeRequest) {
    Experiment experiment = small_experiment();
    experiment.policies = {
        protect::load_policy("none"), protect::load_policy("temporal-dmr"),
        protect::parse_policy(
            {{"name", "sure"},
             {"inference_end", {{{"part", "confidence-rerun"}, {"top2_difference", 0.4}, {"runs", 2}}}}},
            "test")};
    for (int i = 0; i < traces::kSiteKindCount; ++i) {
        const auto kind = static_cast<traces::SiteKind>(i);
        experiment.fault_model.cross_section[name_of(kind)] = traces::is_request_state(kind) ? 1 : 0;
    }
    experiment.fault_model.cross_section["confidence_threshold"] = 10;
    experiment.faults = 400;
    experiment.resolved["accelerator"] = to_json(experiment.accelerator);
    run(experiment, "kept", 2);
    const ResultReader reader(folder_.file("kept"));
    std::map<std::int32_t, std::map<std::pair<traces::SiteKind, fault::DeadReason>, int>> found;
    std::map<std::int64_t, std::int64_t> another;  // a fault of each kind, by what became of it under DMR
    int first_places = 0;
    reader.for_each_fault([&](const FaultRow& fault, const std::vector<OutcomeRow>& rows) {
        for (const OutcomeRow& row : rows) {
            ++found[row.policy][{fault.upset.site, row.dead}];
            EXPECT_EQ(row.outcome, Outcome::masked);
            EXPECT_TRUE(row.dead != fault::DeadReason::none || row.masked_by == MaskedBy::rerun);
        }
        EXPECT_EQ(rows[0].dead, fault::DeadReason::absent);
        const GoldenRow request = reader.golden(fault.image, 1);
        EXPECT_EQ(rows[1].cycle,
                  static_cast<std::int64_t>(fault.phase * static_cast<double>(request.cycles)));
        EXPECT_EQ(rows[1].runs, rows[1].dead == fault::DeadReason::none ? 3 : 2);
        EXPECT_EQ(rows[1].dead == fault::DeadReason::none, rows[1].recovery_cycles > 0);
        const std::int64_t logits = bundle_.graph.tensor(bundle_.graph.logits).shape.elements();
        first_places += fault.upset.site == traces::SiteKind::kept_answer && fault.upset.unit < logits;
        another[static_cast<std::int64_t>(rows[1].dead)] = fault.id;
    });
    using traces::SiteKind;
    const int live = found[1][{SiteKind::kept_answer, fault::DeadReason::none}];
    // From the first check to the second: nearly all of the request but its first run and its last check.
    const double share = 1 - static_cast<double>(reader.header().policies[1].cycles) /
                                 static_cast<double>(reader.golden(0, 1).cycles);
    EXPECT_NEAR(live, share * first_places, 3 * std::sqrt(first_places));
    EXPECT_EQ((found[1][{SiteKind::confidence_threshold, fault::DeadReason::none}]), 0);
    EXPECT_GT((found[2][{SiteKind::confidence_threshold, fault::DeadReason::none}]), 0);
    for (const auto& [dead, id] : another) {
        for (const char* policy : {"none", "temporal-dmr", "sure"}) {
            const RecordedFault fault = recorded_fault(reader, id, policy);
            const Replay replay(bundle_, fault.accelerator, fault.policy);
            const std::vector<Replayed> replayed = replay.run({fault.group}, Fidelity::both);
            EXPECT_TRUE(replayed[0].differences.empty())
                << policy << " " << id << ": " << replayed[0].differences[0];
        }
    }
}

TEST_F(Campaign, StopsWhenItsIntervalIsNarrowForAnyNumberOfWorkersAndKills) {
    Experiment experiment = small_experiment();
    experiment.faults = 20000;
    experiment.stop = StopRule{0.004, "accuracy", 10};
    EXPECT_EQ(run(experiment, "one", 1), RunEnd::finished);
    const ResultReader reader(folder_.file("one"));
    EXPECT_TRUE(reader.complete());
    ASSERT_GE(reader.header().ended_look, 0);
    EXPECT_LT(reader.header().faults_needed(), 20000);
    std::int64_t faults = 0;
    reader.for_each_fault([&](const FaultRow&, const std::vector<OutcomeRow>&) { ++faults; });
    EXPECT_EQ(faults, reader.header().faults_needed());
    // The rule by hand: the first look at which every policy's interval is narrow enough.
    const double confidence = 1 - (1 - experiment.confidence) / 10;
    std::size_t look = 0;
    const auto narrow = [&](std::int64_t until) {
        std::vector<std::int64_t> correct(experiment.policies.size(), 0);
        reader.for_each_fault([&](const FaultRow& fault, const std::vector<OutcomeRow>& rows) {
            for (std::size_t p = 0; p < rows.size() && fault.id < until; ++p) {
                correct[p] += rows[p].correct;
            }
        });
        return std::all_of(correct.begin(), correct.end(), [&](std::int64_t count) {
            const auto found = statistics::weighted_rate({{1, count, until}}, confidence).interval;
            return found.high - found.low <= 2 * 0.004;
        });
    };
    while (!narrow(reader.header().looks.at(look).faults)) {
        ++look;
    }
    EXPECT_EQ(reader.header().ended_look, static_cast<std::int64_t>(look));
    EXPECT_EQ(run(experiment, "one", 1), RunEnd::already_finished);

    std::atomic<bool> stop{false};
    RunOptions options;
    options.result_path = folder_.file("stopped");
    options.workers = 2;
    options.stop = &stop;
    int stops = 0;
    RunEnd end = RunEnd::stopped;
    while (end == RunEnd::stopped && stops < 1000) {
        std::int64_t before = -1;
        options.progress = [&](const Progress& progress) {
            before = before < 0 ? progress.faults_done : before;
            stop = progress.faults_done > before;
        };
        stop = false;
        end = run_campaign(experiment, bundle_, options);
        stops += end == RunEnd::stopped ? 1 : 0;
    }
    options.progress = nullptr;
    EXPECT_EQ(end, RunEnd::finished);
    EXPECT_GT(stops, 1);
    EXPECT_EQ(bytes("stopped"), bytes("one"));
    options.shard = {0, 2};
    options.result_path = folder_.file("shard");
    EXPECT_THAT([&] { run_campaign(experiment, bundle_, options); },
                ThrowsMessage<InputError>(HasSubstr("stop: cannot be decided by one shard")));
}

TEST_F(Campaign, StrataThatDoNotFitAreRefused) {
    Experiment experiment = small_experiment();
    experiment.sampling = SamplingConfig{{"structure", "bit", "layer"}, "equal", 2};
    experiment.faults = 60;
    EXPECT_THAT(
        [&] { run(experiment, "a", 1); },
        ThrowsMessage<InputError>(AllOf(HasSubstr("small.json: faults: is 60"), HasSubstr("strata"))));
}

}  // namespace
}  // namespace fluence::campaign
