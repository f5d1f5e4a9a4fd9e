#include "sim/accel/area.h"

#include <gtest/gtest.h>

#include "sim/core/config_search.h"
#include "sim/cost/logic.h"
#include "sim/cost/sram.h"
#include "sim/dataflow/registers.h"
#include "sim/protect/area.h"
#include "sim/protect/memory_code.h"
#include "sim/protect/selective_code.h"

namespace {

using fluence::AcceleratorConfig;
using fluence::accel::area_of;
using fluence::cost::added_area;
using fluence::cost::AreaNode;
using fluence::protect::dram_check_share;
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
    // The array of this machine is that of the PE that was synthesised as a whole.
    EXPECT_NEAR(find(tree, "PE array")->area.count() - find(tree, "feeders")->area.count() -
                    find(tree, "accumulation")->area.count(),
                256 * fluence::cost::pe_weight_stationary_shadow(8, 32).count(), 1e-6);
    // 32 KiB in two halves of 2048 words of 64 bits.
    EXPECT_NEAR(find(tree, "weight buffer")->area.count(), 2 * fluence::cost::sram(2048, 64).count(), 1e-6);

    AcceleratorConfig plain = edge();
    plain.array.shadow_weights = false;
    EXPECT_LT(area_of(plain, load_policy("none")).area, tree.area);
}

AcceleratorConfig preset(const std::string& name) {
    return fluence::read_accelerator(fluence::find_config("accelerators", name));
}

// No register is free: a bit takes a flip-flop of 4.522 µm² at least, over a NAND2 of 0.798.
TEST(Area, EveryRegisterBankIsCounted) {
    for (const char* name :
         {"edge-16x16", "tinytpu-ws", "gemmini-ws", "gemmini-os", "axis-os", "stonne-os"}) {
        const AcceleratorConfig config = preset(name);
        const AreaNode array = fluence::accel::array_area(config.array);
        const AreaNode* registers = find(array, "registers");
        ASSERT_NE(registers, nullptr) << name;
        const auto banks = fluence::dataflow::register_banks(config.array);
        EXPECT_EQ(registers->parts.size(), banks.size()) << name;
        for (const auto& bank : banks) {
            const AreaNode* node = find(*registers, name_of(bank.kind));
            ASSERT_NE(node, nullptr) << name << " " << name_of(bank.kind);
            const double bits = static_cast<double>(bank.units * bank.bits);
            EXPECT_GE(node->area.count(), 5.66 * bits) << name << " " << name_of(bank.kind);
            EXPECT_LE(node->area.count(), 17 * bits) << name << " " << name_of(bank.kind);
        }
    }
}

// By hand, for 16x16: bits of registers a machine has, and what tells it from the others.
TEST(Area, MachinesDifferByWhatTheyAreMadeOf) {
    const auto array = [](const std::string& name) { return fluence::accel::array_area(preset(name).array); };
    const AreaNode tiny = array("tinytpu-ws"), mesh = array("gemmini-os"), axis = array("axis-os");
    // tiny-tpu: 16-bit adders, half of the others'; control bits of 256 PEs, one flip-flop each.
    EXPECT_NEAR(find(tiny, "pe_valid")->area.count(), 256 * 4.522 / 0.798, 1.0);
    EXPECT_LT(find(tiny, "adders")->area.count(), 0.52 * find(axis, "adders")->area.count());
    // axis: triangular delay lines of 15·16/2 operands on two sides; 16-bit product registers.
    EXPECT_NEAR(find(axis, "array_skew")->area.count(), 2 * 120 * 8 * 4.522 / 0.798, 1.0);
    EXPECT_NEAR(find(axis, "pe_product")->area.count(), 256 * 16 * 4.522 / 0.798, 20.0);
    // Gemmini: two accumulators a PE, and a 32-bit multiplier whose upper half is not used.
    EXPECT_NE(find(mesh, "pe_bank_2"), nullptr);
    const double ratio = find(mesh, "multipliers")->area / find(axis, "multipliers")->area;
    EXPECT_GT(ratio, 0.8 * 528 / 64);  // partial products: 32·33/2 over 8·8
    EXPECT_LT(ratio, 1.1 * 528 / 64);
    // Sums leave Gemmini's array down 16 columns, axis' along 16 rows.
    EXPECT_EQ(find(mesh, "accumulation")->area, find(axis, "accumulation")->area);
}

TEST(Area, WiderRegistersAndLongerPipelinesTakeMore) {
    const auto area = [](const fluence::ArrayConfig& config) {
        return fluence::accel::array_area(config).area.count();
    };
    const fluence::ArrayConfig base = preset("axis-os").array;
    fluence::ArrayConfig other = base;
    other.accumulator_stages = 3;  // two more registers of 32 bits in 256 PEs
    EXPECT_NEAR(area(other) - area(base), 2 * 256 * 32 * 4.522 / 0.798, 100.0);
    other = base;
    other.drain = fluence::Drain::parallel;
    EXPECT_LT(area(other), area(base));
    other = base;
    other.skew = fluence::Skew::external;
    EXPECT_LT(area(other), area(base));
    other = base;
    other.accumulator_bits = 24;
    EXPECT_LT(area(other), area(base));
    other = base;
    other.overflow = fluence::Overflow::saturate;
    EXPECT_GT(area(other), area(base));
    other = edge().array;
    other.dataflow = "input-stationary";
    EXPECT_NEAR(area(other), area(edge().array), 1e-6) << "weights and activations change places";
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

// The same beside the codec of selective ECC: 2 slots in the buffer.
TEST(Area, AScrubberOfSelectiveEccHasItsCodec) {
    Policy policy = load_policy("selective-ecc");
    const double before = area_of(edge(), policy).area.count();
    policy.memory[index_of(fluence::Memory::weight_buffer)].scrub_period = fluence::Cycles(1000);
    const AreaNode tree = area_of(edge(), policy);
    const AreaNode* scrubber = find(*find(tree, "weight buffer"), "scrubber");
    ASSERT_NE(scrubber, nullptr);
    const fluence::protect::SelectiveCode code(64);
    using namespace fluence::cost;
    const double expected = (flipflops(22) + adder(12) + adder(10) + equality_comparator(10) +
                             code.encoder_area(2) + code.decoder_area(2))
                                .count();
    EXPECT_NEAR(scrubber->area.count(), expected, 0.02 * expected);
    EXPECT_NEAR(tree.area.count() - before, scrubber->area.count(), 1e-6);
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
