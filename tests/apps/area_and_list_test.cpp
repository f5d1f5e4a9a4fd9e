// The program as a user runs it: `fluence area` and `fluence list`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

namespace {

using nlohmann::json;
using testing::HasSubstr;

struct Finished {
    int exit_code = -1;
    std::string output;  // both streams
};

Finished fluence(const std::string& arguments) {
    Finished run;
    FILE* pipe = popen((std::string(FLUENCE_BINARY) + " " + arguments + " 2>&1").c_str(), "r");
    EXPECT_NE(pipe, nullptr);
    std::array<char, 4096> chunk{};
    for (std::size_t got = 0; (got = fread(chunk.data(), 1, chunk.size(), pipe)) > 0;) {
        run.output.append(chunk.data(), got);
    }
    run.exit_code = WEXITSTATUS(pclose(pipe));
    return run;
}

TEST(AreaCommand, AUnitIsOneLineOfJson) {
    const Finished run = fluence("area --unit dff --width 8 --json");
    EXPECT_EQ(run.exit_code, 0);
    EXPECT_EQ(run.output.find('\n'), run.output.size() - 1);
    const json line = json::parse(run.output);
    EXPECT_EQ(line.at("unit"), "dff");
    EXPECT_EQ(line.at("width"), 8);
    EXPECT_EQ(line.at("ffs"), 8);
    EXPECT_NEAR(line.at("nand2_eq").get<double>(), 8 * 4.522 / 0.798, 0.01);
}

TEST(AreaCommand, AMachineIsATreeWithItsOverhead) {
    const Finished run = fluence("area --accelerator edge-16x16 --policy secded --json");
    ASSERT_EQ(run.exit_code, 0);
    const json value = json::parse(run.output);
    EXPECT_EQ(value.at("policy"), "secded");
    EXPECT_NEAR(
        value.at("overhead_percent").get<double>(),
        100 * (value.at("nand2_eq").get<double>() / value.at("unprotected_nand2_eq").get<double>() - 1),
        1e-9);
    EXPECT_EQ(value.at("dram_check_percent"), 12.5);
    EXPECT_GE(value.at("tree").at("parts").size(), 6u);
    EXPECT_THAT(fluence("area --accelerator edge-16x16").output, HasSubstr("overhead 0.00 %"));
}

TEST(AreaCommand, BadRequestsAreOneLineAndExitCode2) {
    for (const char* arguments :
         {"area", "area --unit alu --width 8", "area --unit dff", "area --unit dff --width 0",
          "area --accelerator nowhere", "area --accelerator edge-16x16 --policy nothing", "list nonsense"}) {
        const Finished run = fluence(arguments);
        EXPECT_EQ(run.exit_code, 2) << arguments;
        EXPECT_THAT(run.output, HasSubstr("(valid: ")) << arguments;
        EXPECT_EQ(run.output.find('\n'), run.output.size() - 1) << run.output;
    }
}

TEST(ListCommand, PrintsEveryTableOrOne) {
    const Finished all = fluence("list");
    EXPECT_EQ(all.exit_code, 0);
    for (const char* name :
         {"edge-16x16", "secded", "seu", "weight-stationary", "linear-checksum", "csum_col_pe"}) {
        EXPECT_THAT(all.output, HasSubstr(name));
    }
    const Finished policies = fluence("list policies");
    EXPECT_THAT(policies.output, HasSubstr("ranger-channel"));
    EXPECT_THAT(policies.output, Not(HasSubstr("edge-16x16")));
}

}  // namespace
