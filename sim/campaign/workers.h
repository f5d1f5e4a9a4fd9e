// Tasks in worker processes (worker_pool.h) of this host, and of the other ranks of a job where there is one.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sim/campaign/worker_pool.h"
#include "sim/cluster/communicator.h"

namespace fluence::campaign {

struct WorkerCallbacks {
    // Called once in every worker process; what it builds belongs to that process.
    std::function<Work()> start;
    // Called in the parent for every finished task, in the order in which they end.
    std::function<void(std::int64_t task, const std::string& result)> done;
    // Asked a few times a second; true: hand out no more tasks, wait for the running ones.
    std::function<bool()> stop;
};

// `wanted` workers; 0: as many as this host has processors.
int workers_or_processors(int wanted);

// Rank 0 of a job: the others wait for its word. However it goes, the destructor lets them end.
class Leader {
  public:
    explicit Leader(cluster::Communicator& job) : job_(job) {}
    ~Leader();
    Leader(const Leader&) = delete;
    Leader& operator=(const Leader&) = delete;
    // The others load their campaign and start their workers; without it they end with nothing done.
    void begin();

  private:
    friend class Dispatch;
    cluster::Communicator& job_;
};

// Returns when all tasks are done or stop() said so and nothing runs any more. When a worker fails or dies,
// no more tasks are handed out, the others' running tasks are completed, and an InputError (its own, or one
// that names the signal that killed it) or std::runtime_error is thrown. `name` stands in front of messages
// about dead workers.
void run_in_workers(int workers, const std::vector<std::int64_t>& tasks, const WorkerCallbacks& callbacks,
                    const std::string& name);

// The same with the workers of all ranks of a job; those of the others serve in follow(). `campaign` says in
// a few bytes what the tasks are: a rank that has other ones is an InputError. A rank that is lost ends the
// whole job, by MPI.
void run_in_job(Leader& leader, int workers, const std::vector<std::int64_t>& tasks,
                const WorkerCallbacks& callbacks, const std::string& name, const std::string& campaign);

// What a rank other than 0 brings.
struct Follower {
    int workers = 1;
    std::function<Work()> start;
    std::string campaign;
};
// The life of a rank other than 0: waits for rank 0's word, calls `load`, and serves until rank 0 says that
// it is over. Errors of load() and of workers become rank 0's.
void follow(cluster::Communicator& job, const std::function<Follower()>& load);

}  // namespace fluence::campaign
