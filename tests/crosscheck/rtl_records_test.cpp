// The array models against measurements on others' RTL: every record of the sample files.
#include <gtest/gtest.h>

#include <string>

#include "sim/crosscheck/crosscheck.h"

namespace {

using namespace fluence::crosscheck;

const std::string kRecords = std::string(FLUENCE_TEST_DATA) + "/rtl/";

FileResult checked(const std::string& file) {
    FileResult result = crosscheck(read_records(kRecords + file));
    for (const std::string& line : result.disagreements) {
        ADD_FAILURE() << line;
    }
    return result;
}

class RtlRecords : public testing::TestWithParam<const char*> {};

TEST_P(RtlRecords, EveryUpsetChangesTheSameOutputsAtBothFidelities) {
    const FileResult result = checked(GetParam());
    ASSERT_FALSE(result.sites.empty());
    for (const auto& [site, tally] : result.sites) {
        EXPECT_GE(tally.records, 5) << site;
        EXPECT_EQ(tally.stepped, tally.records) << site;
        EXPECT_EQ(tally.both, tally.control ? 0 : tally.records) << site;
    }
}

INSTANTIATE_TEST_SUITE_P(Samples, RtlRecords,
                         testing::Values("tinytpu_ws_4x4.sample.jsonl", "gemmini_ws_4x4.sample.jsonl",
                                         "gemmini_os_4x4.sample.jsonl", "axis_sa_os_4x4_LM1LA1.sample.jsonl"),
                         [](const auto& sample) {
                             const std::string name = sample.param;
                             return name.substr(0, name.find('.'));
                         });

TEST(RtlRecords, RegistersOfTravellingArraysHoldWhatTheRecordsSay) {
    for (const char* file :
         {"tinytpu_ws_4x4.sample.jsonl", "gemmini_ws_4x4.sample.jsonl", "gemmini_os_4x4.sample.jsonl"}) {
        for (const auto& [site, tally] : checked(file).sites) {
            EXPECT_EQ(tally.registers, tally.records) << file << " " << site;
        }
    }
}

// The AXI-stream array shifts zeros through its operand and product registers behind the last step; under
// central control registers keep their last value, and nothing reads it.
TEST(RtlRecords, RegistersOfTheAxisArrayHoldWhatTheRecordsSayWhileTheyAreRead) {
    const RecordFile file = read_records(kRecords + "axis_sa_os_4x4_LM1LA1.sample.jsonl");
    int idle = 0;
    for (const FaultRecord& fault : file.faults) {
        const Tile& tile = file.cases[fault.experiment].tile;
        const std::int64_t step = fault.edge - tile.stream - fault.r - fault.c;
        const bool moves = fault.site == "act" || fault.site == "wgt" || fault.site == "mul";
        if (moves && step >= tile.k) {
            ++idle;
            EXPECT_EQ(fault.before, 0U) << fault.line;
            EXPECT_TRUE(fault.changed.empty()) << fault.line;
        } else {
            const SteppedTile stepped = step_tile(tile, fault.upset);
            EXPECT_EQ(stepped.before, fault.before) << fault.line;
            EXPECT_EQ(stepped.after, fault.after) << fault.line;
        }
    }
    EXPECT_EQ(idle, 17);
}

TEST(RtlRecords, LatenciesAreTheRecordedOnes) {
    const FileResult result = checked("cycles.sample.jsonl");
    EXPECT_EQ(result.latencies.size(), 28U);
    for (const LatencyTally& latency : result.latencies) {
        EXPECT_TRUE(latency.agrees()) << latency.record.label;
    }
}

}  // namespace
