// Upset lists: what is written reads back, hand-written lines mean what docs/formats.md says, and bad lines
// are refused by file, line and key.
#include "traces/upset_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "sim/core/error.h"
#include "sim/core/random.h"

namespace fluence::traces {
namespace {

using testing::HasSubstr;

ArrayConfig array_of(int rows, int cols) {
    ArrayConfig array;
    array.rows = rows;
    array.cols = cols;
    array.dataflow = "weight-stationary";
    array.multiplier_stages = 2;
    return array;
}

UpsetList read(const std::string& lines) {
    std::istringstream stream(lines);
    return read_upset_list(stream, "list.jsonl", array_of(4, 8));
}

std::string error_of(const std::string& lines) {
    try {
        read(lines);
    } catch (const InputError& error) {
        return error.what();
    }
    return "no error";
}

const std::string kMeta = "{\"type\": \"meta\", \"schema\": 1}\n";

TEST(UpsetList, HandWrittenLines) {
    const UpsetList list = read(
        R"({"type": "meta", "schema": 1, "workload": "lenet5", "policy": "none"}

{"site": "pe_psum", "row": 2, "col": 3, "cycle": 17, "bits": [0, 31]}
{"id": "pair", "image": 4, "upsets": [{"site": "dram", "unit": 9, "cycle": 0, "bits": [70]}, {"site": "pe_product", "row": 1, "col": 0, "stage": 2, "cycle": 5, "bits": [3]}], "expected": {"outcome": "sdc", "detected": false, "changed_values": 12}}
{"site": "neuron", "layer": 2, "unit": 5, "bits": [7]}
{"site": "pe_valid", "row": 0, "col": 0, "cycle": 0, "bits": [0], "held": 1}
)");
    EXPECT_EQ(list.workload, "lenet5");
    EXPECT_EQ(list.accelerator, "");
    EXPECT_EQ(list.policy, "none");
    ASSERT_EQ(list.groups.size(), 4u);
    const Upset& psum = list.groups[0].upsets.at(0);
    EXPECT_EQ(list.groups[0].id, "line 3");
    EXPECT_EQ(list.groups[0].image, 0);
    EXPECT_EQ(psum.site, SiteKind::pe_psum);
    EXPECT_EQ(psum.unit, 2 * 8 + 3);
    EXPECT_EQ(psum.cycle, 17);
    EXPECT_EQ(psum.bits, WordBits(0x80000001u));
    EXPECT_FALSE(list.groups[0].expected.outcome);
    const UpsetGroup& pair = list.groups[1];
    EXPECT_EQ(pair.id, "pair");
    EXPECT_EQ(pair.image, 4);
    ASSERT_EQ(pair.upsets.size(), 2u);
    EXPECT_EQ(pair.upsets[0].site, SiteKind::dram);
    EXPECT_TRUE(pair.upsets[0].bits[70]);
    EXPECT_EQ(pair.upsets[1].unit, 4 * 8 + 8);  // the second stage lies behind the 32 registers of the first
    EXPECT_EQ(pair.expected.outcome, "sdc");
    EXPECT_EQ(pair.expected.detected, false);
    EXPECT_FALSE(pair.expected.corrected);
    EXPECT_EQ(pair.expected.changed_values, 12);
    EXPECT_EQ(list.groups[2].upsets[0].layer, 2);
    EXPECT_EQ(list.groups[2].upsets[0].held, Held::no);
    EXPECT_EQ(list.groups[3].upsets[0].held, Held::at_1);
}

TEST(UpsetList, WrittenListsReadBack) {
    constexpr std::uint64_t kSeed = 31;
    RandomStream stream(kSeed, RandomPurpose::testing, 0);
    UpsetList list;
    list.workload = "a \"network\"\n";
    list.accelerator = "tiny-8x8";
    for (int g = 0; g < 200; ++g) {
        UpsetGroup group;
        group.id = "group " + std::to_string(g);
        group.image = static_cast<std::int64_t>(stream.below(1000));
        for (std::uint64_t i = 0; i < 1 + stream.below(3); ++i) {
            Upset upset;
            upset.site = static_cast<SiteKind>(stream.below(kSiteKindCount));
            upset.unit = static_cast<std::int64_t>(stream.below(std::uint64_t{1} << 40));
            if (is_value(upset.site)) {
                upset.layer = static_cast<std::int32_t>(stream.below(100));
            } else {
                upset.cycle = static_cast<std::int64_t>(stream.below(std::uint64_t{1} << 50));
            }
            do {
                upset.bits[stream.below(kMaxWordBits)] = true;
            } while (stream.below(3) == 0);
            if (is_disturbance(upset.site)) {
                upset.bits = level_bits(upset.site, stream.uniform());
            }
            if (is_array_register(upset.site)) {
                upset.held = static_cast<Held>(stream.below(kHeldCount));
            }
            group.upsets.push_back(upset);
        }
        if (g % 2 == 0) {
            group.expected.outcome = "masked";
            group.expected.dead = "idle";
            group.expected.corrected = g % 4 == 0;
            group.expected.first_changed_layer = -1;
            group.expected.top1 = g;
        }
        list.groups.push_back(group);
    }
    std::stringstream file;
    write_upset_list(file, list);
    const UpsetList read_back = read_upset_list(file, "list", array_of(4, 8));
    EXPECT_EQ(read_back.workload, list.workload);
    EXPECT_EQ(read_back.accelerator, list.accelerator);
    ASSERT_EQ(read_back.groups.size(), list.groups.size());
    for (std::size_t g = 0; g < list.groups.size(); ++g) {
        SCOPED_TRACE("seed " + std::to_string(kSeed) + " group " + std::to_string(g));
        const UpsetGroup& a = list.groups[g];
        const UpsetGroup& b = read_back.groups[g];
        EXPECT_EQ(a.id, b.id);
        EXPECT_EQ(a.image, b.image);
        EXPECT_EQ(a.expected.outcome, b.expected.outcome);
        EXPECT_EQ(a.expected.dead, b.expected.dead);
        EXPECT_EQ(a.expected.corrected, b.expected.corrected);
        EXPECT_EQ(a.expected.detected, b.expected.detected);
        EXPECT_EQ(a.expected.first_changed_layer, b.expected.first_changed_layer);
        EXPECT_EQ(a.expected.top1, b.expected.top1);
        ASSERT_EQ(a.upsets.size(), b.upsets.size());
        for (std::size_t i = 0; i < a.upsets.size(); ++i) {
            EXPECT_EQ(a.upsets[i].site, b.upsets[i].site);
            EXPECT_EQ(a.upsets[i].unit, b.upsets[i].unit);
            EXPECT_EQ(a.upsets[i].layer, b.upsets[i].layer);
            EXPECT_EQ(a.upsets[i].cycle, b.upsets[i].cycle);
            EXPECT_EQ(a.upsets[i].bits, b.upsets[i].bits);
            EXPECT_EQ(a.upsets[i].held, b.upsets[i].held);
        }
    }
}

TEST(UpsetList, BadLinesAreNamed) {
    const struct {
        std::string line;
        std::vector<std::string> parts;
    } cases[] = {
        {"{", {"line 2", "not valid JSON"}},
        {"[]", {"line 2", "object"}},
        {R"({"site": "pe_sum", "unit": 0, "cycle": 0, "bits": [0]})", {"line 2.site", "pe_sum", "pe_psum"}},
        {R"({"site": "dram", "unit": -1, "cycle": 0, "bits": [0]})", {"line 2.unit", "-1"}},
        {R"({"site": "dram", "unit": 0, "bits": [0]})", {"line 2.cycle", "missing"}},
        {R"({"site": "dram", "unit": 0, "cycle": 0})", {"line 2.bits", "missing"}},
        {R"({"site": "dram", "unit": 0, "cycle": 0, "bits": [0], "held": 1})",
         {"line 2.held", "dram", "registers of the PE array"}},
        {R"({"site": "checksum_psum", "unit": 0, "cycle": 0, "bits": [0], "held": 1})", {"line 2.held"}},
        {R"({"site": "pe_psum", "unit": 0, "cycle": 0, "bits": [0], "held": 2})", {"line 2.held", "2"}},
        {R"({"site": "dram", "unit": 0, "cycle": 0, "bits": []})", {"line 2.bits"}},
        {R"({"site": "dram", "unit": 0, "cycle": 0, "bits": [224]})", {"line 2.bits", "224", "0 to 223"}},
        {R"({"site": "dram", "unit": 0, "cycle": 0, "bits": [1, 1]})", {"line 2.bits", "twice"}},
        {R"({"site": "dram", "unit": 0, "cycle": 0, "bits": [18446744073709551615]})", {"line 2.bits"}},
        {R"({"site": "dram", "row": 0, "col": 0, "cycle": 0, "bits": [1]})", {"line 2.row", "dram"}},
        {R"({"site": "pe_weight", "row": 4, "col": 0, "cycle": 0, "bits": [1]})", {"line 2.row", "0 to 3"}},
        {R"({"site": "pe_weight", "row": 0, "cycle": 0, "bits": [1]})", {"line 2.col", "missing"}},
        {R"({"site": "pe_weight", "row": 0, "col": 0, "unit": 0, "cycle": 0, "bits": [1]})", {"line 2.unit"}},
        {R"({"site": "pe_weight", "row": 0, "col": 0, "stage": 1, "cycle": 0, "bits": [1]})",
         {"line 2.stage"}},
        {R"({"site": "neuron", "unit": 0, "bits": [1]})", {"line 2.layer", "missing"}},
        {R"({"site": "neuron", "unit": 0, "layer": 0, "cycle": 3, "bits": [1]})", {"line 2.cycle"}},
        {R"({"site": "dram", "unit": 0, "cycle": 0, "bits": [1], "bit": 2})", {"line 2.bit"}},
        {R"({"upsets": []})", {"line 2.upsets", "empty"}},
        {R"({"upsets": [{"site": "dram", "unit": 0, "cycle": -5, "bits": [1]}]})", {"upsets", "cycle", "-5"}},
        {R"({"site": "dram", "unit": 0, "cycle": 0, "bits": [1], "expected": {"outcom": "sdc"}})",
         {"line 2.expected.outcom", "outcome"}},
        {R"({"site": "dram", "unit": 0, "cycle": 0, "bits": [1], "expected": {"detected": 1}})",
         {"line 2.expected.detected"}},
    };
    for (const auto& bad : cases) {
        const std::string error = error_of(kMeta + bad.line + "\n");
        EXPECT_THAT(error, HasSubstr("list.jsonl")) << bad.line;
        for (const std::string& part : bad.parts) {
            EXPECT_THAT(error, HasSubstr(part)) << bad.line;
        }
    }
}

TEST(UpsetList, TheMetaLineComesFirst) {
    EXPECT_THAT(error_of(""), HasSubstr("meta line is missing"));
    EXPECT_THAT(error_of(R"({"site": "dram", "unit": 0, "cycle": 0, "bits": [1]})"),
                HasSubstr("line 1.type"));
    EXPECT_THAT(error_of(R"({"type": "meta", "schema": 2})"), HasSubstr("line 1.schema"));
    EXPECT_THAT(error_of(R"({"type": "meta", "schema": 1, "polcy": "none"})"), HasSubstr("line 1.polcy"));
    EXPECT_TRUE(read(kMeta).groups.empty());
}

}  // namespace
}  // namespace fluence::traces
