// `fluence crosscheck` as a user runs it: last line, exit code, and one clear line for damaged input.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tests/apps/program.h"
#include "tests/support/temporary_directory.h"

namespace {

using fluence::test::Finished;
using fluence::test::read_file;
using fluence::test::run_fluence;
using fluence::test::TemporaryDirectory;
using fluence::test::write_file;
using nlohmann::json;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

const std::string kRecords = std::string(FLUENCE_TEST_DATA) + "/rtl/";

std::vector<json> lines_of(const std::string& file) {
    std::istringstream stream(read_file(kRecords + file));
    std::vector<json> lines;
    for (std::string line; std::getline(stream, line);) {
        lines.push_back(json::parse(line));
    }
    return lines;
}

class CrosscheckCommand : public testing::Test {
  protected:
    Finished run_lines(const std::vector<json>& lines) {
        std::string text;
        for (const json& line : lines) {
            text += line.dump() + "\n";
        }
        return run_text(text);
    }
    Finished run_text(const std::string& text) {
        write_file(folder_.file("records.jsonl"), text);
        return run_fluence("crosscheck " + folder_.file("records.jsonl"));
    }
    // Exit code 2 and one line that names the file and `where`.
    void expect_refused(const std::vector<json>& lines, const std::string& where) {
        const Finished run = run_lines(lines);
        EXPECT_EQ(run.exit_code, 2) << run.output;
        EXPECT_THAT(run.output, HasSubstr("records.jsonl:" + where));
        EXPECT_EQ(std::count(run.output.begin(), run.output.end(), '\n'), 1) << run.output;
    }

    TemporaryDirectory folder_;
};

TEST_F(CrosscheckCommand, EndsWithTheCountsAndZeroWhereAllAgree) {
    const Finished one = run_fluence("crosscheck " + kRecords + "gemmini_ws_4x4.sample.jsonl");
    EXPECT_EQ(one.exit_code, 0);
    EXPECT_THAT(one.output, EndsWith("\ncrosscheck: 89 of 89 data-register records agree, 28 of 28 control "
                                     "records agree\n"));
    const Finished all = run_fluence("crosscheck " + kRecords + "*.jsonl");
    EXPECT_EQ(all.exit_code, 0);
    EXPECT_THAT(all.output, HasSubstr("latencies: 28 of 28 agree\n"));
    EXPECT_THAT(all.output, HasSubstr("register contents: 388 of 388 as recorded before and after the "
                                      "upset\n"));
    EXPECT_THAT(all.output, EndsWith("\ncrosscheck: 304 of 304 data-register records agree, 84 of 84 control "
                                     "records agree\n"));
}

TEST_F(CrosscheckCommand, CountsAnAlteredRecordAndFails) {
    std::vector<json> lines = lines_of("tinytpu_ws_4x4.sample.jsonl");
    lines[2]["changed"][0][3] = lines[2]["changed"][0][3].get<int>() + 1;
    const Finished run = run_lines(lines);
    EXPECT_EQ(run.exit_code, 1);
    EXPECT_THAT(run.output, HasSubstr("records.jsonl:3: act(3,1) bit 5 edge 8, stepped"));
    EXPECT_THAT(run.output, HasSubstr("records.jsonl:3: act(3,1) bit 5 edge 8, by formula"));
    EXPECT_THAT(run.output, EndsWith("\ncrosscheck: 55 of 56 data-register records agree, 28 of 28 control "
                                     "records agree\n"));
}

// Nor do contents of registers decide the exit code.
TEST_F(CrosscheckCommand, CountsContentsOfRegisters) {
    std::vector<json> lines = lines_of("axis_sa_os_4x4_LM1LA1.sample.jsonl");
    lines[2]["before"] = lines[2]["before"].get<std::int64_t>() ^ 1;
    const Finished run = run_lines(lines);
    EXPECT_EQ(run.exit_code, 0);
    EXPECT_THAT(run.output, HasSubstr("records.jsonl:3: "));
    EXPECT_THAT(run.output, HasSubstr("register contents: 69 of 70 as recorded before and after"));
}

// Control records do not decide the exit code; a fault-free product does.
TEST_F(CrosscheckCommand, CountsControlRecordsApart) {
    std::vector<json> lines = lines_of("tinytpu_ws_4x4.sample.jsonl");
    for (json& line : lines) {
        if (line.value("site", "") == "w_valid" && line["changed"].empty()) {
            line["changed"].push_back({0, 0, lines[1]["C"][0][0], 1});
            break;
        }
    }
    const Finished run = run_lines(lines);
    EXPECT_EQ(run.exit_code, 0);
    EXPECT_THAT(run.output,
                EndsWith("56 of 56 data-register records agree, 27 of 28 control records agree\n"));
}

TEST_F(CrosscheckCommand, FailsWhereTheFaultFreeProductDiffers) {
    std::vector<json> lines = lines_of("tinytpu_ws_4x4.sample.jsonl");
    lines.resize(3);
    lines[2]["changed"] = json::array();
    lines[1]["A"][0][0] = 100;
    const Finished run = run_lines(lines);
    EXPECT_EQ(run.exit_code, 1);
    EXPECT_THAT(run.output, HasSubstr("the fault-free product of tinytpu_ws_4x4_c0 differs"));
}

TEST_F(CrosscheckCommand, FailsWhereALatencyDiffers) {
    std::vector<json> lines = lines_of("cycles.sample.jsonl");
    lines[3]["cycles_total"] = lines[3]["cycles_total"].get<int>() + 1;
    const Finished run = run_lines(lines);
    EXPECT_EQ(run.exit_code, 1);
    EXPECT_THAT(run.output, HasSubstr("latencies: 27 of 28 agree\n"));
    EXPECT_THAT(run.output,
                EndsWith("\ncrosscheck: 0 of 0 data-register records agree, 0 of 0 control records agree\n"));
}

TEST_F(CrosscheckCommand, SkipsUnknownKeysAndReadsSeveralCases) {
    std::vector<json> lines = lines_of("gemmini_os_4x4.sample.jsonl");
    std::vector<json> twice = lines;
    for (std::size_t i = 1; i < lines.size(); ++i) {
        json again = lines[i];
        again["case"] = "another";
        again["remark"] = {1, 2, 3};
        twice.push_back(again);
    }
    const Finished run = run_lines(twice);
    EXPECT_EQ(run.exit_code, 0);
    EXPECT_THAT(run.output,
                EndsWith("178 of 178 data-register records agree, 56 of 56 control records agree\n"));
}

// By hand: PE (1,0) computes C[1][1] = 7·13 + 11·19; in its second product register stands 7·13 at edge
// 3 + 1 + 1, while the first one holds 11·19 = 209, in which bit 1 is 0.
TEST_F(CrosscheckCommand, FindsTheMultiplierStageThatWasStruck) {
    const json meta = {{"type", "meta"}, {"design", "axis_sa_os"}, {"rows", 2}, {"cols", 2}, {"LM", 2},
                       {"LA", 2}};
    const json tile = {{"type", "case"},
                       {"case", "x"},
                       {"M", 2},
                       {"K", 2},
                       {"N", 2},
                       {"A", {{3, 5}, {7, 11}}},
                       {"B", {{2, 13}, {17, 19}}},
                       {"C", {{91, 134}, {201, 300}}},
                       {"edge_stream", 3}};
    json fault = {{"type", "fault"}, {"case", "x"}, {"site", "mul"}, {"r", 1},     {"c", 0},
                  {"bit", 1},        {"edge", 5},   {"before", 91},  {"after", 89}};
    fault["changed"] = json::array({json::array({1, 1, 300, 298})});
    const Finished run = run_lines({meta, tile, fault});
    EXPECT_EQ(run.exit_code, 0) << run.output;
    EXPECT_THAT(run.output, HasSubstr("1 of 1 data-register records agree"));
}

TEST_F(CrosscheckCommand, NamesFileAndLineOfDamagedInput) {
    const std::vector<json> good = lines_of("axis_sa_os_4x4_LM1LA1.sample.jsonl");
    const auto altered = [&](std::size_t line, const std::string& key, const json& value) {
        std::vector<json> lines = good;
        lines[line][key] = value;
        return lines;
    };
    expect_refused(altered(0, "design", "leotpu"), "1: design: there is no design \"leotpu\"");
    expect_refused(altered(0, "rows", 0), "1: rows: is 0");
    expect_refused(altered(0, "LM", 99), "1: LM: is 99");
    expect_refused(altered(0, "type", "mate"), "1: type");
    expect_refused(altered(1, "K", 5), "2: A: is no matrix of the case's size");
    expect_refused(altered(1, "M", 5), "2: M: is 5");
    expect_refused(altered(2, "case", "x"), "3: case: there is no case \"x\" above this line");
    expect_refused(altered(3, "site", "valid"), "4: site: the design has no \"valid\"");
    expect_refused(altered(4, "r", 4), "5: r: is 4");
    expect_refused(altered(5, "c", -1), "6: c: is -1");
    expect_refused(altered(6, "bit", 32), "7: bit: is 32");
    expect_refused(altered(7, "edge", "3"), "8: edge: is \"3\"");
    expect_refused(altered(8, "before", -1), "9: before: is -1");
    expect_refused(altered(9, "changed", 0), "10: changed: is no list");
    expect_refused(altered(9, "changed", json::array({1})), "10: changed: has an entry");
    std::vector<json> headless(good.begin() + 1, good.end());
    expect_refused(headless, "1: type: comes before the file's meta line");
    std::vector<json> incomplete = good;
    incomplete[2].erase("edge");
    expect_refused(incomplete, "3: edge: is missing");

    const Finished torn = run_text(read_file(kRecords + "axis_sa_os_4x4_LM1LA1.sample.jsonl") + "{\"type\":");
    EXPECT_EQ(torn.exit_code, 2);
    EXPECT_THAT(torn.output, HasSubstr("records.jsonl:73: is not a line of JSON"));
    const Finished empty = run_text("\n");
    EXPECT_EQ(empty.exit_code, 2);
    EXPECT_THAT(empty.output, HasSubstr("holds no records"));
    EXPECT_EQ(run_fluence("crosscheck /nowhere.jsonl").exit_code, 2);
    EXPECT_EQ(run_fluence("crosscheck").exit_code, 2);
}

}  // namespace
