#include "sim/protect/area.h"

#include <gtest/gtest.h>

#include "sim/core/config_search.h"
#include "sim/cost/logic.h"
#include "sim/cost/sram.h"
#include "sim/protect/memory_code.h"

namespace {

using fluence::AcceleratorConfig;
using fluence::protect::added_area;
using fluence::protect::area_of;
using fluence::protect::AreaNode;
using fluence::protect::load_policy;
using fluence::protect::Policy;

AcceleratorConfig edge() {
    return fluence::read_accelerator(fluence::find_config("accelerators", "edge-16x16"));
}

const AreaNode* find(const AreaNode& node, const std::string& name) {
    if (node.name == name) {
        return &node;
    }
    for (const AreaNode& part : node.parts) {
        if (const AreaNode* found = find(part, name)) {
            return found;
        }
    }
    return nullptr;
}

void expect_sums(const AreaNode& node) {
    double sum = 0;
    for (const AreaNode& part : node.parts) {
        EXPECT_GT(part.area.count(), 0) << part.name;
        EXPECT_TRUE(!node.protection || part.protection) << part.name;
        expect_sums(part);
        sum += part.area.count();
    }
    if (!node.parts.empty()) {
        EXPECT_NEAR(node.area.count(), sum, 1e-6 * sum) << node.name;
    }
}

TEST(Area, EveryNodeIsTheSumOfItsParts) {
    for (const Policy& policy : fluence::protect::preset_policies()) {
        expect_sums(area_of(edge(), policy));
    }
}

TEST(Area, ProtectionIsExactlyWhatThePolicyAdds) {
    const double plain = area_of(edge(), load_policy("none")).area.count();
    for (const Policy& policy : fluence::protect::preset_policies()) {
        const AreaNode tree = area_of(edge(), policy);
        EXPECT_NEAR(tree.area.count() - plain, added_area(tree).count(), 1e-6 * plain) << policy.name;
        EXPECT_EQ(tree.area.count() > plain, policy.name != "none") << policy.name;
    }
}

TEST(Area, PartsFollowFromTheConfiguration) {
    const AreaNode tree = area_of(edge(), load_policy("none"));
    EXPECT_NEAR(find(tree, "PEs")->area.count(),
                256 * fluence::cost::pe_weight_stationary_shadow(8, 32).count(), 1e-6);
    // 32 KiB in two halves of 2048 words of 64 bits.
    EXPECT_NEAR(find(tree, "weight buffer")->area.count(), 2 * fluence::cost::sram(2048, 64).count(), 1e-6);

    AcceleratorConfig plain = edge();
    plain.array.shadow_weights = false;
    EXPECT_LT(area_of(plain, load_policy("none")).area, tree.area);
}

TEST(Area, CodecsFollowThePorts) {
    const AreaNode tree = area_of(edge(), load_policy("parity"));
    // A row of 16 weights is two words of 8; 63 XORs of 2 gates check 64 bits and their parity with one more.
    EXPECT_NEAR(find(*find(tree, "weight buffer"), "parity decoders")->area.count(), 2 * 64 * 2.0, 1e-6);
    // Sixteen rows read a word each.
    EXPECT_NEAR(find(*find(tree, "activation buffer"), "parity decoders")->area.count(), 16 * 64 * 2.0, 1e-6);
    EXPECT_NEAR(find(*find(tree, "DRAM interface"), "parity encoders")->area.count(), 63 * 2.0, 1e-6);
    EXPECT_EQ(find(area_of(edge(), load_policy("none")), "DRAM interface"), nullptr);
}

// Words 0 … 4095 of the weight buffer every 1000 cycles: 12 bits of address, 10 of cycles.
TEST(Area, AScrubberIsTwoCountersAComparatorAndACodec) {
    Policy policy = load_policy("secded");
    policy.memory[index_of(fluence::Memory::weight_buffer)].scrub_period = fluence::Cycles(1000);
    const AreaNode tree = area_of(edge(), policy);
    const AreaNode* scrubber = find(*find(tree, "weight buffer"), "scrubber");
    ASSERT_NE(scrubber, nullptr);
    EXPECT_TRUE(scrubber->protection);
    const auto& code = fluence::protect::memory_code("secded");
    using namespace fluence::cost;
    const double expected = (flipflops(22) + adder(12) + adder(10) + equality_comparator(10) +
                             code.encoder_area(64) + code.decoder_area(64))
                                .count();
    EXPECT_NEAR(scrubber->area.count(), expected, 0.02 * expected);
    EXPECT_EQ(find(*find(tree, "activation buffer"), "scrubber"), nullptr);
    EXPECT_NEAR(tree.area.count() - area_of(edge(), load_policy("secded")).area.count(),
                scrubber->area.count(), 1e-6);
}

TEST(Area, TheChecksumColumnIsASmallPartOfTheArray) {
    const AreaNode tree = area_of(edge(), load_policy("checksum-zero"));
    const AreaNode* checksum = find(tree, "checksum");
    ASSERT_NE(checksum, nullptr);
    EXPECT_TRUE(checksum->protection);
    // One column of slightly wider PEs beside sixteen.
    const double column = find(*checksum, "PEs")->area / find(tree, "PE array")->area;
    EXPECT_GT(column, 1.0 / 16);
    EXPECT_LT(column, 1.5 / 16);
}

TEST(Area, DramCheckShare) {
    EXPECT_EQ(dram_check_share(edge(), load_policy("none")), 0);
    EXPECT_EQ(dram_check_share(edge(), load_policy("parity")), 1.0 / 64);
    EXPECT_EQ(dram_check_share(edge(), load_policy("secded")), 8.0 / 64);
}

}  // namespace
