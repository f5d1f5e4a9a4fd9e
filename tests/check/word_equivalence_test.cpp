// Machines of words: the tile level's answers are those of the register-true machine, in every format.
#include <gtest/gtest.h>

#include <iostream>

#include "sim/check/word_check.h"
#include "tests/check/agreement.h"

namespace fluence::check {
namespace {

constexpr std::uint64_t kSeed = 20261124;
constexpr int kMachines = 120;

class MachinesOfWords : public testing::TestWithParam<workloads::WordFormat> {};

TEST_P(MachinesOfWords, FastAndSteppedMachineAgree) {
    WordCheckOptions options;
    options.formats = {GetParam()};
    options.seed = kSeed;
    const int machines = test::machines_of_run(kMachines);
    options.cases = machines * kWordCasesPerMachine;
    WordTally tally;
    for (int machine = 0; machine < machines; ++machine) {
        const WordReport report = check_word_machine(options, machine);
        for (const WordMismatch& mismatch : report.mismatches) {
            ADD_FAILURE() << "seed " << kSeed << ", case " << mismatch.number << ": " << mismatch.difference;
        }
        ASSERT_FALSE(testing::Test::HasFailure());
        tally.cases += report.tally.cases;
        tally.upsets += report.tally.upsets;
        tally.changed += report.tally.changed;
        tally.corrected += report.tally.corrected;
        tally.detected += report.tally.detected;
        tally.aborted += report.tally.aborted;
    }
    std::cout << "seed " << kSeed << ", " << tally.cases << " cases, " << tally.upsets << " upsets, "
              << tally.changed << " with changed values, codes corrected in " << tally.corrected
              << ", detected in " << tally.detected << ", aborted " << tally.aborted << "\n";
    EXPECT_EQ(tally.cases, options.cases);
    EXPECT_GT(tally.changed, tally.cases / 8);
    EXPECT_GT(tally.corrected, tally.cases / 50);
    EXPECT_GT(tally.detected, tally.cases / 60);
    EXPECT_GT(tally.aborted, tally.cases / 400);
}

INSTANTIATE_TEST_SUITE_P(Formats, MachinesOfWords,
                         testing::Values(workloads::WordFormat::fxp16, workloads::WordFormat::fxp32,
                                         workloads::WordFormat::bf16, workloads::WordFormat::fp32),
                         [](const auto& row) { return workloads::name_of(row.param); });

// A case is the same alone and among the others of its machine.
TEST(MachinesOfWordsCases, AreDrawnByTheirNumber) {
    WordCheckOptions options;
    options.formats = {workloads::WordFormat::fxp16, workloads::WordFormat::fp32};
    options.seed = 5;
    options.cases = 2 * kWordCasesPerMachine;
    options.jobs = 1;
    const WordReport one = run_word_check(options);
    options.jobs = 2;
    const WordReport two = run_word_check(options);
    EXPECT_EQ(one.tally.cases, options.cases);
    EXPECT_EQ(one.tally.upsets, two.tally.upsets);
    EXPECT_EQ(one.tally.changed, two.tally.changed);
    EXPECT_EQ(one.tally.corrected, two.tally.corrected);
    EXPECT_EQ(one.tally.detected, two.tally.detected);
    EXPECT_EQ(one.tally.aborted, two.tally.aborted);
    std::int64_t upsets = 0;
    for (std::int64_t i = 0; i < options.cases; ++i) {
        const WordCase drawn = word_case(options, i);
        upsets += static_cast<std::int64_t>(drawn.upsets.size());
        EXPECT_EQ(compare_words(drawn), "") << "case " << i;
    }
    EXPECT_EQ(upsets, one.tally.upsets);
}

}  // namespace
}  // namespace fluence::check
