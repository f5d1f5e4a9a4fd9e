// The program as a user runs it: `fluence replay`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "tests/apps/program.h"
#include "tests/support/temporary_directory.h"

namespace {

using fluence::test::Finished;
using fluence::test::read_file;
using fluence::test::run_fluence;
using fluence::test::TemporaryDirectory;
using testing::HasSubstr;

const std::string kBundle = std::string(FLUENCE_SOURCE_DIR) + "/workloads/pretrained/lenet5-glyphs";

std::string write_list(const TemporaryDirectory& folder, const std::string& lines) {
    const std::string path = folder.file("list.jsonl");
    std::ofstream(path) << R"({"type": "meta", "schema": 1})"
                        << "\n"
                        << lines;
    return path;
}

Finished replay(const std::string& list, const std::string& more = "") {
    return run_fluence("replay " + list + " -w " + kBundle + " -a tiny-8x8 " + more);
}

TEST(ReplayCommand, ExplainsAListAndWritesItAgain) {
    const TemporaryDirectory folder;
    const std::string list = write_list(
        folder,
        R"({"id": "a weight", "site": "dram", "unit": 0, "cycle": 0, "bits": [6]})"
        "\n"
        R"({"id": "two", "image": 1, "upsets": [{"site": "pe_psum", "row": 0, "col": 0, "cycle": 0, "bits": [1]}, {"site": "neuron", "layer": 0, "unit": 3, "bits": [7]}]})"
        "\n");
    const Finished run = replay(list, "--write " + folder.file("again.jsonl"));
    EXPECT_EQ(run.exit_code, 0) << run.output;
    EXPECT_THAT(run.output, HasSubstr("Held the weight of conv1 for output channel 0, k 0"));
    EXPECT_THAT(run.output, HasSubstr("The struck bits hold no value"));
    EXPECT_THAT(run.output, HasSubstr("neuron of conv1"));
    EXPECT_THAT(run.output, HasSubstr("replay: 2 inferences, 0 differ"));
    EXPECT_EQ(replay(folder.file("again.jsonl")).output, run.output.substr(run.output.find('\n') + 1));
}

TEST(ReplayCommand, ADifferenceIsExitCodeOne) {
    const TemporaryDirectory folder;
    const std::string list = write_list(
        folder, R"({"site": "dram", "unit": 0, "cycle": 0, "bits": [6], "expected": {"changed_values": 0}})");
    const Finished run = replay(list, "--quiet");
    EXPECT_EQ(run.exit_code, 1);
    EXPECT_THAT(run.output, HasSubstr("DIFFERENT: changed values: replay "));
    EXPECT_THAT(run.output, HasSubstr(", recorded 0"));
    EXPECT_THAT(run.output, HasSubstr("1 inferences, 1 differ"));
}

TEST(ReplayCommand, RecordedFaultsOfACampaign) {
    const TemporaryDirectory folder;
    ASSERT_EQ(
        run_fluence("run lenet5-glyphs --faults 300 --images 4 -j 1 -o " + folder.file("run")).exit_code, 0);
    const std::string results = folder.file("run") + "/results.sqlite";
    for (const int fault : {0, 83, 299}) {
        for (const char* policy : {"none", "secded"}) {
            const Finished run =
                run_fluence("replay " + results + " --fault " + std::to_string(fault) + " -p " + policy);
            EXPECT_EQ(run.exit_code, 0) << run.output;
            EXPECT_THAT(run.output, HasSubstr("fault " + std::to_string(fault) + ": "));
        }
    }
    EXPECT_EQ(run_fluence("replay " + results).exit_code, 2);
    EXPECT_EQ(run_fluence("replay " + results + " --fault 300").exit_code, 2);
    EXPECT_EQ(run_fluence("replay " + results + " --fault 0 -p nosuch").exit_code, 2);
}

TEST(ReplayCommand, BadRequestsAreOneLineAndExitCode2) {
    const TemporaryDirectory folder;
    const std::string good = write_list(folder, "");
    for (const std::string& arguments :
         {std::string("replay"), "replay /none -w " + kBundle, "replay " + good,
          "replay " + good + " -w " + kBundle + " --fidelity slow",
          "replay " + good + " -w " + kBundle + " --fault 3", "replay " + good + " -w /none"}) {
        const Finished run = run_fluence(arguments);
        EXPECT_EQ(run.exit_code, 2) << arguments << run.output;
        EXPECT_EQ(run.output.find('\n', run.output.find("error: ")), run.output.size() - 1) << run.output;
    }
}

}  // namespace
