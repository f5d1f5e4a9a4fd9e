// The program as a user runs it on several hosts: `mpirun -n N fluence run`.
#include <gtest/gtest.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "sim/campaign/result_store.h"

#include "tests/apps/program.h"
#include "tests/support/temporary_directory.h"

namespace {

using fluence::test::Finished;
using fluence::test::read_file;
using fluence::test::run_fluence;
using fluence::test::TemporaryDirectory;

// Ranks share processors, and root may start them, as in a container. What Open MPI itself does not free is
// no finding of a sanitizer's.
const std::string kEnvironment =
    "OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 ASAN_OPTIONS=detect_leaks=0 ";
const std::string kLauncher = "mpirun --oversubscribe --bind-to none ";
const std::string kMpirun = kEnvironment + kLauncher;

std::string arguments_for(const std::string& folder, int faults = 300) {
    return "run lenet5-glyphs --images 20 --faults " + std::to_string(faults) + " -o " + folder;
}

class Mpirun : public testing::Test {
  protected:
    void SetUp() override {
        const auto plugin = std::filesystem::path(FLUENCE_BINARY).parent_path() / "fluence_mpi.so";
        if (std::system("command -v mpirun >/dev/null") != 0 || !std::filesystem::exists(plugin)) {
            GTEST_SKIP()
                << "SKIPPED: Open MPI is not there (libopenmpi-dev, openmpi-bin); nothing about mpirun "
                   "was tested";
        }
    }

    TemporaryDirectory folder_;
};

TEST_F(Mpirun, GivesTheBytesOfOneProcess) {
    ASSERT_EQ(run_fluence(arguments_for(folder_.file("alone")) + " -j 1").exit_code, 0);
    const std::string expected = read_file(folder_.file("alone/results.sqlite"));
    for (const char* how : {"-n 2 ", "-n 3 "}) {
        const std::string output = folder_.file(how[3] + std::string("ranks"));
        const Finished run = run_fluence(arguments_for(output), kMpirun + how);
        EXPECT_EQ(run.exit_code, 0) << run.output;
        EXPECT_EQ(read_file(output + "/results.sqlite"), expected) << how;
    }
}

// Seven shards merged, two ranks and one process.
TEST_F(Mpirun, ShardsRanksAndOneProcessGiveTheSameBytes) {
    ASSERT_EQ(run_fluence(arguments_for(folder_.file("alone")) + " -j 1").exit_code, 0);
    const std::string expected = read_file(folder_.file("alone/results.sqlite"));
    for (int shard = 1; shard <= 7; ++shard) {
        const Finished part =
            run_fluence(arguments_for(folder_.file("cut")) + " -j 1 --shard " + std::to_string(shard) + "/7");
        ASSERT_EQ(part.exit_code, 0) << part.output;
    }
    const Finished merge = run_fluence("merge " + folder_.file("merged.sqlite") + " " +
                                       folder_.file("cut/shards") + "/*-of-7.sqlite");
    EXPECT_EQ(merge.exit_code, 0) << merge.output;
    EXPECT_EQ(read_file(folder_.file("merged.sqlite")), expected);
    EXPECT_EQ(run_fluence(arguments_for(folder_.file("two")), kMpirun + "-n 2 ").exit_code, 0);
    EXPECT_EQ(read_file(folder_.file("two/results.sqlite")), expected);
}

// Processes whose parent is `parent`.
std::vector<pid_t> children_of(pid_t parent) {
    std::vector<pid_t> children;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        const std::string name = entry.path().filename().string();
        if (name.find_first_not_of("0123456789") != std::string::npos) {
            continue;  // no process
        }
        std::ifstream stat(entry.path() / "stat");
        const std::string text{std::istreambuf_iterator<char>(stat), {}};
        const std::size_t name_end = text.rfind(')');
        if (name_end != std::string::npos && name_end + 4 < text.size() &&
            std::atoi(text.c_str() + name_end + 4) == parent) {
            children.push_back(std::atoi(text.c_str()));
        }
    }
    return children;
}

// The variable that tells a process of Open MPI its rank; −1: it has none, or it is gone.
int rank_of(pid_t process) {
    std::ifstream environment("/proc/" + std::to_string(process) + "/environ");
    const std::string text{std::istreambuf_iterator<char>(environment), {}};
    const std::string key = "OMPI_COMM_WORLD_RANK=";
    const std::size_t at = text.find(key);
    return at == std::string::npos ? -1 : std::atoi(text.c_str() + at + key.size());
}

std::int64_t committed_in(const std::string& results) {
    if (!std::filesystem::exists(results + ".partial")) {
        return 0;
    }
    try {
        return fluence::campaign::ResultReader(results).committed();
    } catch (const std::exception&) {
        return 0;  // being created
    }
}

// A rank is killed in the middle: the job ends by itself, what was committed stays, and the same command goes
// on to the bytes of a campaign that nobody disturbed.
TEST_F(Mpirun, AKilledRankLosesOnlyWhatWasNotCommitted) {
    using std::chrono::steady_clock;
    constexpr int kFaults = 60000;
    constexpr std::chrono::seconds kPatience(120);
    ASSERT_EQ(run_fluence(arguments_for(folder_.file("alone"), kFaults) + " -j 2").exit_code, 0);
    const std::string output = folder_.file("killed"), results = output + "/results.sqlite";
    const std::string command = "exec env " + kMpirun + "-n 3 " + FLUENCE_BINARY + " " +
                                arguments_for(output, kFaults) + " >" + folder_.file("log") + " 2>&1";
    const pid_t job = fork();
    if (job == 0) {
        setpgid(0, 0);
        execl("/bin/sh", "sh", "-c", command.c_str(), static_cast<char*>(nullptr));
        _exit(127);
    }
    const auto give_up = steady_clock::now() + kPatience;
    int status = 0;
    pid_t ended = 0;
    bool killed = false;
    while (ended == 0 && steady_clock::now() < give_up) {
        if (!killed && committed_in(results) > 0) {
            for (const pid_t rank : children_of(job)) {
                if (rank_of(rank) == 2) {
                    killed = kill(rank, SIGKILL) == 0;
                }
            }
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        ended = waitpid(job, &status, WNOHANG);
    }
    if (ended == 0) {
        kill(-job, SIGKILL);
        waitpid(job, &status, 0);
    }
    ASSERT_TRUE(killed) << read_file(folder_.file("log"));
    ASSERT_NE(ended, 0) << "the job hung after a rank was killed\n" << read_file(folder_.file("log"));
    EXPECT_FALSE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    const std::int64_t kept = committed_in(results);
    EXPECT_GT(kept, 0);
    const Finished again =
        run_fluence(arguments_for(output, kFaults), kEnvironment + "timeout 300 " + kLauncher + "-n 3 ");
    EXPECT_EQ(again.exit_code, 0) << again.output;
    EXPECT_NE(again.output.find("resuming: "), std::string::npos) << again.output;
    EXPECT_EQ(read_file(results), read_file(folder_.file("alone/results.sqlite")));
}

}  // namespace
