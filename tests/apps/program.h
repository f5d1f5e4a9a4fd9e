// The program as a user runs it.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <string>

namespace fluence::test {

struct Finished {
    int exit_code = -1;
    std::string output;  // both streams
};

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
    return run;
}

}  // namespace fluence::test
