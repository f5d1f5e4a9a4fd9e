// Worker processes: forked, so that they read the parent's data without a copy and share nothing else. Each
// gets the number of one task at a time and sends its result back.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace fluence::campaign {

// Result of a task, as bytes.
using Work = std::function<std::string(std::int64_t task)>;

struct WorkerCallbacks {
    // Called once in every worker process; what it builds belongs to that process.
    std::function<Work()> start;
    // Called in the parent for every finished task, in the order in which they end.
    std::function<void(std::int64_t task, const std::string& result)> done;
    // Asked a few times a second; true: hand out no more tasks, wait for the running ones.
    std::function<bool()> stop;
};

// Returns when all tasks are done or stop() said so and nothing runs any more. When a worker fails or dies,
// no more tasks are handed out, the others' running tasks are completed, and an InputError (its own, or one
// that names the signal that killed it) or std::runtime_error is thrown. `name` stands in front of messages
// about dead workers.
void run_in_workers(int workers, const std::vector<std::int64_t>& tasks, const WorkerCallbacks& callbacks,
                    const std::string& name);

}  // namespace fluence::campaign
