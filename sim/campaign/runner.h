// Runs a campaign: machine timing once a policy, golden runs once an image, then the faults, in worker
// processes that share nothing but the plan.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "sim/campaign/experiment.h"
#include "workloads/bundle.h"

namespace fluence::campaign {

struct Progress {
    std::int64_t faults_done = 0, faults_total = 0;
    double faults_per_second = 0;
    double seconds_left = 0;
};

struct RunOptions {
    std::string result_path;
    int workers = 0;  // 0: as many as processors
    std::function<void(const Progress&)> progress;
    const std::atomic<bool>* stop = nullptr;  // set by Ctrl-C: finish running batches, commit, return
};

enum class RunEnd { finished, stopped };

// Throws InputError; what was committed stays and a second call resumes.
RunEnd run_campaign(const Experiment& experiment, const workloads::Bundle& bundle, const RunOptions& options);

}  // namespace fluence::campaign
