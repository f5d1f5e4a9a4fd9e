#include "sim/campaign/worker_pool.h"

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
#include <utility>

#include "sim/core/error.h"

namespace fluence::campaign {
namespace {

using Kind = Finished::Kind;

constexpr std::size_t kTasksOfAWorker = 2;  // the one that it works on, and the next

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

// The life of a worker process. Errors travel to the parent as messages.
[[noreturn]] void worker_main(int socket, const std::function<Work()>& start, pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(1);  // the parent died before the line above
    }
    std::signal(SIGINT, SIG_IGN);  // Ctrl-C reaches the whole process group; the parent decides
    std::signal(SIGTERM, SIG_DFL);
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

}  // namespace

WorkerPool::WorkerPool(int workers, const std::function<Work()>& start, std::string name)
    : name_(std::move(name)) {
    try {
        for (int i = 0; i < workers; ++i) {
            spawn(start);
        }
    } catch (...) {
        kill_all();
        throw;
    }
}

WorkerPool::~WorkerPool() {
    kill_all();
}

void WorkerPool::spawn(const std::function<Work()>& start) {
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
        worker_main(ends[1], start, parent);
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

bool WorkerPool::idle() const {
    return std::any_of(workers_.begin(), workers_.end(),
                       [](const Worker& worker) { return worker.process > 0 && worker.tasks.empty(); });
}

bool WorkerPool::ready() const {
    return std::any_of(workers_.begin(), workers_.end(), [](const Worker& worker) {
        return worker.process > 0 && worker.tasks.size() < kTasksOfAWorker;
    });
}

bool WorkerPool::busy() const {
    return std::any_of(workers_.begin(), workers_.end(),
                       [](const Worker& worker) { return !worker.tasks.empty(); });
}

void WorkerPool::give(std::int64_t task) {
    const auto worker =
        std::min_element(workers_.begin(), workers_.end(), [](const Worker& a, const Worker& b) {
            const auto load = [](const Worker& w) {
                return w.process > 0 ? w.tasks.size() : kTasksOfAWorker;
            };
            return load(a) < load(b);
        });
    worker->tasks.push_back(task);
    // Where this fails the worker is dead, which its closed socket tells as well.
    send_all(worker->socket, &task, sizeof task);
}

std::vector<Finished> WorkerPool::wait(int milliseconds) {
    std::vector<pollfd> descriptors;
    std::vector<std::size_t> who;
    for (std::size_t i = 0; i < workers_.size(); ++i) {
        if (!workers_[i].tasks.empty()) {
            descriptors.push_back({workers_[i].socket, POLLIN, 0});
            who.push_back(i);
        }
    }
    std::vector<Finished> finished;
    if (poll(descriptors.data(), descriptors.size(), milliseconds) <= 0) {
        return finished;  // nothing yet, or a signal
    }
    for (std::size_t i = 0; i < who.size(); ++i) {
        if (descriptors[i].revents != 0) {
            receive(workers_[who[i]], finished);
        }
    }
    return finished;
}

void WorkerPool::receive(Worker& worker, std::vector<Finished>& finished) {
    char buffer[65536];
    const ssize_t size = recv(worker.socket, buffer, sizeof buffer, MSG_DONTWAIT);
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) {
        return;
    }
    if (size <= 0) {
        finished.push_back(bury(worker));
        return;
    }
    worker.received.append(buffer, static_cast<std::size_t>(size));
    while (take_message(worker, finished)) {
    }
}

// The first message in what was received, if all of it is there.
bool WorkerPool::take_message(Worker& worker, std::vector<Finished>& finished) {
    MessageHeader header;
    if (worker.process < 0 || worker.received.size() < sizeof header) {
        return false;
    }
    std::memcpy(&header, worker.received.data(), sizeof header);
    if (worker.received.size() < sizeof header + header.length) {
        return false;
    }
    const std::int64_t task = worker.tasks.empty() ? -1 : worker.tasks.front();
    finished.push_back({header.kind, task, worker.received.substr(sizeof header, header.length)});
    worker.received.erase(0, sizeof header + header.length);
    if (header.kind != Kind::result) {
        kill(worker.process, SIGKILL);  // it ends by itself after an error
        waitpid(worker.process, nullptr, 0);
        worker.process = -1;
        worker.tasks.clear();
        return false;
    }
    worker.tasks.pop_front();
    return true;
}

Finished WorkerPool::bury(Worker& worker) const {
    int status = 0;
    waitpid(worker.process, &status, 0);
    const std::string how = WIFSIGNALED(status) ? "was killed by signal " + std::to_string(WTERMSIG(status)) +
                                                      " (" + strsignal(WTERMSIG(status)) + ")"
                                                : "ended with status " + std::to_string(WEXITSTATUS(status));
    worker.process = -1;
    const std::int64_t task = worker.tasks.empty() ? -1 : worker.tasks.front();
    worker.tasks.clear();
    return {
        Kind::input_error, task,
        name_ + ": a worker process " + how +
            "; its batch is lost, all others are kept: the same command resumes (fewer --workers need less "
            "memory)"};
}

void WorkerPool::kill_all() {
    for (Worker& worker : workers_) {
        close(worker.socket);
        if (worker.process > 0) {
            kill(worker.process, SIGKILL);
            waitpid(worker.process, nullptr, 0);
        }
    }
    workers_.clear();
}

}  // namespace fluence::campaign
