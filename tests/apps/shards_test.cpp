// The program as a user runs it: shards of a campaign and `fluence merge`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/apps/program.h"
#include "tests/support/temporary_directory.h"

namespace {

using fluence::test::Finished;
using fluence::test::read_file;
using fluence::test::run_fluence;
using fluence::test::TemporaryDirectory;
using testing::HasSubstr;

Finished run(const std::string& folder, const std::string& more = "") {
    return run_fluence("run lenet5-glyphs --faults 300 --images 20 -j 2 -o " + folder + " " + more);
}

TEST(MergeCommand, MakesTheBytesOfTheCampaignRunInOne) {
    const TemporaryDirectory folder;
    ASSERT_EQ(run(folder.file("whole")).exit_code, 0);
    for (const int shard : {3, 1, 2}) {
        const Finished one = run(folder.file("cut"), "--shard " + std::to_string(shard) + "/3");
        EXPECT_EQ(one.exit_code, 0) << one.output;
        EXPECT_THAT(one.output, HasSubstr("/cut/shards/" + std::to_string(shard) + "-of-3.sqlite"));
    }
    const std::string merged = folder.file("cut/results.sqlite");
    const std::string shards = folder.file("cut/shards/");
    EXPECT_THAT(
        run_fluence("merge " + merged + " " + shards + "1-of-3.sqlite " + shards + "3-of-3.sqlite").output,
        HasSubstr("missing are the shards 2/3"));
    const Finished merge = run_fluence("merge " + merged + " " + shards + "*.sqlite");
    EXPECT_EQ(merge.exit_code, 0) << merge.output;
    EXPECT_EQ(read_file(merged), read_file(folder.file("whole/results.sqlite")));
    EXPECT_EQ(run_fluence("merge " + merged + " " + shards + "*.sqlite").exit_code, 2) << "never replaces";
    EXPECT_EQ(run_fluence("merge --force " + merged + " " + shards + "*.sqlite").exit_code, 0);
}

TEST(MergeCommand, BadRequestsAreOneLineAndExitCode2) {
    const TemporaryDirectory folder;
    for (const std::string& arguments :
         {std::string("merge"), "merge " + folder.file("a"), "merge " + folder.file("a") + " /none",
          std::string("run lenet5-glyphs --shard 0/3"), std::string("run lenet5-glyphs --shard 4/3"),
          std::string("run lenet5-glyphs --shard 1"), std::string("run lenet5-glyphs --shard 1/2x"),
          std::string("run lenet5-glyphs --shard 1/1000000 -o ") + folder.file("b")}) {
        const Finished run = run_fluence(arguments);
        EXPECT_EQ(run.exit_code, 2) << arguments << run.output;
        EXPECT_EQ(run.output.find('\n', run.output.find("error: ")), run.output.size() - 1) << run.output;
    }
}

}  // namespace
