// The program as a user runs it: `fluence simulate`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "tests/apps/program.h"
#include "tests/apps/small_bundle.h"
#include "tests/support/random_word_bundle.h"
#include "tests/support/temporary_directory.h"
#include "workloads/word_bundle.h"

namespace {

using fluence::test::Finished;
using fluence::test::read_file;
using fluence::test::run_fluence;
using fluence::test::TemporaryDirectory;
using nlohmann::json;
using testing::HasSubstr;

Finished simulate(const std::string& arguments) {
    return run_fluence("simulate " + arguments);
}

// A small residual network with one image.
std::string write_bundle(const TemporaryDirectory& folder) {
    return fluence::test::write_small_bundle(folder, fluence::test::resnet_like_graph);
}

TEST(SimulateCommand, table_csv_and_json_agree) {
    const TemporaryDirectory folder;
    const Finished run = simulate("--bundle " + write_bundle(folder) + " -a tiny-8x8 --csv " +
                                  folder.file("a.csv") + " --json " + folder.file("a.json") + " --records " +
                                  folder.file("r.csv") + " --residency " + folder.file("b.csv"));
    ASSERT_EQ(run.exit_code, 0) << run.output;
    const json value = json::parse(read_file(folder.file("a.json")));
    const std::int64_t cycles = value.at("cycles");
    EXPECT_GT(cycles, 0);
    EXPECT_THAT(run.output, HasSubstr("total"));
    EXPECT_THAT(run.output, HasSubstr(std::to_string(cycles)));
    EXPECT_DOUBLE_EQ(value.at("milliseconds").get<double>(), static_cast<double>(cycles) / 200e3);
    EXPECT_EQ(value.at("layers").back().at("end"), cycles);

    std::istringstream lines(read_file(folder.file("a.csv")));
    std::string line;
    std::getline(lines, line);
    EXPECT_THAT(line, testing::StartsWith("layer,cycles,busy_cycles,"));
    for (const json& layer : value.at("layers")) {
        ASSERT_TRUE(std::getline(lines, line));
        EXPECT_THAT(
            line, testing::StartsWith(layer.at("layer").get<std::string>() + "," + layer.at("cycles").dump() +
                                      "," + layer.at("busy_cycles").dump()));
    }
    EXPECT_THAT(read_file(folder.file("r.csv")), HasSubstr("\nfold,0,"));
    EXPECT_THAT(read_file(folder.file("b.csv")), HasSubstr("\nweight_buffer,0,"));
}

TEST(SimulateCommand, traces_are_written_and_change_nothing) {
    const TemporaryDirectory folder;
    const std::string bundle = write_bundle(folder);
    const Finished plain = simulate(bundle + " -a tiny-8x8");
    const Finished traced =
        simulate(bundle + " -a tiny-8x8 --perfetto " + folder.file("t.json") + " --vcd " +
                 folder.file("t.vcd") + " --signals 'array.*' --registers 'array.pe_psum.r0_c0'");
    ASSERT_EQ(traced.exit_code, 0) << traced.output;
    EXPECT_EQ(traced.output.substr(0, plain.output.size()), plain.output);
    const json trace = json::parse(read_file(folder.file("t.json")));
    EXPECT_GT(trace.at("traceEvents").size(), 20u);
    const std::string vcd = read_file(folder.file("t.vcd"));
    EXPECT_THAT(vcd, HasSubstr("$var wire 32"));
    EXPECT_THAT(vcd, HasSubstr("r0_c0"));
    EXPECT_THAT(vcd, testing::Not(HasSubstr("vector_unit")));
}

TEST(SimulateCommand, totals_are_those_of_the_layers) {
    const TemporaryDirectory folder;
    const Finished run =
        simulate(write_bundle(folder) + " -a tiny-8x8 -p secded --json " + folder.file("a.json"));
    ASSERT_EQ(run.exit_code, 0) << run.output;
    const json value = json::parse(read_file(folder.file("a.json")));
    std::int64_t read = 0;
    std::int64_t written = 0;
    std::int64_t unique = 0;
    for (const json& layer : value.at("layers")) {
        read += layer.at("dram_read_words").get<std::int64_t>();
        written += layer.at("dram_write_words").get<std::int64_t>();
        unique += layer.at("unique_words").get<std::int64_t>();
        EXPECT_TRUE(layer.contains("stall_port"));
    }
    const json& traffic = value.at("traffic");
    EXPECT_EQ(traffic.at("dram_read_words"), read);
    EXPECT_EQ(traffic.at("dram_write_words"), written);
    // A tensor with two readers is unique to each of them, and once in the run.
    const std::int64_t once = traffic.at("unique_read_words").get<std::int64_t>() +
                              traffic.at("unique_write_words").get<std::int64_t>();
    EXPECT_LT(once, unique);
    EXPECT_LE(unique, read + written);
    EXPECT_EQ(traffic.at("kept_words"), 0);
    EXPECT_GT(value.at("nand2_eq").get<double>(), value.at("unprotected_nand2_eq").get<double>());
    EXPECT_THAT(run.output, HasSubstr("DRAM, words of 32 bits: " + std::to_string(read) + " read, " +
                                      std::to_string(written) + " written"));
    EXPECT_THAT(run.output, HasSubstr("Energy: "));
    EXPECT_THAT(run.output, HasSubstr("Area: "));
}

TEST(SimulateCommand, a_policy_costs_cycles) {
    const TemporaryDirectory folder;
    const std::string bundle = write_bundle(folder);
    const auto cycles = [&](const std::string& policy) {
        const std::string file = folder.file(policy + ".json");
        EXPECT_EQ(simulate(bundle + " -p " + policy + " --json " + file).exit_code, 0);
        return json::parse(read_file(file)).at("cycles").get<std::int64_t>();
    };
    EXPECT_GT(cycles("secded"), cycles("none"));
}

// Weights move once for a batch: it takes more than one image, and less than its images one by one.
TEST(SimulateCommand, a_batch_costs_less_than_its_images) {
    const TemporaryDirectory folder;
    const std::string bundle = write_bundle(folder);
    const auto report = [&](int images) {
        const std::string file = folder.file(std::to_string(images) + ".json");
        const Finished run = simulate(bundle + " --batch " + std::to_string(images) + " --json " + file);
        EXPECT_EQ(run.exit_code, 0) << run.output;
        return json::parse(read_file(file));
    };
    const json one = report(1);
    const json four = report(4);
    EXPECT_EQ(four.at("images"), 4);
    const std::int64_t cycles = four.at("cycles");
    EXPECT_DOUBLE_EQ(four.at("cycles_per_image").get<double>(), static_cast<double>(cycles) / 4);
    EXPECT_GT(cycles, one.at("cycles").get<std::int64_t>());
    EXPECT_LT(cycles, 4 * one.at("cycles").get<std::int64_t>());
    EXPECT_EQ(simulate(bundle + " --batch 2 --image 0").exit_code, 2);  // the bundle has one image
}

TEST(SimulateCommand, bad_requests_are_one_line_and_exit_code_2) {
    const TemporaryDirectory folder;
    const std::string bundle = write_bundle(folder);
    for (const std::string& arguments :
         {std::string(), folder.file("nothing"), bundle + " -a nosuch", bundle + " -p nosuch",
          bundle + " --image 1", bundle + " --image -1", bundle + " --batch 0",
          bundle + " --batch 1000000000", bundle + " --csv /proc/none/a.csv",
          bundle + " --vcd " + folder.file("v") + " --signals nosuch",
          bundle + " --vcd " + folder.file("v") + " --registers nosuch", bundle + " --registers '*'",
          bundle + " --perfetto /proc/none/a", bundle + " --speed 3"}) {
        const Finished run = simulate(arguments);
        EXPECT_EQ(run.exit_code, 2) << arguments;
        EXPECT_THAT(run.output, HasSubstr("error: ")) << arguments;
        EXPECT_EQ(run.output.find('\n', run.output.find("error: ")), run.output.size() - 1) << arguments;
    }
}

std::string write_bundle_of_words(const TemporaryDirectory& folder, fluence::workloads::WordFormat format) {
    fluence::RandomStream stream(5, fluence::RandomPurpose::testing, 0);
    const std::string path = folder.file(fluence::workloads::name_of(format));
    fluence::workloads::write_word_bundle(fluence::test::random_word_bundle(format, stream, 1), path);
    return path;
}

TEST(SimulateCommand, MachinesOfWords) {
    using fluence::workloads::WordFormat;
    const TemporaryDirectory folder;
    for (const WordFormat format :
         {WordFormat::fxp16, WordFormat::fxp32, WordFormat::bf16, WordFormat::fp32}) {
        const std::string bundle = write_bundle_of_words(folder, format);
        const std::string machine = std::string(" -a edge-16x16-") + fluence::workloads::name_of(format);
        const Finished run = simulate(bundle + machine + " -p secded --json " + folder.file("words.json"));
        ASSERT_EQ(run.exit_code, 0) << run.output;
        EXPECT_GT(json::parse(read_file(folder.file("words.json"))).at("cycles").get<std::int64_t>(), 0);
        const Finished values = simulate(bundle + machine + " --image 0");
        EXPECT_EQ(values.exit_code, 0) << values.output;
        EXPECT_THAT(values.output, HasSubstr("tensors of the register-true machine equal the tile level's"));
        const Finished coded = simulate(bundle + machine + " --image 0 -p secded");
        EXPECT_EQ(coded.exit_code, 0) << coded.output;
        EXPECT_THAT(coded.output, HasSubstr("tensors of the register-true machine equal the tile level's"));
        for (const char* wrong :
             {" --image 1000", " --image 0 -p tmr", " --image 0 --batch 2", " --registers *"}) {
            EXPECT_EQ(simulate(bundle + machine + wrong).exit_code, 2) << wrong;
        }
        const Finished struck = run_fluence("inject " + bundle + " --model seu --faults 300 -j 2" + machine +
                                            " -o " + folder.file("struck"));
        EXPECT_EQ(struck.exit_code, 0) << struck.output;
        EXPECT_THAT(struck.output, HasSubstr("seu: 300 faults (1 upset each)"));
        EXPECT_THAT(read_file(folder.file("struck") + "/faults.csv"), HasSubstr("\n299,"));
        const Finished protect =
            run_fluence("inject " + bundle + " --model seu --faults 300 --policy secded -j 2" + machine +
                        " --sites output_buffer -o " + folder.file("protected"));
        EXPECT_EQ(protect.exit_code, 0) << protect.output;
        EXPECT_THAT(protect.output, AllOf(HasSubstr(" under secded, seu: 300 faults"), HasSubstr("sdc"),
                                          HasSubstr("Codes corrected in ")));
        const json summary = json::parse(read_file(folder.file("protected") + "/summary.json"));
        EXPECT_EQ(summary.at("policy").at("name"), "secded");
        EXPECT_EQ(summary.at("shares").at("sdc").at("count"), 0);
        const Finished refused =
            run_fluence("inject " + bundle + " --model seu --policy checksum-zero" + machine);
        EXPECT_EQ(refused.exit_code, 2) << refused.output;
        EXPECT_THAT(refused.output, HasSubstr("policy checksum-zero: mac_output: has linear-checksum"));
        const Finished other = simulate(bundle + " -a edge-16x16");
        EXPECT_EQ(other.exit_code, 2);
        EXPECT_THAT(other.output, HasSubstr("format: is int8, the bundle's is "));
    }
    const Finished codes = simulate(write_bundle(folder) + " -a edge-16x16-fxp16");
    EXPECT_EQ(codes.exit_code, 2);
    EXPECT_THAT(codes.output, HasSubstr("format: is fxp16: this bundle needs a machine of int8"));
}

}  // namespace
