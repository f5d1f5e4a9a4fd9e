#include "sim/campaign/runner.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "sim/campaign/batch_runner.h"
#include "sim/campaign/plan.h"
#include "sim/campaign/result_schema.h"
#include "sim/campaign/result_store.h"
#include "sim/campaign/wire.h"
#include "sim/campaign/workers.h"
#include "sim/core/error.h"
#include "sim/statistics/looks.h"
#include "sim/statistics/weighted.h"

namespace fluence::campaign {
namespace {

void log(const RunOptions& options, const std::string& line) {
    if (options.log) {
        options.log(line);
    }
}

bool stopped(const RunOptions& options) {
    return options.stop != nullptr && options.stop->load();
}

// Whether the results of exactly this campaign are there; those of another experiment are an InputError.
// Cheap: the machine is not simulated for it; where something else differs, the writer says so later.
bool already_finished(const Experiment& experiment, const workloads::Bundle& bundle, const Shard& shard,
                      const std::string& path) {
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) {
        return false;
    }
    const ResultReader reader(path);
    const nlohmann::json difference = nlohmann::json::diff(reader.header().experiment, experiment.resolved);
    if (!difference.empty()) {
        fail_other_campaign(path, "/experiment" + difference[0]["path"].get<std::string>());
    }
    if (reader.header().shard.index != shard.index || reader.header().shard.count != shard.count) {
        fail_other_campaign(path, "/shard");
    }
    return reader.shard_complete() && reader.header().program == program_version() &&
           experiment.images <= bundle.image_count &&
           reader.header().workload_digest == workload_digest(bundle, experiment.images);
}

// A campaign that stops by a rule is handed out look by look, which a job of several ranks cannot follow.
void require_one_host(const Experiment& experiment, const RunOptions& options) {
    if (experiment.stop && options.job != nullptr) {
        throw InputError(experiment.file, "stop", "cannot be used under mpirun",
                         "worker processes of one machine, or no stop");
    }
}

void require_shard(const Experiment& experiment, const Shard& shard, std::int64_t batches) {
    if (experiment.stop && !shard.whole()) {
        throw InputError(experiment.file, "stop",
                         "cannot be decided by one shard, which does not see the results of the others",
                         "no --shard, or no stop");
    }
    if (shard.count > batches) {
        throw InputError(experiment.file, "shard",
                         "the campaign has " + std::to_string(batches) + " batches, too few for " +
                             std::to_string(shard.count) + " shards",
                         "1 to " + std::to_string(batches) + " shards");
    }
}

// A rate of zero from faults that never reached anything would be a lie. (Of a shard, which is no result yet,
// it says nothing.)
void require_fired(const Experiment& experiment, const std::string& path) {
    const ResultReader reader(path);
    if (!reader.complete()) {
        return;
    }
    if (reader.any_fired()) {
        return;
    }
    std::map<std::string, std::int64_t> reasons;
    reader.for_each_fault([&](const FaultRow&, const std::vector<OutcomeRow>& rows) {
        for (const OutcomeRow& row : rows) {
            ++reasons[name_of(row.dead)];
        }
    });
    std::string counts;
    for (const auto& [reason, count] : reasons) {
        counts += (counts.empty() ? "" : ", ") + reason + " " + std::to_string(count);
    }
    throw InputError(
        experiment.file, "fault_model",
        "no fault of the campaign fired under any policy (" + counts + "); the results are in " + path,
        "more faults, or sites that are in use");
}

// Counts faults and measures the rate of this run.
class Meter {
  public:
    Meter(std::int64_t done, std::int64_t total, const RunOptions& options)
        : options_(options),
          begin_(std::chrono::steady_clock::now()),
          before_(done),
          done_(done),
          total_(total) {
        report();
    }

    void add(std::int64_t faults) {
        done_ += faults;
        report();
    }

  private:
    void report() const {
        if (!options_.progress) {
            return;
        }
        const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin_;
        Progress progress;
        progress.faults_done = done_;
        progress.faults_total = total_;
        if (done_ > before_ && elapsed.count() > 0) {
            progress.faults_per_second = static_cast<double>(done_ - before_) / elapsed.count();
            progress.seconds_left = static_cast<double>(total_ - done_) / progress.faults_per_second;
        }
        options_.progress(progress);
    }

    const RunOptions& options_;
    std::chrono::steady_clock::time_point begin_;
    std::int64_t before_, done_, total_;
};

// Collects finished batches between two commits.
class Committer {
  public:
    Committer(ResultWriter& writer, double interval_seconds)
        : writer_(writer), interval_(interval_seconds), last_(std::chrono::steady_clock::now()) {}

    void add(BatchResult result) {
        pending_.push_back(std::move(result));
        if (std::chrono::steady_clock::now() - last_ >= interval_) {
            flush();
        }
    }
    void flush() {
        if (!pending_.empty()) {
            writer_.commit(pending_);
            pending_.clear();
        }
        last_ = std::chrono::steady_clock::now();
    }

  private:
    ResultWriter& writer_;
    std::chrono::duration<double> interval_;
    std::chrono::steady_clock::time_point last_;
    std::vector<BatchResult> pending_;
};

int worker_count(const RunOptions& options) {
    return options.workers <= 0 && options.job != nullptr ? 1 : workers_or_processors(options.workers);
}

// Where a failed self-check is described, without suffix.
std::string reproducer_of(const std::string& result_path) {
    return result_path + ".self-check";
}

// What a worker process does with the number of a batch. `reproducer`, `defect`: of Recheck.
std::function<Work()> batch_work(const CampaignPlan& plan, const std::string& reproducer,
                                 const EngineDefect& defect) {
    return [&plan, reproducer, defect] {
        const auto runner = std::make_shared<BatchRunner>(plan, reproducer, defect);
        return [runner](std::int64_t batch) { return encode(runner->run(batch)); };
    };
}

// What ranks must agree on.
std::string identity_of(const CampaignPlan& plan) {
    return to_json(make_header(plan)).dump();
}

// Batches of the shard in one look, those that are done left out.
std::vector<std::int64_t> missing_batches(const CampaignPlan& plan, const ResultWriter& writer,
                                          const Shard& shard, std::int64_t look) {
    std::vector<std::int64_t> missing;
    for (std::int64_t batch = plan.batching.first_batch(look); batch < plan.batching.first_batch(look + 1);
         ++batch) {
        if (shard.holds(batch) && !writer.has(batch)) {
            missing.push_back(batch);
        }
    }
    return missing;
}

Meter meter_of(const CampaignPlan& plan, const ResultWriter& writer, const RunOptions& options) {
    std::int64_t done = 0, total = 0;
    for (std::int64_t batch = options.shard.index; batch < plan.batching.count();
         batch += options.shard.count) {
        const std::int64_t size = plan.batching.size(batch);
        total += size;
        done += writer.has(batch) ? size : 0;
    }
    if (done > 0 && done < total) {
        log(options, "resuming: " + std::to_string(done) + " faults are done");
    }
    return Meter(done, total, options);
}

// Whether the interval of the metric is narrow enough under every policy, by all that is in.
bool narrow_enough(const Experiment& experiment, const std::string& path) {
    const StopRule& stop = *experiment.stop;
    const ResultReader results(path);
    std::string property;
    for (const StopMetric& metric : stop_metrics()) {
        if (stop.metric == metric.name) {
            property = metric.property;
        }
    }
    const double confidence = statistics::confidence_of_look(experiment.confidence, stop.looks);
    for (const std::vector<ResultReader::Tally>& policy : results.tally(property)) {
        std::vector<statistics::StratumCount> strata;
        for (std::size_t h = 0; h < policy.size(); ++h) {
            const StratumRow& row = results.header().strata[h];
            strata.push_back({row.weight, policy[h].count, policy[h].total});
            if (row.population > 0) {
                strata.back().population = row.population;
            }
        }
        const statistics::Interval interval = statistics::weighted_rate(strata, confidence).interval;
        if ((interval.high - interval.low) / 2 > stop.half_width) {
            return false;
        }
    }
    return true;
}

void run_batches(const CampaignPlan& plan, ResultWriter& writer, const RunOptions& options, Meter& meter,
                 std::int64_t look) {
    const std::vector<std::int64_t> missing = missing_batches(plan, writer, options.shard, look);
    if (missing.empty()) {
        return;
    }
    Committer committer(writer, options.commit_interval_seconds);
    WorkerCallbacks callbacks;
    callbacks.start = batch_work(plan, reproducer_of(options.result_path), options.defect);
    callbacks.done = [&](std::int64_t batch, const std::string& bytes) {
        committer.add(decode(bytes));
        meter.add(plan.batching.size(batch));
    };
    callbacks.stop = [&options] { return stopped(options); };
    try {
        if (options.job != nullptr) {
            run_in_job(*options.job, worker_count(options), missing, callbacks, options.result_path,
                       identity_of(plan));
        } else {
            run_in_workers(worker_count(options), missing, callbacks, options.result_path);
        }
    } catch (...) {
        committer.flush();  // a worker failed; what the others finished stays
        throw;
    }
    committer.flush();
}

// Look by look; ends before the last one where the experiment's rule says so.
void run_looks(const CampaignPlan& plan, ResultWriter& writer, const RunOptions& options) {
    Meter meter = meter_of(plan, writer, options);
    const std::int64_t looks = plan.batching.order().looks();
    for (std::int64_t look = 0; look < looks; ++look) {
        run_batches(plan, writer, options, meter, look);
        if (!plan.experiment->stop || look + 1 == looks) {
            continue;
        }
        if (writer.committed() < plan.batching.first_batch(look + 1)) {
            return;  // stopped
        }
        // Where later batches are in, this look did not end the campaign.
        if (writer.committed() == plan.batching.first_batch(look + 1) &&
            narrow_enough(*plan.experiment, options.result_path)) {
            log(options, "the intervals are as narrow as wanted after " +
                             std::to_string(plan.batching.order().first(look + 1)) + " faults");
            writer.end_at(look);
            return;
        }
    }
}

}  // namespace

RunEnd run_campaign(const Experiment& experiment, const workloads::Bundle& bundle,
                    const RunOptions& options) {
    const bool plain = !experiment.sampling && !experiment.stop && !experiment.fault_model.upsets.poisson();
    if (plain || experiment.stop) {  // otherwise the batches are known when the strata are
        require_shard(experiment, options.shard, Batching(experiment.images, experiment.faults).count());
    }
    if (already_finished(experiment, bundle, options.shard, options.result_path)) {
        require_fired(experiment, options.result_path);
        return RunEnd::already_finished;
    }
    require_one_host(experiment, options);
    if (options.job != nullptr) {
        options.job->begin();
    }
    log(options, "simulating the machine under " + std::to_string(experiment.policies.size()) + " policies");
    const std::optional<CampaignPlan> plan =
        make_plan(experiment, bundle, worker_count(options), [&options] { return stopped(options); });
    if (!plan) {
        return RunEnd::stopped;
    }
    require_shard(experiment, options.shard, plan->batching.count());
    CampaignHeader header = make_header(*plan);
    header.shard = options.shard;
    ResultWriter writer(options.result_path, header);
    run_looks(*plan, writer, options);
    if (!writer.all_committed()) {
        return RunEnd::stopped;
    }
    writer.finish();
    require_fired(experiment, options.result_path);
    return RunEnd::finished;
}

void follow_campaign(cluster::Communicator& job, const std::function<LoadedCampaign()>& load) {
    LoadedCampaign campaign;
    std::optional<CampaignPlan> plan;
    follow(job, [&] {
        campaign = load();
        plan = make_plan(campaign.experiment, campaign.bundle, campaign.workers, [] { return false; });
        return Follower{campaign.workers, batch_work(*plan, reproducer_of(campaign.result_path), nullptr),
                        identity_of(*plan)};
    });
}

}  // namespace fluence::campaign
