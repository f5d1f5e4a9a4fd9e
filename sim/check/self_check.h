// A run of the self-check: batches in parallel worker processes, a state file, a stop at the first mismatch.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "sim/check/run_state.h"

namespace fluence::check {

struct SelfCheckProgress {
    std::int64_t done = 0, total = 0, mismatches = 0;
    double per_second = 0, seconds_left = 0;  // 0: not known yet
};

struct SelfCheckOptions {
    std::int64_t cases = 2000;
    std::uint64_t seed = 1;
    int jobs = 0;  // worker processes; 0: one a processor
    OnMismatch on_mismatch = OnMismatch::stop;
    std::string state_path;  // empty: none; where the file exists the run goes on from it
    Comparison compare = compare_fidelities;
    const std::atomic<bool>* stop = nullptr;
    std::function<void(const SelfCheckProgress&)> progress;
};

// What was done when it ended: all cases; fewer where it was stopped; with OnMismatch::stop, where something
// differs, the cases up to the end of the first batch with a mismatch, whatever the number of jobs. Throws
// InputError for a state file that cannot be read or written.
RunState run_self_check(const SelfCheckOptions& options);

}  // namespace fluence::check
