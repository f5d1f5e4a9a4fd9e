// fluence_fuzz [TARGET...] [--seconds N] [--seed S] [--sample I]
//
// Damaged files at random, the same for the same seed. Every target runs N seconds in a process of its own; a
// finding (an exception that is no InputError, a message of several lines, a crash, a sanitizer's report, 30
// seconds without an answer) is printed with the seed and the sample that shows it again: --sample I runs
// that one alone. Exit code 1 where there was one.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <new>
#include <optional>

#include "sim/core/error.h"
#include "tests/fuzz/targets.h"
#include "tests/support/temporary_directory.h"

namespace fluence::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kFinding = 3;  // exit code of a target's process
constexpr auto kLongest = std::chrono::seconds(30);

struct Options {
    std::vector<const Target*> targets;
    std::int64_t seconds = 10;
    std::uint64_t seed = 20261121;
    std::optional<std::uint64_t> sample;
};

[[noreturn]] void usage(const std::string& reason) {
    std::cerr << "fluence_fuzz: " << reason
              << "\nusage: fluence_fuzz [TARGET...] [--seconds N] [--seed S] [--sample I]\ntargets (default: "
                 "all):\n";
    for (const Target& target : targets()) {
        std::cerr << "  " << target.name << "  " << target.summary << "\n";
    }
    std::exit(kInputErrorExitCode);
}

const Target& target_named(const std::string& name) {
    for (const Target& target : targets()) {
        if (name == target.name) {
            return target;
        }
    }
    usage("there is no target \"" + name + "\"");
}

Options parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        if (word.rfind("--", 0) == 0) {
            char* end = nullptr;
            const std::uint64_t number = i + 1 < argc ? std::strtoull(argv[i + 1], &end, 10) : 0;
            if (end == nullptr || *end != '\0') {
                usage(word + " needs a number");
            }
            ++i;
            if (word == "--seconds") {
                options.seconds = static_cast<std::int64_t>(number);
            } else if (word == "--seed") {
                options.seed = number;
            } else if (word == "--sample") {
                options.sample = number;
            } else {
                usage("there is no option " + word);
            }
            continue;
        }
        options.targets.push_back(&target_named(word));
    }
    if (options.targets.empty()) {
        for (const Target& target : targets()) {
            options.targets.push_back(&target);
        }
    }
    return options;
}

// What a target's process and its parent share: the parent knows where it died.
struct Progress {
    std::atomic<std::uint64_t> sample{0}, read{0};
};

// Whether the reader behaved.
bool runs_clean(const Body& body, std::uint64_t seed, std::uint64_t sample, Progress& progress) {
    RandomStream stream(seed, RandomPurpose::testing, sample);
    Mutator mutate(stream);
    try {
        body(stream, mutate);
        ++progress.read;
    } catch (const InputError& error) {
        if (std::strchr(error.what(), '\n') != nullptr) {
            std::cerr << "a message of several lines: " << error.what() << "\n";
            return false;
        }
    } catch (const std::exception& error) {
        std::cerr << "not an InputError: " << error.what() << "\n";
        return false;
    }
    return true;
}

[[noreturn]] void run_in_child(const Target& target, const Options& options, Progress& progress) {
    int code = 0;
    {
        const TemporaryDirectory folder;
        const Body body = target.make(folder.path());
        const auto end = Clock::now() + std::chrono::seconds(options.seconds);
        progress.sample = options.sample.value_or(0);
        while (code == 0 && (options.sample || Clock::now() < end)) {
            code = runs_clean(body, options.seed, progress.sample, progress) ? 0 : kFinding;
            if (options.sample) {
                break;
            }
            progress.sample += code == 0 ? 1 : 0;
        }
    }
    std::_Exit(code);
}

// The exit status of the child, which is ended where it does not answer.
int wait_for(pid_t child, const Progress& progress) {
    std::uint64_t last = 0;
    auto since = Clock::now();
    for (;;) {
        int status = 0;
        if (waitpid(child, &status, WNOHANG) == child) {
            return status;
        }
        if (progress.sample != last) {
            last = progress.sample;
            since = Clock::now();
        } else if (Clock::now() - since > kLongest) {
            std::cerr << "no answer for " << kLongest.count() << " seconds\n";
            kill(child, SIGKILL);
        }
        usleep(20'000);
    }
}

bool is_clean(const Target& target, const Options& options) {
    void* const shared =
        mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        throw std::bad_alloc();
    }
    Progress& progress = *new (shared) Progress;
    const pid_t child = fork();
    if (child == 0) {
        run_in_child(target, options, progress);
    }
    const int status = wait_for(child, progress);
    const bool clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    const bool enough = options.sample || progress.sample > 0;
    std::cout << target.name << ": " << progress.sample << " files, " << progress.read
              << " of them read, seed " << options.seed << ": " << (clean && enough ? "clean" : "FINDING")
              << std::endl;
    if (!clean) {
        std::cout << "  again with: fluence_fuzz " << target.name << " --seed " << options.seed
                  << " --sample " << progress.sample << std::endl;
    }
    munmap(shared, sizeof(Progress));
    return clean && enough;
}

}  // namespace
}  // namespace fluence::test

int main(int argc, char** argv) {
    using namespace fluence::test;
    const Options options = parse(argc, argv);
    bool clean = true;
    for (const Target* target : options.targets) {
        clean = is_clean(*target, options) && clean;
    }
    return clean ? 0 : 1;
}
