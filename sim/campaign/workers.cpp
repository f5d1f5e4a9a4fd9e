#include "sim/campaign/workers.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <stdexcept>
#include <thread>

#include "sim/core/error.h"

namespace fluence::campaign {
namespace {

constexpr int kAloneMilliseconds = 100;
// MPI has no descriptor to wait for: its messages are asked for so often.
constexpr int kJobMilliseconds = 2;
constexpr int kWaitingMicroseconds = 20000;

// A rank's messages to rank 0 are of the kinds of Finished, `joined` and, behind all others, `left`; rank 0's
// are the last three.
enum class Kind : std::int64_t {
    result = static_cast<std::int64_t>(Finished::Kind::result),
    input_error = static_cast<std::int64_t>(Finished::Kind::input_error),
    internal_error = static_cast<std::int64_t>(Finished::Kind::internal_error),
    joined,  // number: its workers; text: its campaign
    left,
    begin,
    task,
    close
};

struct Packet {
    Kind kind = Kind::result;
    std::int64_t number = -1;
    std::string text;
};

std::string pack(const Packet& packet) {
    std::string bytes(sizeof packet.kind + sizeof packet.number, '\0');
    std::memcpy(bytes.data(), &packet.kind, sizeof packet.kind);
    std::memcpy(bytes.data() + sizeof packet.kind, &packet.number, sizeof packet.number);
    return bytes + packet.text;
}

Packet unpack(const std::string& bytes) {
    Packet packet;
    constexpr std::size_t kHead = sizeof packet.kind + sizeof packet.number;
    if (bytes.size() < kHead) {
        throw std::runtime_error("a message between ranks is too short");
    }
    std::memcpy(&packet.kind, bytes.data(), sizeof packet.kind);
    std::memcpy(&packet.number, bytes.data() + sizeof packet.kind, sizeof packet.number);
    packet.text = bytes.substr(kHead);
    return packet;
}

// Waits for a message.
Packet next_packet(cluster::Communicator& job) {
    for (;;) {
        if (const std::optional<cluster::Message> message = job.receive()) {
            return unpack(message->bytes);
        }
        usleep(kWaitingMicroseconds);
    }
}

}  // namespace

// A message that nobody takes would keep its sender from ending: rank 0 may be done before another rank has
// joined.
Leader::~Leader() {
    for (int rank = 1; rank < job_.size(); ++rank) {
        job_.send(rank, pack({Kind::close, 0, ""}));
    }
    for (int there = job_.size() - 1; there > 0;) {
        there -= next_packet(job_).kind == Kind::left ? 1 : 0;
    }
}

void Leader::begin() {
    for (int rank = 1; rank < job_.size(); ++rank) {
        job_.send(rank, pack({Kind::begin, 0, ""}));
    }
}

// Hands tasks to whoever has nothing to do.
class Dispatch {
  public:
    Dispatch(Leader* leader, int workers, const std::vector<std::int64_t>& tasks,
             const WorkerCallbacks& callbacks, const std::string& name, std::string campaign)
        : job_(leader != nullptr ? &leader->job_ : nullptr),
          tasks_(tasks),
          callbacks_(callbacks),
          campaign_(std::move(campaign)),
          pool_(static_cast<int>(std::min(static_cast<std::size_t>(std::max(workers, 1)), tasks.size())),
                callbacks.start, name),
          ahead_(4 * static_cast<std::size_t>(std::max(workers, 1))),
          free_(job_ != nullptr ? static_cast<std::size_t>(job_->size()) : 0, 0) {}

    void run() {
        closing_ = callbacks_.stop();
        hand_out();
        while (pool_.busy() || remote_ > 0) {
            std::vector<Finished> finished =
                pool_.wait(job_ != nullptr ? kJobMilliseconds : kAloneMilliseconds);
            take_messages(finished);
            closing_ = closing_ || callbacks_.stop() || failed(finished);
            hand_out();  // they work on while the results are stored
            for (const Finished& task : finished) {
                finish(task);
            }
        }
        if (!input_error_.empty()) {
            throw InputError("", "", input_error_);
        }
        if (!internal_error_.empty()) {
            throw std::runtime_error(internal_error_);
        }
    }

  private:
    static bool failed(const std::vector<Finished>& finished) {
        return std::any_of(finished.begin(), finished.end(),
                           [](const Finished& task) { return task.kind != Finished::Kind::result; });
    }

    void hand_out() {
        while (!closing_ && next_ < tasks_.size()) {
            if (pool_.idle()) {
                pool_.give(tasks_[next_++]);
                continue;
            }
            const auto rank = std::max_element(free_.begin(), free_.end());
            if (rank == free_.end() || *rank == 0) {
                // Near the end a task that waits behind another could have been somebody else's.
                if (!pool_.ready() || tasks_.size() - next_ < ahead_) {
                    return;
                }
                pool_.give(tasks_[next_++]);
                continue;
            }
            --*rank;
            ++remote_;
            job_->send(static_cast<int>(rank - free_.begin()), pack({Kind::task, tasks_[next_++], ""}));
        }
    }

    void take_messages(std::vector<Finished>& finished) {
        while (job_ != nullptr) {
            std::optional<cluster::Message> message = job_->receive();
            if (!message) {
                return;
            }
            Packet packet = unpack(message->bytes);
            std::int64_t& free = free_.at(static_cast<std::size_t>(message->from));
            if (packet.kind == Kind::joined) {
                free = packet.number;
                if (packet.text != campaign_) {
                    finished.push_back(
                        {Finished::Kind::input_error, -1,
                         "rank " + std::to_string(message->from) +
                             " has another campaign than rank 0: another experiment, workload or "
                             "version of the program"});
                }
                continue;
            }
            if (packet.number >= 0) {
                ++free;
                --remote_;
            }
            if (packet.kind != Kind::result) {
                packet.text = "rank " + std::to_string(message->from) + ": " + packet.text;
            }
            finished.push_back(
                {static_cast<Finished::Kind>(packet.kind), packet.number, std::move(packet.text)});
        }
    }

    void finish(const Finished& task) {
        if (task.kind == Finished::Kind::result) {
            callbacks_.done(task.task, task.bytes);
        } else if (!callbacks_.stop()) {  // whoever stops the campaign may have stopped the worker too
            (task.kind == Finished::Kind::input_error ? input_error_ : internal_error_) = task.bytes;
        }
    }

    cluster::Communicator* job_;
    const std::vector<std::int64_t>& tasks_;
    const WorkerCallbacks& callbacks_;
    std::string campaign_;
    WorkerPool pool_;
    std::size_t ahead_;               // tasks wait at workers while at least so many are left
    std::vector<std::int64_t> free_;  // workers with nothing to do, by rank; those of rank 0 are in the pool
    std::int64_t remote_ = 0;         // tasks at other ranks
    std::size_t next_ = 0;
    bool closing_ = false;  // hand out no more
    std::string input_error_, internal_error_;
};

void run_in_workers(int workers, const std::vector<std::int64_t>& tasks, const WorkerCallbacks& callbacks,
                    const std::string& name) {
    Dispatch(nullptr, workers, tasks, callbacks, name, "").run();
}

void run_in_job(Leader& leader, int workers, const std::vector<std::int64_t>& tasks,
                const WorkerCallbacks& callbacks, const std::string& name, const std::string& campaign) {
    Dispatch(&leader, workers, tasks, callbacks, name, campaign).run();
}

namespace {

// Works until rank 0 says that it is over.
void serve(cluster::Communicator& job, const Follower& follower) {
    WorkerPool pool(follower.workers, follower.start, job.host());
    job.send(0, pack({Kind::joined, follower.workers, follower.campaign}));
    std::deque<std::int64_t> tasks;
    for (;;) {
        while (const std::optional<cluster::Message> message = job.receive()) {
            const Packet packet = unpack(message->bytes);
            if (packet.kind == Kind::close) {
                return;
            }
            tasks.push_back(packet.number);
        }
        while (!tasks.empty() && pool.idle()) {
            pool.give(tasks.front());
            tasks.pop_front();
        }
        for (const Finished& task : pool.wait(kJobMilliseconds)) {
            job.send(0, pack({static_cast<Kind>(task.kind), task.task, task.bytes}));
        }
    }
}

void work_until_close(cluster::Communicator& job, const std::function<Follower()>& load) {
    if (next_packet(job).kind == Kind::close) {
        return;
    }
    Packet failure{Kind::internal_error, -1, ""};
    try {
        serve(job, load());
        return;
    } catch (const InputError& error) {
        failure = {Kind::input_error, -1, error.what()};
    } catch (const std::exception& error) {
        failure.text = error.what();
    }
    failure.text = job.host() + ": " + failure.text;
    job.send(0, pack(failure));
    while (next_packet(job).kind != Kind::close) {
    }
}

}  // namespace

int workers_or_processors(int wanted) {
    return wanted > 0 ? wanted : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

void follow(cluster::Communicator& job, const std::function<Follower()>& load) {
    work_until_close(job, load);
    job.send(0, pack({Kind::left, 0, ""}));
}

}  // namespace fluence::campaign
