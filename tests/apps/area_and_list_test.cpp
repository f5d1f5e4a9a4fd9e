// The program as a user runs it: `fluence area` and `fluence list`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/apps/program.h"

namespace {

using fluence::test::Finished;
using fluence::test::run_fluence;
using nlohmann::json;
using testing::HasSubstr;

TEST(AreaCommand, AUnitIsOneLineOfJson) {
    const Finished run = run_fluence("area --unit dff --width 8 --json");
    EXPECT_EQ(run.exit_code, 0);
    EXPECT_EQ(run.output.find('\n'), run.output.size() - 1);
    const json line = json::parse(run.output);
    EXPECT_EQ(line.at("unit"), "dff");
    EXPECT_EQ(line.at("width"), 8);
    EXPECT_EQ(line.at("ffs"), 8);
    EXPECT_NEAR(line.at("nand2_eq").get<double>(), 8 * 4.522 / 0.798, 0.01);
}

TEST(AreaCommand, AMachineIsATreeWithItsOverhead) {
    const Finished run = run_fluence("area --machine edge-16x16 --policy secded --json");
    ASSERT_EQ(run.exit_code, 0);
    const json value = json::parse(run.output);
    EXPECT_EQ(value.at("policy"), "secded");
    EXPECT_NEAR(
        value.at("overhead_percent").get<double>(),
        100 * (value.at("nand2_eq").get<double>() / value.at("unprotected_nand2_eq").get<double>() - 1),
        1e-9);
    EXPECT_EQ(value.at("dram_check_percent"), 12.5);
    EXPECT_GE(value.at("tree").at("parts").size(), 6u);
    EXPECT_THAT(run_fluence("area -a edge-16x16 -p none").output, HasSubstr("overhead 0.00 %"));
}

TEST(AreaCommand, BadRequestsAreOneLineAndExitCode2) {
    for (const char* arguments :
         {"area", "area --unit alu --width 8", "area --unit dff", "area --unit dff --width 0",
          "area --accelerator nowhere", "area --accelerator edge-16x16 --policy nothing", "list nonsense"}) {
        const Finished run = run_fluence(arguments);
        EXPECT_EQ(run.exit_code, 2) << arguments;
        EXPECT_THAT(run.output, HasSubstr("(valid: ")) << arguments;
        EXPECT_EQ(run.output.find('\n'), run.output.size() - 1) << run.output;
    }
}

TEST(ListCommand, PrintsEveryTableOrOne) {
    const Finished all = run_fluence("list");
    EXPECT_EQ(all.exit_code, 0);
    for (const char* name :
         {"edge-16x16", "secded", "seu", "weight-stationary", "linear-checksum", "csum_col_pe"}) {
        EXPECT_THAT(all.output, HasSubstr(name));
    }
    const Finished policies = run_fluence("list policies");
    EXPECT_THAT(policies.output, HasSubstr("ranger-channel"));
    EXPECT_THAT(policies.output, Not(HasSubstr("edge-16x16")));
}

}  // namespace
