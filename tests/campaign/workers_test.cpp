// Worker processes: every task once, in any number of processes; errors and deaths lose one task at most.
#include "sim/campaign/workers.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <numeric>
#include <set>
#include <stdexcept>

#include "sim/campaign/wire.h"
#include "sim/core/error.h"
#include "tests/campaign/sample_results.h"

namespace fluence::campaign {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

std::vector<std::int64_t> counted(std::int64_t count) {
    std::vector<std::int64_t> tasks(static_cast<std::size_t>(count));
    std::iota(tasks.begin(), tasks.end(), 0);
    return tasks;
}

struct Collected {
    std::set<std::int64_t> done;
    std::set<std::string> processes;

    // `work` as in the workers; results are "process id of the worker".
    void operator()(int workers, std::int64_t tasks, const Work& work) {
        run_in_workers(workers, counted(tasks),
                       {[&work] { return work; },
                        [this](std::int64_t task, const std::string& result) {
                            EXPECT_TRUE(done.insert(task).second);
                            processes.insert(result);
                        },
                        [] { return false; }},
                       "sample");
    }
};

std::string own_process(std::int64_t) {
    usleep(2000);
    return std::to_string(getpid());
}

TEST(Workers, DoEveryTaskOnceInTheirOwnProcesses) {
    for (const int workers : {1, 2, 5}) {
        Collected run;
        run(workers, 40, own_process);
        EXPECT_EQ(run.done.size(), 40U);
        EXPECT_EQ(run.processes.size(), static_cast<std::size_t>(workers));
        EXPECT_EQ(run.processes.count(std::to_string(getpid())), 0U);
    }
    Collected none;
    none(3, 0, own_process);
    EXPECT_TRUE(none.done.empty());
}

TEST(Workers, CarryLargeResults) {
    std::size_t bytes = 0;
    const Work work = [](std::int64_t task) {
        return std::string(static_cast<std::size_t>(task) * 1000003, 'x');
    };
    run_in_workers(2, counted(6),
                   {[&] { return work; },
                    [&](std::int64_t task, const std::string& result) {
                        EXPECT_EQ(result.size(), static_cast<std::size_t>(task) * 1000003);
                        bytes += result.size();
                    },
                    [] { return false; }},
                   "sample");
    EXPECT_EQ(bytes, 15U * 1000003U);
}

TEST(Workers, PassErrorsOnAndKeepWhatIsDone) {
    Collected run;
    EXPECT_THAT(([&] {
                    run(1, 10, [](std::int64_t task) {
                        if (task == 3) {
                            throw InputError("file", "key", "is wrong");
                        }
                        return std::string("x");
                    });
                }),
                ThrowsMessage<InputError>("file: key: is wrong"));
    EXPECT_EQ(run.done, (std::set<std::int64_t>{0, 1, 2}));
    Collected internal;
    EXPECT_THAT(
        ([&] { internal(2, 10, [](std::int64_t) -> std::string { throw std::logic_error("a bug"); }); }),
        ThrowsMessage<std::runtime_error>("a bug"));
    Collected start;
    EXPECT_THAT(([&] {
                    run_in_workers(2, counted(4),
                                   {[]() -> Work { throw InputError("", "", "cannot start"); },
                                    [](std::int64_t, const std::string&) {}, [] { return false; }},
                                   "sample");
                }),
                ThrowsMessage<InputError>("cannot start"));
}

TEST(Workers, ThatDieLoseOneTask) {
    Collected run;
    EXPECT_THAT(([&] {
                    run(2, 30, [](std::int64_t task) {
                        usleep(2000);
                        if (task == 9) {
                            kill(getpid(), SIGKILL);
                        }
                        return std::string("x");
                    });
                }),
                ThrowsMessage<InputError>(AllOf(HasSubstr("sample: a worker process was killed by signal 9"),
                                                HasSubstr("resumes"))));
    EXPECT_GE(run.done.size(), 9U);
    EXPECT_LE(run.done.size(), 29U);
    EXPECT_EQ(run.done.count(9), 0U);
}

TEST(Workers, StopWhenAskedAndFinishWhatRuns) {
    std::set<std::int64_t> done;
    run_in_workers(
        2, counted(1000),
        {[] { return Work(own_process); }, [&](std::int64_t task, const std::string&) { done.insert(task); },
         [&] { return done.size() >= 5; }},
        "sample");
    EXPECT_GE(done.size(), 5U);
    EXPECT_LE(done.size(), 13U);  // two at each worker when it was asked, and those that ended with the fifth
}

TEST(Wire, GivesBackBatchesAndRefusesRubbish) {
    const BatchResult batch = test::sample_batch(4);
    const std::string bytes = encode(batch);
    const BatchResult read = decode(bytes);
    EXPECT_EQ(read.batch, 4);
    EXPECT_EQ(encode(read), bytes);
    ASSERT_EQ(read.faults.size(), batch.faults.size());
    EXPECT_EQ(read.faults[5].upset.bits, batch.faults[5].upset.bits);
    EXPECT_EQ(read.outcomes.back().faulty_bits, batch.outcomes.back().faulty_bits);
    for (std::size_t size = 0; size < bytes.size(); size += 97) {
        EXPECT_THROW(decode(bytes.substr(0, size)), std::runtime_error);
    }
    EXPECT_THROW(decode(bytes + "x"), std::runtime_error);
    EXPECT_THROW(decode(std::string(64, '\xff')), std::runtime_error);
}

}  // namespace
}  // namespace fluence::campaign
