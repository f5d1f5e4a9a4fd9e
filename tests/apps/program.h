// The program as a user runs it.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>

namespace fluence::test {

struct Finished {
    int exit_code = -1;
    std::string output;  // both streams
};

// The address sanitizer notes in three lines, once a process, that it does not know the stacks of SystemC's
// threads.
inline void leave_out_sanitizer_note(std::string& output) {
    constexpr int kLines = 3;
    const std::size_t note = output.find("WARNING: ASan is ignoring requested __asan_handle_no_return");
    if (note == std::string::npos) {
        return;
    }
    const std::size_t begin = output.rfind('\n', note) + 1;  // npos + 1: the first line
    std::size_t end = begin;
    for (int line = 0; line < kLines && end < output.size(); ++line) {
        end = std::min(output.find('\n', end), output.size() - 1) + 1;
    }
    output.erase(begin, end - begin);
}

// Runs `fluence ARGUMENTS` in a shell; `prefix` goes in front (a variable, ulimit …;).
inline Finished run_fluence(const std::string& arguments, const std::string& prefix = "") {
    Finished run;
    FILE* pipe = popen((prefix + " " + FLUENCE_BINARY + " " + arguments + " 2>&1").c_str(), "r");
    EXPECT_NE(pipe, nullptr);
    std::array<char, 4096> chunk{};
    for (std::size_t got = 0; (got = fread(chunk.data(), 1, chunk.size(), pipe)) > 0;) {
        run.output.append(chunk.data(), got);
    }
    run.exit_code = WEXITSTATUS(pclose(pipe));
    leave_out_sanitizer_note(run.output);
    return run;
}

}  // namespace fluence::test
