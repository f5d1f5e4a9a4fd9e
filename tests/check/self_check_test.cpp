// Runs: the same for any number of jobs, whole again after a kill, ended by a mismatch.
#include "sim/check/self_check.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "sim/core/error.h"
#include "tests/check/broken.h"
#include "tests/support/temporary_directory.h"

namespace fluence {
namespace {

using check::OnMismatch;
using check::RunState;
using check::SelfCheckOptions;

constexpr std::uint64_t kSeed = 43;
constexpr std::int64_t kCases = 5 * check::kCasesPerBatch + 30;  // the last batch is short

// Nothing is compared: these tests are about the run alone.
SelfCheckOptions options_without_mismatch() {
    SelfCheckOptions options;
    options.cases = kCases;
    options.seed = kSeed;
    options.jobs = 2;
    options.compare = test::broken_comparison([](const auto&, const auto&) { return false; });
    return options;
}

// Rare: a few cases in the hundred.
SelfCheckOptions options_with_mismatches(OnMismatch on_mismatch) {
    SelfCheckOptions options = options_without_mismatch();
    options.on_mismatch = on_mismatch;
    options.compare = test::broken_comparison([](const auto&, const check::UpsetList& upsets) {
        return upsets.size() == 4 && upsets[0].unit % 16 == 7;
    });
    return options;
}

TEST(SelfCheckRun, IsTheSameForAnyNumberOfJobs) {
    SelfCheckOptions options = options_without_mismatch();
    options.jobs = 1;
    const check::Tally one = run_self_check(options).tally();
    EXPECT_EQ(one.cases, kCases);
    EXPECT_EQ(one.machines, (kCases + check::kCasesPerMachine - 1) / check::kCasesPerMachine);
    options.jobs = 3;
    EXPECT_EQ(to_json(run_self_check(options).tally()), to_json(one));
}

TEST(SelfCheckRun, EndsBehindTheFirstBatchWithAMismatchWhateverTheJobs) {
    const RunState all = run_self_check(options_with_mismatches(OnMismatch::go_on));
    EXPECT_EQ(all.tally().cases, kCases);
    ASSERT_GT(all.mismatches().size(), 1U);
    const std::int64_t first = all.mismatches().front().number;
    for (const int jobs : {1, 4}) {
        SelfCheckOptions options = options_with_mismatches(OnMismatch::stop);
        options.jobs = jobs;
        const RunState state = run_self_check(options);
        EXPECT_EQ(state.mismatches().front().number, first);
        EXPECT_EQ(state.tally().cases, (first / check::kCasesPerBatch + 1) * check::kCasesPerBatch);
    }
}

// The case with the number that a mismatch has is the one that differed.
TEST(SelfCheckRun, CasesCanBeDrawnAgain) {
    const SelfCheckOptions options = options_with_mismatches(OnMismatch::go_on);
    for (const check::Mismatch& mismatch : run_self_check(options).mismatches()) {
        const check::Case one = check::case_of(kSeed, mismatch.number);
        EXPECT_EQ(options.compare(one.setup, {}, {one.upsets}).front().difference, mismatch.difference);
    }
}

TEST(SelfCheckRun, StopsWhenAskedAndGoesOn) {
    const test::TemporaryDirectory directory;
    SelfCheckOptions options = options_with_mismatches(OnMismatch::go_on);
    const RunState whole = run_self_check(options);
    options.state_path = directory.file("state.json");
    std::atomic<bool> stop{false};
    options.stop = &stop;
    options.progress = [&stop](const check::SelfCheckProgress& progress) { stop = progress.done > 0; };
    const std::int64_t before = run_self_check(options).tally().cases;
    EXPECT_GT(before, 0);
    EXPECT_LT(before, kCases);
    stop = false;
    options.progress = [&](const check::SelfCheckProgress& progress) { EXPECT_GE(progress.done, before); };
    const RunState resumed = run_self_check(options);
    EXPECT_EQ(to_json(resumed.tally()), to_json(whole.tally()));
    EXPECT_EQ(resumed.mismatches().size(), whole.mismatches().size());
}

// A child process is killed with its second batch just saved; nothing that was saved is done again.
TEST(SelfCheckRun, GoesOnAfterAKill) {
    const test::TemporaryDirectory directory;
    SelfCheckOptions options = options_without_mismatch();
    options.state_path = directory.file("state.json");
    const pid_t child = fork();
    if (child == 0) {
        options.progress = [](const check::SelfCheckProgress& progress) {
            if (progress.done >= 2 * check::kCasesPerBatch) {
                kill(getpid(), SIGKILL);
            }
        };
        run_self_check(options);
        _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    std::int64_t least = kCases;
    options.progress = [&least](const check::SelfCheckProgress& progress) {
        least = std::min(least, progress.done);
    };
    const check::Tally resumed = run_self_check(options).tally();
    EXPECT_GE(least, 2 * check::kCasesPerBatch);
    options.state_path.clear();
    EXPECT_EQ(to_json(resumed), to_json(run_self_check(options).tally()));
}

TEST(SelfCheckRun, RefusesStatesOfOtherRuns) {
    const test::TemporaryDirectory directory;
    SelfCheckOptions options = options_without_mismatch();
    options.cases = 10;
    options.state_path = directory.file("state.json");
    run_self_check(options);
    options.seed = kSeed + 1;
    EXPECT_THROW(run_self_check(options), InputError);
    test::write_file(options.state_path, "{\"format\": \"fluence-selfcheck-state\"");
    EXPECT_THROW(run_self_check(options), InputError);
    options.state_path = directory.file("no/such/folder/state.json");
    EXPECT_THROW(run_self_check(options), InputError);
}

}  // namespace
}  // namespace fluence
