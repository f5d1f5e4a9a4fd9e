// Runs a campaign: machine timing once a policy, golden runs once an image, then the faults, in worker
// processes that share nothing but the plan.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "sim/campaign/batching.h"
#include "sim/campaign/experiment.h"
#include "sim/campaign/recheck.h"
#include "sim/campaign/workers.h"
#include "workloads/bundle.h"

namespace fluence::campaign {

struct Progress {
    std::int64_t faults_done = 0, faults_total = 0;  // those of earlier, interrupted runs included
    double faults_per_second = 0;                    // of this run; 0 where nothing is done yet
    double seconds_left = 0;
};

struct RunOptions {
    std::string result_path;
    Shard shard;            // the batches to run; the results hold these alone, for merge_shards()
    int workers = 0;        // 0: as many as processors; in a job one a rank
    Leader* job = nullptr;  // of rank 0, where several ranks compute
    // Batches that end within this time share one transaction, because forcing it to a slow disk may take
    // longer than computing it. A kill loses at most this much work.
    double commit_interval_seconds = 1;
    std::function<void(const Progress&)> progress;  // after every batch
    std::function<void(const std::string&)> log;    // one line a step
    EngineDefect defect;                            // to see that self-checks notice one; none in a campaign
    const std::atomic<bool>* stop = nullptr;        // set by Ctrl-C: finish running batches, commit, return
};

enum class RunEnd {
    finished,
    already_finished,  // the results are there; nothing was done
    stopped,           // by RunOptions::stop
};

// Throws InputError; what was committed stays and a second call resumes. A campaign in which no fault fired
// under any policy is an InputError too; its results stay.
RunEnd run_campaign(const Experiment& experiment, const workloads::Bundle& bundle, const RunOptions& options);

// The part of the other ranks of a job in run_campaign(): waits until rank 0 has its own campaign, calls
// `load` and serves until the end. What goes wrong becomes an error of rank 0.
struct LoadedCampaign {
    Experiment experiment;
    workloads::Bundle bundle;
    int workers = 1;
    std::string result_path;  // of rank 0; failed self-checks are described beside it
};
void follow_campaign(cluster::Communicator& job, const std::function<LoadedCampaign()>& load);

}  // namespace fluence::campaign
