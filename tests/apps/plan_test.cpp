// `fluence plan`: the published table without an experiment, and an experiment's own fault space.
#include <gmock/gmock.h>

#include <string>

#include "tests/apps/program.h"

namespace {

using fluence::test::Finished;
using fluence::test::run_fluence;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;

TEST(Plan, PrintsThePublishedTable) {
    const Finished table = run_fluence("plan");
    EXPECT_EQ(table.exit_code, 0);
    EXPECT_THAT(table.output, AllOf(ContainsRegex("95 % +5 % +385\n"), ContainsRegex("95 % +1 % +9,604\n"),
                                    ContainsRegex("99 % +5 % +664\n"), ContainsRegex("99 % +1 % +16,590\n"),
                                    ContainsRegex("99 % +0.1 % +1,658,945\n")));
    EXPECT_THAT(run_fluence("plan --margin 0.05 --population 10000").output, ContainsRegex("5 % +370\n"));
}

TEST(Plan, MeasuresAnExperiment) {
    const Finished plan = run_fluence("plan lenet5-glyphs --seconds 0.2 -j 2 --margin 0.01");
    EXPECT_EQ(plan.exit_code, 0) << plan.output;
    EXPECT_THAT(plan.output, AllOf(ContainsRegex("Fault space: [0-9,]+ bits x [0-9,]+ cycles x 500 images"),
                                   ContainsRegex("95 % +1 % +9,604 +[0-9.]+ (s|min)"),
                                   HasSubstr("The experiment's 100,000 faults: margin 0.310 % at 95 %")));
}

TEST(Plan, ImpossibleRequestsAreNamed) {
    for (const char* wrong : {"--margin 0", "--confidence 1", "--population 0.5", "--proportion 2"}) {
        const Finished refused = run_fluence(std::string("plan ") + wrong);
        EXPECT_EQ(refused.exit_code, 2) << wrong;
        EXPECT_THAT(refused.output, HasSubstr("error: fluence plan: --")) << wrong;
    }
}

}  // namespace
