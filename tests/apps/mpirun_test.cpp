// The program as a user runs it on several hosts: `mpirun -n N fluence run`.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/apps/program.h"
#include "tests/support/temporary_directory.h"

namespace {

using fluence::test::Finished;
using fluence::test::read_file;
using fluence::test::run_fluence;
using fluence::test::TemporaryDirectory;

// Ranks share processors, and root may start them, as in a container.
const std::string kMpirun =
    "OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 mpirun --oversubscribe --bind-to none ";

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

}  // namespace
