// The program as a user runs it: `fluence selfcheck`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/apps/program.h"
#include "tests/support/temporary_directory.h"

namespace {

using fluence::test::Finished;
using fluence::test::run_fluence;
using fluence::test::TemporaryDirectory;
using fluence::test::write_file;
using testing::HasSubstr;

// Without the lines of progress, which depend on time.
Finished selfcheck(const std::string& arguments) {
    Finished run = run_fluence("selfcheck " + arguments);
    run.output.erase(0, std::min(run.output.find("Cases by struck site"), run.output.size()));
    return run;
}

TEST(SelfCheckCommand, SummaryIsTheSameForAnyNumberOfJobsAndAfterResuming) {
    const TemporaryDirectory folder;
    const Finished one = selfcheck("--cases 450 --seed 5 --jobs 1");
    EXPECT_EQ(one.exit_code, 0) << one.output;
    EXPECT_THAT(one.output, HasSubstr("selfcheck: seed 5, 450 cases, "));
    EXPECT_THAT(one.output, HasSubstr(" machines: 0 mismatches\n"));
    EXPECT_EQ(selfcheck("--cases 450 --seed 5 --jobs 3").output, one.output);
    const std::string resume = " --seed 5 --jobs 2 --resume " + folder.file("state.json");
    EXPECT_EQ(selfcheck("--cases 400" + resume).exit_code, 0);
    EXPECT_EQ(selfcheck("--cases 450" + resume).output, one.output);
    EXPECT_EQ(selfcheck("--cases 450" + resume).output, one.output);  // nothing left to do
}

TEST(SelfCheckCommand, ComparesMachinesOfWords) {
    const auto tally = [](const std::string& arguments) {
        Finished run =
            run_fluence("selfcheck --format fxp16,fxp32,bf16,fp32 --cases 200 --seed 6" + arguments);
        EXPECT_EQ(run.exit_code, 0) << run.output;
        return run.output.substr(std::min(run.output.find("Machines drawn"), run.output.size()));
    };
    const std::string one = tally(" --jobs 1");
    EXPECT_THAT(one, HasSubstr("selfcheck: seed 6, 200 cases ("));
    EXPECT_THAT(one, HasSubstr(" on 8 machines: 0 mismatches\n"));
    EXPECT_EQ(tally(" --jobs 2"), one);
    EXPECT_THAT(run_fluence("selfcheck --format fp32 --seed 6 --replay 3").output,
                HasSubstr("both fidelities agree"));
    for (const char* wrong : {"--format fxp8", "--format int4", "--format int8,fxp16",
                              "--format fp32 --resume state.json", "--format fp32 --replay case.json"}) {
        EXPECT_EQ(run_fluence(std::string("selfcheck ") + wrong).exit_code, 2) << wrong;
    }
}

TEST(SelfCheckCommand, ReplaysCasesByNumber) {
    const Finished number = run_fluence("selfcheck --replay 7 --seed 5");
    EXPECT_EQ(number.exit_code, 0) << number.output;
    EXPECT_THAT(number.output, HasSubstr("both fidelities agree\n"));
    EXPECT_THAT(number.output, HasSubstr("upset of "));
}

TEST(SelfCheckCommand, RefusesBadInput) {
    const TemporaryDirectory folder;
    EXPECT_EQ(run_fluence("selfcheck --cases 0").exit_code, 2);
    EXPECT_EQ(run_fluence("selfcheck --jobs -1").exit_code, 2);
    EXPECT_EQ(run_fluence("selfcheck --replay " + folder.file("no.json")).exit_code, 2);
    write_file(folder.file("case.json"), R"({"format": "other"})");
    const Finished format = run_fluence("selfcheck --replay " + folder.file("case.json"));
    EXPECT_EQ(format.exit_code, 2);
    EXPECT_THAT(format.output, HasSubstr("case.json: format: "));
}

}  // namespace
