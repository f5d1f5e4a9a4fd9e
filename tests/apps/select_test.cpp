// The program as a user runs it: `fluence select`, and a policy that reads what it wrote.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/apps/program.h"
#include "tests/apps/small_bundle.h"
#include "tests/support/temporary_directory.h"

namespace {

using fluence::test::Finished;
using fluence::test::run_fluence;
using fluence::test::TemporaryDirectory;
using nlohmann::json;
using testing::HasSubstr;

std::string write_bundle(const TemporaryDirectory& folder) {
    return fluence::test::write_small_bundle(folder, fluence::test::lenet_like_graph);
}

// LeNet-5 has 61,470 weights: 150 + 2,400 + 48,000 + 10,080 + 840.
TEST(SelectCommand, WritesAPlanThatAPolicyReads) {
    const TemporaryDirectory folder;
    const std::string bundle = write_bundle(folder);
    const Finished made =
        run_fluence("select " + bundle + " --by random --fraction 0.25 -o " + folder.file("plan.json"));
    ASSERT_EQ(made.exit_code, 0) << made.output;
    EXPECT_THAT(made.output, HasSubstr("15368 of 61470 weights (25.001 %)"));
    EXPECT_THAT(made.output, HasSubstr("8-bit parameters"));
    const json plan = json::parse(std::ifstream(folder.file("plan.json")));
    EXPECT_EQ(plan.at("kind"), "weights");
    EXPECT_EQ(plan.at("made"), "random, fraction 0.25, seed 1");
    EXPECT_EQ(plan.at("layers").size(), 5u);
    std::ofstream(folder.file("policy.json"))
        << R"({"name": "p", "memory": [{"part": "selective-ecc", "plan": {"file": "plan.json"}}]})";
    const std::string simulate = "simulate --bundle " + bundle + " -a edge-16x16 -p ";
    const Finished run = run_fluence(simulate + folder.file("policy.json"));
    EXPECT_EQ(run.exit_code, 0) << run.output;
    const Finished area =
        run_fluence("area --machine edge-16x16 --json --policy " + folder.file("policy.json"));
    EXPECT_NEAR(json::parse(area.output).at("dram_check_percent").get<double>(),
                100 * (0.25001 * 4 / 8 + 1.0 / 8 + 4.0 / 64), 0.01);
    for (const char* preset : {"selective-ecc", "flr"}) {
        const Finished other = run_fluence(simulate + preset);
        EXPECT_EQ(other.exit_code, 0) << other.output;
    }
}

// The 22 convolution filters of LeNet-5 take 6·28²·25 + 16·10²·150 = 357,600 of 416,520 MACs; 22 of 236
// filters.
TEST(SelectCommand, SaysWhatDuplicatedFiltersTake) {
    const TemporaryDirectory folder;
    const Finished made =
        run_fluence("select " + write_bundle(folder) + " --kind filters --by macs --fraction 0.0932");
    ASSERT_EQ(made.exit_code, 0) << made.output;
    EXPECT_THAT(made.output, HasSubstr("22 of 236 filters"));
    EXPECT_THAT(made.output, HasSubstr("85.854 % more MACs"));
}

TEST(SelectCommand, BadRequestsAreOneLineAndExitCode2) {
    const TemporaryDirectory folder;
    const std::string bundle = write_bundle(folder);
    for (const std::string& arguments :
         {std::string("select"), "select " + bundle, "select " + bundle + " --fraction 2",
          "select " + bundle + " --fraction 0.1 --kind neurons",
          "select " + bundle + " --fraction 0.1 --by macs",
          "select " + folder.file("nowhere") + " --fraction 0.1"}) {
        const Finished run = run_fluence(arguments);
        EXPECT_EQ(run.exit_code, 2) << arguments;
        EXPECT_EQ(run.output.find('\n'), run.output.size() - 1) << run.output;
    }
}

}  // namespace
