#include "apps/front_end.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <iostream>
#include <system_error>

#include "sim/core/error.h"

namespace fluence::apps {
namespace {

std::string program() {
    std::error_code ignored;
    return (std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path() / "fluence-torch")
        .string();
}

// Starts the front end; its standard output goes to `output`, or stays ours (−1).
pid_t start(const std::string& command, const Arguments& arguments, int output) {
    const std::string path = program();
    if (!has_front_end()) {
        throw InputError("fluence " + command, "",
                         "needs the LibTorch front end, which this program was built without",
                         "a build with FLUENCE_WITH_TORCH=ON (" + path + ")");
    }
    Arguments words = {path, command};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) {
        argv.push_back(word.data());
    }
    argv.push_back(nullptr);
    std::cout.flush();
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    if (output >= 0) {
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    }
    pid_t child = -1;
    const int error = posix_spawn(&child, path.c_str(), &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
        throw std::system_error(error, std::generic_category(), path);
    }
    return child;
}

int exit_code_of(pid_t child) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            throw std::system_error(errno, std::generic_category(), program());
        }
    }
    constexpr int kSignalBase = 128;  // as shells count
    return WIFEXITED(status) ? WEXITSTATUS(status) : kSignalBase + WTERMSIG(status);
}

std::string read_all(int from) {
    std::string text;
    std::array<char, 65536> buffer{};
    while (true) {
        const ssize_t count = read(from, buffer.data(), buffer.size());
        if (count > 0) {
            text.append(buffer.data(), static_cast<std::size_t>(count));
        } else if (count == 0 || errno != EINTR) {
            return text;
        }
    }
}

}  // namespace

bool has_front_end() {
    return access(program().c_str(), X_OK) == 0;
}

int run_front_end(const std::string& command, const Arguments& arguments) {
    return exit_code_of(start(command, arguments, -1));
}

std::string front_end_output(const std::string& command, const Arguments& arguments) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) {
        throw std::system_error(errno, std::generic_category(), "pipe");
    }
    pid_t child = -1;
    try {
        child = start(command, arguments, ends[1]);
    } catch (...) {
        close(ends[0]);
        close(ends[1]);
        throw;
    }
    close(ends[1]);
    std::string text = read_all(ends[0]);
    close(ends[0]);
    const int code = exit_code_of(child);
    if (code != 0) {
        throw FrontEndFailed(code);
    }
    return text;
}

int run_import(const Arguments& arguments) {
    return run_front_end("import", arguments);
}

int run_train(const Arguments& arguments) {
    return run_front_end("train", arguments);
}

}  // namespace fluence::apps
