#include "sim/campaign/workers.h"

#include <dlfcn.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>

#include "sim/core/error.h"

namespace fluence::campaign {
namespace {

constexpr int kPollMilliseconds = 100;

enum class Kind : std::int64_t { result, input_error, internal_error };

// In front of every message of a worker.
struct MessageHeader {
    Kind kind = Kind::result;
    std::int64_t task = -1;
    std::uint64_t length = 0;
};

bool send_all(int socket, const void* data, std::size_t size) {
    const char* position = static_cast<const char*>(data);
    while (size > 0) {
        const ssize_t sent = send(socket, position, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent <= 0) {
            return false;
        }
        position += sent;
        size -= static_cast<std::size_t>(sent);
    }
    return true;
}

bool send_message(int socket, Kind kind, std::int64_t task, const std::string& payload) {
    const MessageHeader header{kind, task, payload.size()};
    return send_all(socket, &header, sizeof header) && send_all(socket, payload.data(), payload.size());
}

bool receive_task(int socket, std::int64_t& task) {
    for (;;) {
        const ssize_t size = recv(socket, &task, sizeof task, MSG_WAITALL);
        if (size < 0 && errno == EINTR) {
            continue;
        }
        return size == sizeof task;
    }
}

// A forked child must not use the parent's OpenMP threads, which do not exist in it; and the workers
// themselves are what runs in parallel. The runtime is there only when a library brought it along.
void use_one_openmp_thread() {
    using SetThreads = void (*)(int);
    if (void* symbol = dlsym(RTLD_DEFAULT, "omp_set_num_threads")) {
        reinterpret_cast<SetThreads>(symbol)(1);
    }
}

// The life of a worker process. Errors travel to the parent as messages.
[[noreturn]] void worker_main(int socket, const std::function<Work()>& start, pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(1);  // the parent died before the line above
    }
    std::signal(SIGINT, SIG_IGN);  // Ctrl-C reaches the whole process group; the parent decides
    std::signal(SIGTERM, SIG_DFL);
    use_one_openmp_thread();
    std::int64_t task = -1;
    try {
        const Work work = start();
        while (receive_task(socket, task)) {
            if (!send_message(socket, Kind::result, task, work(task))) {
                _exit(1);
            }
        }
        _exit(0);
    } catch (const InputError& error) {
        send_message(socket, Kind::input_error, task, error.what());
    } catch (const std::exception& error) {
        send_message(socket, Kind::internal_error, task, error.what());
    }
    _exit(1);
}

struct Worker {
    pid_t process = -1;
    int socket = -1;
    std::int64_t task = -1;  // being worked on; −1: none
    std::string received;
};

// The parent's side.
class Pool {
  public:
    Pool(int workers, const std::vector<std::int64_t>& tasks, const WorkerCallbacks& callbacks,
         std::string name)
        : tasks_(tasks), callbacks_(callbacks), name_(std::move(name)) {
        const auto wanted = std::min(static_cast<std::size_t>(std::max(workers, 1)), tasks.size());
        try {
            for (std::size_t i = 0; i < wanted; ++i) {
                spawn();
            }
        } catch (...) {
            kill_all();
            throw;
        }
    }
    ~Pool() { kill_all(); }
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    void run() {
        closing_ = callbacks_.stop();
        for (Worker& worker : workers_) {
            hand_out(worker);
        }
        while (std::any_of(workers_.begin(), workers_.end(), [](const Worker& w) { return w.task >= 0; })) {
            wait();
            closing_ = closing_ || callbacks_.stop();
        }
        if (!input_error_.empty()) {
            throw InputError("", "", input_error_);
        }
        if (!internal_error_.empty()) {
            throw std::runtime_error(internal_error_);
        }
    }

  private:
    void spawn();
    void hand_out(Worker& worker);
    void wait();
    void receive(Worker& worker);
    void take_message(Worker& worker);
    void bury(Worker& worker);
    void kill_all();

    const std::vector<std::int64_t>& tasks_;
    const WorkerCallbacks& callbacks_;
    std::string name_;
    std::vector<Worker> workers_;
    std::size_t next_ = 0;
    bool closing_ = false;  // hand out no more
    std::string input_error_, internal_error_;
};

void Pool::spawn() {
    int ends[2] = {-1, -1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        throw std::runtime_error(std::string("no socket for a worker process: ") + std::strerror(errno));
    }
    const pid_t parent = getpid();
    const pid_t process = fork();
    if (process == 0) {
        close(ends[0]);
        for (const Worker& other : workers_) {
            close(other.socket);
        }
        worker_main(ends[1], callbacks_.start, parent);
    }
    const int error = errno;
    close(ends[1]);
    if (process < 0) {
        close(ends[0]);
        throw std::runtime_error(std::string("a worker process cannot be started: ") + std::strerror(error));
    }
    Worker worker;
    worker.process = process;
    worker.socket = ends[0];
    workers_.push_back(std::move(worker));
}

void Pool::hand_out(Worker& worker) {
    worker.task = -1;
    if (closing_ || next_ == tasks_.size()) {
        return;
    }
    worker.task = tasks_[next_++];
    // Where this fails the worker is dead, which its closed socket tells as well.
    send_all(worker.socket, &worker.task, sizeof worker.task);
}

void Pool::wait() {
    std::vector<pollfd> descriptors;
    std::vector<std::size_t> who;
    for (std::size_t i = 0; i < workers_.size(); ++i) {
        if (workers_[i].task >= 0) {
            descriptors.push_back({workers_[i].socket, POLLIN, 0});
            who.push_back(i);
        }
    }
    if (poll(descriptors.data(), descriptors.size(), kPollMilliseconds) <= 0) {
        return;  // nothing yet, or a signal
    }
    for (std::size_t i = 0; i < who.size(); ++i) {
        if (descriptors[i].revents != 0) {
            receive(workers_[who[i]]);
        }
    }
}

void Pool::receive(Worker& worker) {
    char buffer[65536];
    const ssize_t size = recv(worker.socket, buffer, sizeof buffer, MSG_DONTWAIT);
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) {
        return;
    }
    if (size <= 0) {
        bury(worker);
        return;
    }
    worker.received.append(buffer, static_cast<std::size_t>(size));
    take_message(worker);
}

void Pool::take_message(Worker& worker) {
    MessageHeader header;
    if (worker.received.size() < sizeof header) {
        return;
    }
    std::memcpy(&header, worker.received.data(), sizeof header);
    if (worker.received.size() < sizeof header + header.length) {
        return;
    }
    const std::string payload = worker.received.substr(sizeof header, header.length);
    worker.received.clear();  // a worker sends one message a task
    if (header.kind != Kind::result) {
        (header.kind == Kind::input_error ? input_error_ : internal_error_) = payload;
        closing_ = true;
        worker.task = -1;
        return;
    }
    hand_out(worker);  // it works on while the result is stored
    callbacks_.done(header.task, payload);
}

void Pool::bury(Worker& worker) {
    int status = 0;
    waitpid(worker.process, &status, 0);
    worker.process = -1;
    worker.task = -1;
    if (callbacks_.stop()) {
        return;  // whoever stops the campaign may have stopped the worker too
    }
    closing_ = true;
    const std::string how = WIFSIGNALED(status) ? "was killed by signal " + std::to_string(WTERMSIG(status)) +
                                                      " (" + strsignal(WTERMSIG(status)) + ")"
                                                : "ended with status " + std::to_string(WEXITSTATUS(status));
    input_error_ =
        name_ + ": a worker process " + how +
        "; its batch is lost, all others are kept: the same command resumes (fewer --workers need less "
        "memory)";
}

void Pool::kill_all() {
    for (Worker& worker : workers_) {
        close(worker.socket);
        if (worker.process > 0) {
            kill(worker.process, SIGKILL);
            waitpid(worker.process, nullptr, 0);
        }
    }
    workers_.clear();
}

}  // namespace

void run_in_workers(int workers, const std::vector<std::int64_t>& tasks, const WorkerCallbacks& callbacks,
                    const std::string& name) {
    Pool(workers, tasks, callbacks, name).run();
}

}  // namespace fluence::campaign
