// Worker processes: forked, so that they read the parent's data without a copy and share nothing else. Each
// gets the numbers of tasks and sends their results back, in the same order.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

namespace fluence::campaign {

// Result of a task, as bytes.
using Work = std::function<std::string(std::int64_t task)>;

// What became of a task.
struct Finished {
    enum class Kind : std::int64_t { result, input_error, internal_error };
    Kind kind = Kind::result;
    std::int64_t task = -1;
    std::string bytes;  // the result, or what went wrong
};

class WorkerPool {
  public:
    // `start` is called once in every worker process; what it builds belongs to that process. `name` stands
    // in front of messages about dead workers. std::runtime_error where a process cannot be started.
    WorkerPool(int workers, const std::function<Work()>& start, std::string name);
    ~WorkerPool();  // kills them
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    bool idle() const;   // some worker has nothing to do
    bool ready() const;  // some worker has no task behind the one that it works on
    bool busy() const;   // some worker has something to do
    // To the worker with the fewest; ready() must say so. A task that waits at its worker spares it the time
    // in which the parent stores results.
    void give(std::int64_t task);
    // What ended; waits at most so long for the first. A worker that failed or died gives an error and takes
    // no more tasks.
    std::vector<Finished> wait(int milliseconds);

  private:
    struct Worker {
        pid_t process = -1;  // −1: it is gone
        int socket = -1;
        std::deque<std::int64_t> tasks;  // the first is being worked on
        std::string received;
    };

    void spawn(const std::function<Work()>& start);
    void receive(Worker& worker, std::vector<Finished>& finished);
    static bool take_message(Worker& worker, std::vector<Finished>& finished);
    Finished bury(Worker& worker) const;
    void kill_all();

    std::string name_;
    std::vector<Worker> workers_;
};

}  // namespace fluence::campaign
