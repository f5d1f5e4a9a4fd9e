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

    BareMachine filtered(OperandRegister::output, true);
    filtered.policy.duplication.emplace();
    filtered.policy.gradient.emplace();
    std::vector<SiteClass> own = site_classes(filtered.graph, filtered.config, filtered.policy);
    EXPECT_EQ(site(own, SiteKind::duplicate_sum).units, 64);  // 1,024 bytes / 4 / 4 channels
    EXPECT_EQ(site(own, SiteKind::duplicate_sum).bits, 32);
    EXPECT_EQ(site(own, SiteKind::duplicate_compare).units, 4);
    EXPECT_EQ(site(own, SiteKind::filter_buffer).units, 65536);
    EXPECT_EQ(site(own, SiteKind::filter_buffer).bits, 8);
    EXPECT_EQ(site(own, SiteKind::filter_threshold).units, 4);
    EXPECT_EQ(site(own, SiteKind::filter_threshold).bits, 2 * 9);
    filtered.policy.gradient.reset();
    filtered.policy.median.emplace();
    filtered.policy.duplication.reset();
    own = site_classes(filtered.graph, filtered.config, filtered.policy);
    EXPECT_EQ(own.size(), 10u + 1) << "the buffer, and no thresholds";

    BareMachine again(OperandRegister::output, true);
    const std::int64_t logits = again.graph.tensor(again.graph.logits).shape.elements();
    again.policy.confidence_rerun.emplace();
    again.policy.confidence_rerun->runs = 4;
    own = site_classes(again.graph, again.config, again.policy);
    EXPECT_EQ(site(own, SiteKind::kept_answer).units, 3 * logits);
    EXPECT_EQ(site(own, SiteKind::kept_answer).bits, 32);
    EXPECT_EQ(site(own, SiteKind::confidence_threshold).units, 2);
    EXPECT_EQ(site(own, SiteKind::confidence_threshold).bits, 8);
    again.policy.confidence_rerun->compare = protect::AnswerCompare::top1;
    own = site_classes(again.graph, again.config, again.policy);
    EXPECT_EQ(site(own, SiteKind::kept_answer).units, 3) << "a class an answer";
    EXPECT_EQ(site(own, SiteKind::kept_answer).bits, 10);

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
    const FaultModelConfig mbu =
        parse(R"({"name": "mbu", "shapes": {"1x2": 3, "2x1": 1}, "upsets": {"mean": 0.5}})");
    EXPECT_DOUBLE_EQ(mbu.shapes.at(0).probability, 0.75);
    EXPECT_EQ(mbu.shapes.at(1).cells.rows, 2);
    const FaultModelConfig mac =
        parse(R"({"name": "mac-bits", "upsets": {"error_rate": 1e-6, "error_rates": [1e-5], "most": 9}})");
    const FaultModelConfig dropout = parse(
        R"({"name": "dropout", "probability": 0.1, "probabilities": [0.5, 0.01, 0.1], "layers": ["fc"]})");
    EXPECT_EQ(dropout.disturbance.level, 0.1);
    const FaultModelConfig noise = parse(R"({"name": "agn", "sigma": 2, "calibration_images": 7})");
    EXPECT_EQ(noise.disturbance.calibration_images, 7);
    EXPECT_THAT(error_of(R"({"name": "dropout", "probability": 1.5})"), testing::HasSubstr("1"));
    EXPECT_THAT(error_of(R"({"name": "agn", "sigma": 1, "sigmas": [0]})"),
                testing::HasSubstr("fault_model.sigmas: has 0"));
    EXPECT_THAT(error_of(R"({"name": "agn", "sigma": 1, "upsets": 2})"), testing::HasSubstr("upsets"));
    EXPECT_EQ(mac.upsets.error_rate, 1e-6);
    EXPECT_THAT(error_of(R"({"name": "mbu", "shapes": {"9x1": 1}})"), testing::HasSubstr("shapes.9x1"));
    EXPECT_THAT(error_of(R"({"name": "mbu", "shapes": {"1x2": 0}})"), testing::HasSubstr("no shape"));
    EXPECT_THAT(error_of(R"({"name": "mac-word", "upsets": {"mean": 1}})"), testing::HasSubstr("error_rate"));
    EXPECT_THAT(error_of(R"({"name": "weight-flip", "upsets": 2})"), testing::HasSubstr("upsets"));
    for (const FaultModelConfig& config :
         {seu, flip, mbu, mac, dropout, noise, parse(R"({"name": "seu"})"),
          parse(R"({"name": "neuron-rand"})"), parse(R"({"name": "mac-word", "upsets": 3})"),
          parse(R"({"name": "weight-flip", "layers": ["fc"]})")}) {
        const nlohmann::json written = to_json(config);
        EXPECT_EQ(to_json(parse(written.dump())), written);
    }
    EXPECT_THAT(error_of(R"({"name": "sue"})"),
                testing::AllOf(testing::HasSubstr("experiment.json: fault_model.name"),
                               testing::HasSubstr("seu, mbu, neuron-flip")));
    EXPECT_THAT(error_of(R"({"name": "seu", "layers": []})"), testing::HasSubstr("fault_model.layers"));
    EXPECT_THAT(
        error_of(R"({"name": "seu", "cross_section": {"drams": 1}})"),
        testing::AllOf(testing::HasSubstr("fault_model.cross_section.drams"), testing::HasSubstr("dram")));
    EXPECT_THAT(error_of(R"({"name": "seu", "cross_section": {"dram": -1}})"), testing::HasSubstr("dram"));
    EXPECT_THAT(error_of(R"({"name": "seu", "cross_section": {"neuron": 1}})"), testing::HasSubstr("neuron"));
    EXPECT_THAT(fault_models(),
                testing::ElementsAre("seu", "mbu", "neuron-flip", "neuron-rand", "mac-bits", "mac-word",
                                     "dropout", "agn", "weight-flip", "stuck-at"));
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

// The lenet-like network under a model with its default keys.
class ModelDraws : public testing::Test {
  protected:
    Sampler sampler_of(const std::string& model) {
        return {parse(R"({"name": ")" + model + R"("})"), graph_,
                site_classes(machine_.graph, machine_.config, machine_.policy)};
    }
    RandomStream random_{9, RandomPurpose::testing, 0};
    const workloads::Graph graph_ = test::lenet_like_graph(random_);
    const BareMachine machine_{OperandRegister::output, true};
    static constexpr int kDraws = 20000;
    // Five standard deviations of a count of probability p.
    static double near(double p) { return 5 * std::sqrt(kDraws * p * (1 - p)) + 1; }
};

TEST_F(ModelDraws, NeuronRandIsUniformOverMasks) {
    const Sampler sampler = sampler_of("neuron-rand");
    std::map<unsigned long, int> counts;
    for (std::uint64_t i = 0; i < kDraws; ++i) {
        const FaultDraw draw = sampler.draw(4, i);
        EXPECT_EQ(draw.upset.site, SiteKind::neuron);
        ++counts[draw.upset.bits.to_ulong()];
    }
    EXPECT_EQ(counts.size(), 256U);  // each missed with probability e^-78
    EXPECT_EQ(counts.rbegin()->first, 255U);
    for (const auto& [mask, count] : counts) {
        EXPECT_NEAR(count, kDraws / 256.0, near(1.0 / 256)) << mask;
    }
}

TEST_F(ModelDraws, MacBitsAreSixOfThirtyTwo) {
    const Sampler sampler = sampler_of("mac-bits");
    std::array<int, 32> counts{};
    std::map<std::int32_t, int> layers;
    for (std::uint64_t i = 0; i < kDraws; ++i) {
        const Upset upset = sampler.draw(4, i).upset;
        EXPECT_EQ(upset.site, SiteKind::mac_output);
        EXPECT_EQ(upset.bits.count(), 6U);
        EXPECT_EQ((upset.bits >> 32).count(), 0U);
        ++layers[upset.layer];
        for (std::size_t bit = 0; bit < 32; ++bit) {
            counts[bit] += upset.bits[bit] ? 1 : 0;
        }
    }
    for (const int count : counts) {
        EXPECT_NEAR(count, kDraws * 6.0 / 32, near(6.0 / 32));
    }
    // Every output of a layer with MACs alike, the logits' too.
    const double outputs = 6 * 28 * 28 + 16 * 10 * 10 + 120 + 84 + 10;
    EXPECT_EQ(layers.size(), 5U);
    EXPECT_NEAR(layers.begin()->second, kDraws * 6 * 28 * 28 / outputs, near(6 * 28 * 28 / outputs));
}

// A run without a gap around its centre. P(length 1) = 1/32·[30·0.25² + 2·0.25], and a run is all of the word
// where both ends are reached: Σ over centres of 0.75³¹, over 32.
TEST_F(ModelDraws, MacWordsAreRuns) {
    const Sampler sampler = sampler_of("mac-word");
    int single = 0, whole = 0;
    for (std::uint64_t i = 0; i < kDraws; ++i) {
        unsigned long mask = sampler.draw(4, i).upset.bits.to_ulong();
        ASSERT_NE(mask, 0U);
        while ((mask & 1U) == 0) {
            mask >>= 1;
        }
        EXPECT_EQ(mask & (mask + 1), 0U) << "a gap";
        single += mask == 1 ? 1 : 0;
        whole += mask == 0xFFFFFFFFU ? 1 : 0;
    }
    const double p = (30 * 0.0625 + 2 * 0.25) / 32;
    EXPECT_NEAR(single, kDraws * p, near(p));
    EXPECT_NEAR(whole, kDraws * std::pow(0.75, 31), near(std::pow(0.75, 31)));
}

TEST_F(ModelDraws, WeightFlipsStrikeEveryWeightAlike) {
    const Sampler sampler = sampler_of("weight-flip");
    std::map<std::int32_t, int> layers;
    std::array<int, 8> bits{};
    const double weights = 6 * 25 + 16 * 6 * 25 + 400 * 120 + 120 * 84 + 84 * 10;
    for (std::uint64_t i = 0; i < kDraws; ++i) {
        const FaultDraw draw = sampler.draw(4, i);
        EXPECT_EQ(draw.upset.site, SiteKind::weight);
        EXPECT_EQ(draw.at(1000).cycle, 0);
        ASSERT_EQ(draw.upset.bits.count(), 1U);
        ++bits.at(static_cast<std::size_t>(__builtin_ctzl(draw.upset.bits.to_ulong())));
        ++layers[draw.upset.layer];
    }
    for (const int count : bits) {
        EXPECT_NEAR(count, kDraws / 8.0, near(1.0 / 8));
    }
    double found = 0;
    for (const SiteClass& one : sampler.classes()) {
        const double p = static_cast<double>(one.units) / weights;
        EXPECT_NEAR(layers[one.layer], kDraws * p, near(p));
        found += static_cast<double>(one.units);
    }
    EXPECT_EQ(found, weights);
}

TEST_F(ModelDraws, MbuShapesAreAsProbableAsTheySay) {
    const Sampler sampler = sampler_of("mbu");
    std::map<std::pair<int, int>, int> counts;
    for (std::uint64_t i = 0; i < kDraws; ++i) {
        const FaultDraw draw = sampler.draw(4, i);
        EXPECT_EQ(draw.upset.bits.count(), 1U);
        ++counts[{draw.cluster.rows, draw.cluster.cols}];
    }
    const std::map<std::pair<int, int>, double> expected = {
        {{1, 2}, 0.5}, {{2, 1}, 0.2}, {{2, 2}, 0.15}, {{1, 3}, 0.1}, {{1, 4}, 0.05}};
    EXPECT_EQ(counts.size(), expected.size());
    for (const auto& [shape, p] : expected) {
        EXPECT_NEAR(counts[shape], kDraws * p, near(p)) << shape.first << "x" << shape.second;
    }
}

// Registers of the array alone, by their own bits: 3×4 PEs with a weight, a shadow and an activation register
// of 8 bits, and 4×4 sums of 32 bits (operand registers at the input).
TEST(Sampler, StuckAtIsUniformOverTheBitsOfTheArray) {
    const BareMachine machine(OperandRegister::input, true);
    const std::vector<SiteClass> storage = site_classes(machine.graph, machine.config, machine.policy);
    const Sampler whole(parse(R"({"name": "stuck-at", "cross_section": {"pe_weight": 4}})"), machine.graph,
                        storage);
    const double total = 4 * 96 + 96 + 96 + 512;
    std::map<SiteKind, int> counts;
    int at_1 = 0;
    constexpr int kDraws = 20000;
    for (int i = 0; i < kDraws; ++i) {
        const FaultDraw draw = whole.draw(7, static_cast<std::uint64_t>(i));
        ++counts[draw.upset.site];
        ASSERT_NE(draw.upset.held, traces::Held::no);
        at_1 += draw.upset.held == traces::Held::at_1 ? 1 : 0;
        ASSERT_EQ(draw.upset.bits.count(), 1u);
        ASSERT_EQ(draw.phase, 0) << "held for the whole run";
    }
    const auto share = [](double p) { return kDraws * p; };
    const auto near = [](double p) { return 5 * std::sqrt(kDraws * p * (1 - p)); };
    EXPECT_NEAR(counts[SiteKind::pe_weight], share(384 / total), near(384 / total));
    EXPECT_NEAR(counts[SiteKind::pe_activation], share(96 / total), near(96 / total));
    EXPECT_NEAR(counts[SiteKind::pe_psum], share(512 / total), near(512 / total));
    EXPECT_EQ(counts.size(), 4u);
    EXPECT_NEAR(at_1, share(0.5), near(0.5));
    EXPECT_FALSE(whole.timed());
    EXPECT_FALSE(whole.single_bits()) << "a bit is held at one of two values";

    const Sampler later(parse(R"({"name": "stuck-at", "value": "0", "from": "random", "upsets": 3})"),
                        machine.graph, storage);
    double phases = 0;
    for (int i = 0; i < kDraws; ++i) {
        const FaultDraw draw = later.draw(7, static_cast<std::uint64_t>(i));
        ASSERT_EQ(draw.upset.held, traces::Held::at_0);
        phases += draw.phase;
    }
    EXPECT_NEAR(phases / kDraws, 0.5, 5 / std::sqrt(12.0 * kDraws));
    EXPECT_TRUE(later.timed());
    EXPECT_TRUE(later.single_bits());
    for (const char* text : {R"({"name": "stuck-at", "value": "0", "from": "random", "upsets": 3})",
                             R"({"name": "stuck-at"})"}) {
        const nlohmann::json written = to_json(parse(text));
        EXPECT_EQ(to_json(parse(written.dump())), written);
    }
    EXPECT_THAT(error_of(R"({"name": "stuck-at", "value": "2"})"), testing::HasSubstr("0, 1, both"));
    EXPECT_THAT(error_of(R"({"name": "stuck-at", "cross_section": {"dram": 1}})"),
                testing::HasSubstr("fault_model.cross_section.dram"));
}

// Transients strike further runs of a request as well, stored values do not. (Disturbances are there in every
// run: again_in_run().)
TEST_F(ModelDraws, OnlyTransientsComeAgain) {
    for (const std::string& model : fault_models()) {
        const bool again = model != "neuron-flip" && model != "neuron-rand" && model != "weight-flip" &&
                           model != "stuck-at" && level_of_fault_model(model).empty();
        EXPECT_EQ(!sampler_of(model).later(1, 2, 40, 1).empty(), again) << model;
    }
    for (const DrawnUpset& later : sampler_of("mac-bits").later(1, 2, 40, 1)) {
        EXPECT_GE(placed(later.upset, later.phase, 1000).cycle, 1000);
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
