#include "sim/fault/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>
#include <stdexcept>

#include "sim/core/error.h"
#include "sim/dataflow/memory_map.h"
#include "tests/fault/bare_machine.h"
#include "tests/support/random_graph.h"

namespace fluence::fault {
namespace {

using test::BareMachine;

FaultModelConfig parse(const std::string& text) {
    const nlohmann::json value = nlohmann::json::parse(text);
    return parse_fault_model(JsonObject(value, "experiment.json", "fault_model"));
}

std::string error_of(const std::string& text) {
    try {
        parse(text);
    } catch (const InputError& error) {
        return error.what();
    }
    return "";
}

const SiteClass& site(const std::vector<SiteClass>& classes, SiteKind kind) {
    for (const SiteClass& one : classes) {
        if (one.kind == kind) {
            return one;
        }
    }
    throw std::out_of_range(name_of(kind));
}

TEST(Names, OfSitesAreUniqueAndReadBack) {
    std::set<std::string> names;
    for (int i = 0; i < kSiteKindCount; ++i) {
        const auto kind = static_cast<SiteKind>(i);
        EXPECT_EQ(site_kind_named(name_of(kind)), kind);
        names.insert(name_of(kind));
    }
    EXPECT_EQ(names.size(), static_cast<std::size_t>(kSiteKindCount));
    EXPECT_THROW(site_kind_named("pe"), std::out_of_range);
    names.clear();
    for (int i = 0; i < kDeadReasonCount; ++i) {
        names.insert(name_of(static_cast<DeadReason>(i)));
    }
    EXPECT_EQ(names.size(), static_cast<std::size_t>(kDeadReasonCount));
}

// By hand: 3×4 array, buffers of 64, 64 and 512 words.
TEST(Sites, SizesOfAMachine) {
    BareMachine machine(OperandRegister::input, true);
    machine.policy.memory[index_of(Memory::weight_buffer)].code = "parity";
    machine.policy.memory[index_of(Memory::dram)].code = "secded";
    const std::vector<SiteClass> classes = site_classes(machine.graph, machine.config, machine.policy);
    EXPECT_EQ(classes.size(), 10u);
    const auto expect = [&](SiteKind kind, std::int64_t units, int bits) {
        EXPECT_EQ(site(classes, kind).units, units) << name_of(kind);
        EXPECT_EQ(site(classes, kind).bits, bits) << name_of(kind);
    };
    expect(SiteKind::pe_weight, 12, 8);
    expect(SiteKind::pe_weight_shadow, 12, 8);
    expect(SiteKind::pe_activation, 12, 8);
    expect(SiteKind::pe_psum, 16, 32);  // with the drain registers
    expect(SiteKind::weight_buffer, 64, 65);
    expect(SiteKind::activation_buffer, 64, 64);
    expect(SiteKind::output_buffer, 512, 32);
    expect(SiteKind::dram, dataflow::MemoryMap(machine.graph, machine.config).words(), 72);
    expect(SiteKind::vector_pipeline, 4 * 2, 32);       // lanes, cycles
    expect(SiteKind::vector_parameter, 2 + 2 + 1, 64);  // 4 biases, 4 multipliers, 4 shifts

    machine.policy.checksum.emplace();
    machine.policy.relu_check.emplace();
    const std::vector<SiteClass> parts = site_classes(machine.graph, machine.config, machine.policy);
    EXPECT_EQ(parts.size(), 10u + 5 + 1);  // no multiplier stages
    EXPECT_EQ(site(parts, SiteKind::checksum_weight).units, 3);
    EXPECT_EQ(site(parts, SiteKind::checksum_weight).bits, 8 + 2);
    EXPECT_EQ(site(parts, SiteKind::checksum_activation).units, 3);
    EXPECT_EQ(site(parts, SiteKind::checksum_psum).units, 4);
    EXPECT_EQ(site(parts, SiteKind::checksum_psum).bits, 32 + 2);
    EXPECT_EQ(site(parts, SiteKind::checksum_sum).units, 3 * 64);  // 3 banks of 1,024 bytes / 4 / 4 channels
    EXPECT_EQ(site(parts, SiteKind::checksum_compare).units, 4);
    EXPECT_EQ(site(parts, SiteKind::vector_pipeline).units, 4 * (2 + 1 + 1));
    EXPECT_EQ(site(parts, SiteKind::relu_operand).units, 4);
    EXPECT_EQ(site(parts, SiteKind::relu_operand).bits, 9);

    BareMachine plain(OperandRegister::output, false);
    const std::vector<SiteClass> fewer = site_classes(plain.graph, plain.config, plain.policy);
    EXPECT_EQ(fewer.size(), 9u);
    EXPECT_EQ(site(fewer, SiteKind::pe_psum).units, 12);
    const std::vector<SiteClass> both = unite({fewer, classes});
    EXPECT_EQ(both.size(), 10u);
    EXPECT_EQ(site(both, SiteKind::weight_buffer).bits, 65);
    EXPECT_EQ(site(both, SiteKind::activation_buffer).bits, 64);
    EXPECT_EQ(site(both, SiteKind::dram).bits, 72);
}

TEST(FaultModel, IsReadStrictly) {
    const FaultModelConfig seu = parse(R"({"name": "seu", "cross_section": {"dram": 0, "pe_psum": 1e-15}})");
    EXPECT_EQ(seu.name, "seu");
    EXPECT_EQ(seu.cross_section.at("dram"), 0);
    EXPECT_EQ(seu.cross_section.at("pe_psum"), 1e-15);
    const FaultModelConfig flip = parse(R"({"name": "neuron-flip", "layers": ["conv1", "fc"]})");
    EXPECT_THAT(flip.layers, testing::ElementsAre("conv1", "fc"));
    for (const FaultModelConfig& config : {seu, flip, parse(R"({"name": "seu"})")}) {
        const nlohmann::json written = to_json(config);
        EXPECT_EQ(to_json(parse(written.dump())), written);
    }
    EXPECT_THAT(error_of(R"({"name": "sue"})"),
                testing::AllOf(testing::HasSubstr("experiment.json: fault_model.name"),
                               testing::HasSubstr("seu, neuron-flip")));
    EXPECT_THAT(error_of(R"({"name": "seu", "layers": []})"), testing::HasSubstr("fault_model.layers"));
    EXPECT_THAT(
        error_of(R"({"name": "seu", "cross_section": {"drams": 1}})"),
        testing::AllOf(testing::HasSubstr("fault_model.cross_section.drams"), testing::HasSubstr("dram")));
    EXPECT_THAT(error_of(R"({"name": "seu", "cross_section": {"dram": -1}})"), testing::HasSubstr("dram"));
    EXPECT_THAT(error_of(R"({"name": "seu", "cross_section": {"neuron": 1}})"), testing::HasSubstr("neuron"));
    EXPECT_THAT(fault_models(), testing::ElementsAre("seu", "neuron-flip"));
    for (const std::string& name : fault_models()) {
        EXPECT_FALSE(summary_of_fault_model(name).empty());
    }
}

// Each kind's share of the draws is its share of bits × cross-section; phases are uniform.
TEST(Sampler, SeuIsUniformOverBitsAndCycles) {
    const BareMachine machine(OperandRegister::input, true);
    FaultModelConfig config;
    config.cross_section = {{"dram", 0.0}, {"pe_psum", 50.0}, {"activation_buffer", 3.0}};
    const std::vector<SiteClass> storage = site_classes(machine.graph, machine.config, machine.policy);
    const Sampler sampler(config, machine.graph, storage);
    double total = 0;
    for (const SiteClass& one : sampler.classes()) {
        total += one.weight();
    }
    // 8·12·3 register bits + 50·32·16 + 64·64 + 3·64·64 + 512·32, the vector unit's 8·32 + 5·64
    EXPECT_DOUBLE_EQ(total, 288 + 25600 + 4096 + 12288 + 16384 + 256 + 320);
    constexpr int kDraws = 40000;
    std::map<SiteKind, int> counts;
    std::array<int, 10> phases{};
    std::map<int, int> psum_bits;
    for (int i = 0; i < kDraws; ++i) {
        const FaultDraw draw = sampler.draw(11, static_cast<std::uint64_t>(i));
        ++counts[draw.upset.site];
        ASSERT_GE(draw.phase, 0);
        ASSERT_LT(draw.phase, 1);
        ++phases[static_cast<std::size_t>(draw.phase * 10)];
        ASSERT_EQ(draw.upset.bits.count(), 1u);
        const SiteClass& from = site(storage, draw.upset.site);
        ASSERT_LT(draw.upset.unit, from.units);
        ASSERT_GE(draw.upset.unit, 0);
        int bit = 0;
        while (!draw.upset.bits[static_cast<std::size_t>(bit)]) {
            ++bit;
        }
        ASSERT_LT(bit, from.bits);
        if (draw.upset.site == SiteKind::pe_psum) {
            ++psum_bits[bit];
        }
    }
    EXPECT_EQ(counts.count(SiteKind::dram), 0u);
    for (const SiteClass& one : sampler.classes()) {
        const double p = one.weight() / total;
        EXPECT_NEAR(counts[one.kind], kDraws * p, 5 * std::sqrt(kDraws * p * (1 - p))) << name_of(one.kind);
    }
    for (const int count : phases) {
        EXPECT_NEAR(count, kDraws / 10, 5 * std::sqrt(kDraws * 0.09));
    }
    const double psums = counts[SiteKind::pe_psum];
    EXPECT_EQ(psum_bits.size(), 32u);
    for (const auto& [bit, count] : psum_bits) {
        EXPECT_NEAR(count, psums / 32, 5 * std::sqrt(psums / 32)) << bit;
    }
}

TEST(Sampler, ADrawDependsOnSeedAndSampleAlone) {
    const BareMachine machine(OperandRegister::output, true);
    const std::vector<SiteClass> storage = site_classes(machine.graph, machine.config, machine.policy);
    const Sampler one({}, machine.graph, storage);
    const Sampler other({}, machine.graph, storage);
    other.draw(1, 5);  // whatever was drawn before
    int different = 0;
    for (std::uint64_t i = 0; i < 100; ++i) {
        const FaultDraw a = one.draw(3, i);
        const FaultDraw b = other.draw(3, i);
        EXPECT_EQ(a.upset.site, b.upset.site);
        EXPECT_EQ(a.upset.unit, b.upset.unit);
        EXPECT_EQ(a.upset.bits, b.upset.bits);
        EXPECT_EQ(a.phase, b.phase);
        different += one.draw(4, i).phase != a.phase ? 1 : 0;
    }
    EXPECT_EQ(different, 100);
}

TEST(Sampler, PhaseBecomesACycleOfAnyRun) {
    FaultDraw draw;
    for (const double phase : {0.0, 0.25, 0.999999, std::nextafter(1.0, 0.0)}) {
        draw.phase = phase;
        for (const traces::Cycle cycles : {traces::Cycle{1}, traces::Cycle{4}, traces::Cycle{1} << 60}) {
            const Upset upset = draw.at(cycles);
            EXPECT_GE(upset.cycle, 0);
            EXPECT_LT(upset.cycle, cycles);
        }
    }
    draw.phase = 0.25;
    EXPECT_EQ(draw.at(4).cycle, 1);
    EXPECT_EQ(draw.at(7).cycle, 1);
    EXPECT_EQ(draw.at(8).cycle, 2);
    draw.upset.site = SiteKind::neuron;
    EXPECT_EQ(draw.at(8).cycle, 0);
}

TEST(Sampler, NeuronFlipIsUniformOverTheLayersOutputs) {
    RandomStream random(9, RandomPurpose::testing, 0);
    const workloads::Graph graph = test::lenet_like_graph(random);
    FaultModelConfig config;
    config.name = "neuron-flip";
    const Sampler sampler(config, graph, {});
    std::int64_t total = 0;
    for (const SiteClass& one : sampler.classes()) {
        const workloads::Layer& layer = graph.layers[static_cast<std::size_t>(one.layer)];
        EXPECT_TRUE(layer.has_macs());
        EXPECT_NE(layer.output, graph.logits);
        total += one.units;
    }
    EXPECT_EQ(total, 6 * 28 * 28 + 16 * 10 * 10 + 120 + 84);
    std::map<std::int32_t, int> counts;
    constexpr int kDraws = 20000;
    for (int i = 0; i < kDraws; ++i) {
        const FaultDraw draw = sampler.draw(2, static_cast<std::uint64_t>(i));
        EXPECT_EQ(draw.upset.site, SiteKind::neuron);
        EXPECT_EQ(draw.phase, 0);
        ++counts[draw.upset.layer];
    }
    for (const SiteClass& one : sampler.classes()) {
        const double p = static_cast<double>(one.units) / static_cast<double>(total);
        EXPECT_NEAR(counts[one.layer], kDraws * p, 5 * std::sqrt(kDraws * p * (1 - p)) + 1);
    }
}

TEST(Sampler, RefusesWhatCannotBeStruck) {
    const BareMachine machine(OperandRegister::output, true);
    FaultModelConfig nothing;
    for (const SiteClass& one : site_classes(machine.graph, machine.config, machine.policy)) {
        nothing.cross_section[name_of(one.kind)] = 0;
    }
    EXPECT_THROW(Sampler(nothing, machine.graph, site_classes(machine.graph, machine.config, machine.policy)),
                 InputError);
    FaultModelConfig unknown;
    unknown.name = "neuron-flip";
    unknown.layers = {"conv9"};
    try {
        Sampler(unknown, machine.graph, {});
        FAIL();
    } catch (const InputError& error) {
        EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("conv9"), testing::HasSubstr("conv")));
    }
}

}  // namespace
}  // namespace fluence::fault
