// What every row of the registry of parts promises. The engine's part of it (clean data unchanged in whole
// networks) is tested where networks run.
#include <gtest/gtest.h>

#include "sim/accel/area.h"
#include "sim/core/config_search.h"
#include "sim/protect/checksum.h"
#include "sim/protect/memory_code.h"
#include "sim/protect/registry.h"
#include "tests/support/random_graph.h"

namespace {

using fluence::Cycles;
using fluence::RandomPurpose;
using fluence::RandomStream;
using fluence::protect::load_policy;
using fluence::protect::parse_policy;
using fluence::protect::part_registry;
using fluence::protect::PartInfo;
using fluence::protect::Point;
using fluence::protect::Policy;
using nlohmann::json;

// A policy of this part alone, with the detector that a suppressor needs.
Policy policy_with(const PartInfo& part) {
    json value = {{"name", "contract"}};
    value[name_of(part.point)].push_back(json::parse(part.example));
    if (std::string(part.name) == "zero-on-detection") {
        value["mac_output"].push_back({{"part", "linear-checksum"}});
    }
    if (std::string(part.name) == "due-rerun") {
        value["activation"].push_back({{"part", "relu-check"}});
    }
    return parse_policy(value, part.name);
}

class PartContract : public testing::TestWithParam<PartInfo> {};

TEST_P(PartContract, TheExampleIsReadAndWrittenBack) {
    const PartInfo& part = GetParam();
    const Policy policy = policy_with(part);
    std::vector<json> written = part.write(part, policy);
    ASSERT_EQ(written.size(), 1u);
    written[0]["part"] = part.name;
    EXPECT_EQ(written[0], json::parse(part.example)) << "the example shows every key";
    EXPECT_TRUE(part.write(part, Policy()).empty());
    EXPECT_FALSE(std::string(part.summary).empty());
}

TEST_P(PartContract, StatesItsCycles) {
    const auto timing = timing_of(policy_with(GetParam()));
    for (const std::int32_t cycles : timing.decode_cycles) {
        EXPECT_GE(cycles, 0);
        EXPECT_LE(cycles, 4);
    }
    EXPECT_GE(timing.vector_pipeline, Cycles(0));
    EXPECT_LE(timing.vector_pipeline, Cycles(8));
}

TEST_P(PartContract, StatesItsArea) {
    const auto config = fluence::read_accelerator(fluence::find_config("accelerators", "edge-16x16"));
    const auto with = fluence::accel::area_of(config, policy_with(GetParam()));
    const auto without = fluence::accel::area_of(config, load_policy("none"));
    EXPECT_GT(with.area, without.area);
    EXPECT_LT(with.area / without.area, 2.0);
    EXPECT_NEAR(fluence::cost::added_area(with).count(), (with.area - without.area).count(), 1e-3);
}

TEST_P(PartContract, CleanWordsPassAndDeclaredErrorsAreHandled) {
    const Policy policy = policy_with(GetParam());
    RandomStream random(11, RandomPurpose::testing, 0);
    for (const auto& memory : policy.memory) {
        const auto& code = fluence::protect::memory_code(memory.code);
        constexpr int k = 64;
        fluence::WordBits data(random.next64());
        const auto clean = code.decode(code.encode(data, k), k);
        EXPECT_EQ(clean.data, data);
        EXPECT_FALSE(clean.corrected || clean.detected);
        for (int bit = 0; bit < k + code.check_bits(k); ++bit) {
            fluence::WordBits stored = code.encode(data, k);
            stored.flip(static_cast<std::size_t>(bit));
            const auto read = code.decode(stored, k);
            EXPECT_EQ(read.corrected, code.strength().corrects >= 1);
            EXPECT_TRUE(!read.corrected || read.data == data);
            EXPECT_EQ(read.corrected || read.detected, code.strength().detects >= 1);
        }
    }
}

// A fault-free layer raises no alarm; any single wrong accumulator does, where there is a checksum.
TEST_P(PartContract, ChecksumsAreSilentOnCleanLayersAndSeeEverySingleError) {
    const Policy policy = policy_with(GetParam());
    fluence::AcceleratorConfig config;
    RandomStream random(12, RandomPurpose::testing, 0);
    for (int trial = 0; trial < 20; ++trial) {
        const fluence::workloads::Graph graph = fluence::test::random_graph(random);
        config.array.cols = 1 + static_cast<int>(random.below(8));
        for (std::size_t i = 0; i < graph.layers.size(); ++i) {
            fluence::arith::LayerFault fault;
            fault.layer = fluence::layer_id(i);
            EXPECT_FALSE(apply_checksum(policy, graph, config, fault).detected);
            if (!graph.layers[i].has_macs()) {
                continue;
            }
            const auto outputs =
                static_cast<std::uint64_t>(graph.tensor(graph.layers[i].output).shape.elements());
            const auto delta = static_cast<std::int32_t>(std::uint32_t{1} << random.below(32));
            const auto struck = static_cast<std::int64_t>(random.below(outputs));
            fault.accumulators = {{struck, delta}};
            const auto verdict = apply_checksum(policy, graph, config, fault);
            EXPECT_EQ(verdict.detected, policy.checksum.has_value());
            EXPECT_EQ(verdict.suppressed, policy.zero.has_value() && graph.layers[i].output != graph.logits);
            bool struck_is_zeroed = false;
            for (const auto& forced : fault.forced) {
                ASSERT_LT(forced.index, static_cast<std::int64_t>(outputs));
                struck_is_zeroed = struck_is_zeroed || forced.index == struck;
            }
            EXPECT_EQ(struck_is_zeroed, verdict.suppressed);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Registry, PartContract, testing::ValuesIn(part_registry()), [](const auto& param) {
    std::string name = param.param.name;
    for (char& c : name) {
        c = c == '-' ? '_' : c;
    }
    return name;
});

}  // namespace
