#include "sim/accel/child_process.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>
#include <stdexcept>
#include <vector>

#include "sim/core/error.h"

namespace fluence::accel {
namespace {

// What the child sends first.
constexpr char kResult = 'R';
constexpr char kInputError = 'I';
constexpr char kFailure = 'F';

void write_all(int descriptor, const std::string& bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
        const ssize_t count = ::write(descriptor, bytes.data() + sent, bytes.size() - sent);
        if (count < 0 && errno != EINTR) {
            return;  // the parent is gone
        }
        sent += count > 0 ? static_cast<std::size_t>(count) : 0;
    }
}

std::string read_all(int descriptor) {
    std::string bytes;
    std::vector<char> chunk(std::size_t{1} << 16);
    for (;;) {
        const ssize_t count = ::read(descriptor, chunk.data(), chunk.size());
        if (count > 0) {
            bytes.append(chunk.data(), static_cast<std::size_t>(count));
        } else if (count == 0 || errno != EINTR) {
            return bytes;
        }
    }
}

// What the child sends: a byte that says what it is, and the result or the reason.
std::string message_of(const std::function<std::string()>& work) {
    try {
        return kResult + work();
    } catch (const InputError& error) {
        return kInputError + std::string(error.what());
    } catch (const std::exception& error) {
        return kFailure + std::string(error.what());
    }
}

std::string result_in(const std::string& message) {
    if (message[0] == kInputError) {
        throw InputError("", "", message.substr(1));
    }
    if (message[0] == kFailure) {
        throw std::runtime_error("the machine failed: " + message.substr(1));
    }
    return message.substr(1);
}

std::string ending_of(int status) {
    if (WIFSIGNALED(status)) {
        return std::string("was ended by signal ") + std::to_string(WTERMSIG(status)) + " (" +
               strsignal(WTERMSIG(status)) + ")";
    }
    return "ended with code " + std::to_string(WEXITSTATUS(status)) + " and no result";
}

}  // namespace

std::string in_child_process(const std::function<std::string()>& work) {
    int ends[2];
    if (::pipe(ends) != 0) {
        throw std::runtime_error(std::string("cannot make a pipe: ") + std::strerror(errno));
    }
    std::cout.flush();
    const pid_t child = ::fork();
    if (child < 0) {
        ::close(ends[0]);
        ::close(ends[1]);
        throw std::runtime_error(std::string("cannot start a process: ") + std::strerror(errno));
    }
    if (child == 0) {
        ::close(ends[0]);
        write_all(ends[1], message_of(work));
        ::_exit(0);
    }
    ::close(ends[1]);
    const std::string message = read_all(ends[0]);
    ::close(ends[0]);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (message.empty()) {
        throw std::runtime_error("the machine's process " + ending_of(status));
    }
    return result_in(message);
}

}  // namespace fluence::accel
