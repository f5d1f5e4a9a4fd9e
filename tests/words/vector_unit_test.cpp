// Upsets in the registers of the vector unit on machines of words, worked by hand: in each stage of its
// pipeline and in its parameters, in the cycles in which they are seen and in those beside them; both
// fidelities.
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "sim/arith/word_values.h"
#include "sim/words/resolver.h"
#include "tests/words/small_machine.h"

namespace fluence::words {
namespace {

using fault::DeadReason;
using workloads::OpKind;
using workloads::Word;

constexpr std::array<WordFormat, 4> kFormats = {WordFormat::fxp16, WordFormat::fxp32, WordFormat::bf16,
                                                WordFormat::fp32};
constexpr std::array<WordFormat, 2> kFixed = {WordFormat::fxp16, WordFormat::fxp32};
constexpr std::array<WordFormat, 2> kFloats = {WordFormat::bf16, WordFormat::fp32};

const Expected kGolden = of(Numbers());

Small small_of(WordFormat format, int pipeline_cycles, int lanes = 4, const protect::Policy& policy = {}) {
    return Small(format, "weight-stationary", 64, 8, policy, {lanes, Cycles(pipeline_cycles)});
}

// The tile level on a machine, and what it says of the logits.
struct Told {
    WordResolution resolution;
    Words logits;
};
Told resolve(const workloads::WordGraph& graph, const AcceleratorConfig& config,
             const protect::Policy& policy, const traces::Timeline& timeline, const Words& image,
             const std::vector<Upset>& upsets) {
    const WordResolver resolver(graph, config, policy, timeline);
    const auto values = arith::make_word_values(graph, machine_order(graph, config));
    values->load(image);
    Told told;
    told.resolution = resolver.resolve(upsets, *values);
    told.logits = told.resolution.run.changed_logits ? told.resolution.run.logits
                                                     : values->golden(graph.structure.logits);
    return told;
}

// Both fidelities; why it is dead where nothing changes.
WordResolution expect(const Small& small, const std::vector<Upset>& upsets, const Expected& expected,
                      DeadReason dead = DeadReason::none) {
    small.expect(upsets, expected);
    const Told told =
        resolve(small.graph(), small.config(), small.policy(), small.timeline(), small.image(), upsets);
    for (std::size_t j = 0; j < expected.z.size(); ++j) {
        EXPECT_EQ(told.logits[j], small.word(expected.z[j])) << "logit " << j << " of the tile level";
    }
    EXPECT_EQ(name_of(told.resolution.dead), std::string(name_of(dead)));
    return told.resolution;
}

// The first layer with another output 1, which is 14 and a bias of 10 (lane 1 of 4, read in the pass's first
// cycle).
Expected with_24_as(double value) {
    std::array<double, 4> made = kGolden.y;
    made[1] = value;
    return of(Numbers(), made, made);
}
Upset in_stage(const Small& small, int stage, int bit, Cycle late = 0) {
    return small.upset(SiteKind::vector_pipeline, 4 * stage + 1, small.pass(0).begin + 1 + stage + late, bit);
}

// 14 = 1110₂, 24 = 11000₂; word + 4 bits lie above the word and inside the sum.
TEST(VectorPipelineOfWords, FixedPointHoldsSumBiasedSumAndWords) {
    for (const WordFormat format : kFixed) {
        const Small small = small_of(format, 5);
        const int word = workloads::word_bits(format);
        const double most = std::ldexp(1.0, word - 1) - 1;
        const WordResolution told = expect(small, {in_stage(small, 0, 1)}, with_24_as(22));
        EXPECT_EQ(told.golden_bits, 14U);
        EXPECT_EQ(told.faulty_bits, 12U);
        EXPECT_EQ(told.layer, 0);
        EXPECT_EQ(expect(small, {in_stage(small, 1, 1)}, with_24_as(26)).golden_bits, 24U);
        for (const int stage : {0, 1}) {
            expect(small, {in_stage(small, stage, word + 4)}, with_24_as(most));
            expect(small, {in_stage(small, stage, small.sum_bits() - 1)}, with_24_as(-most - 1));
        }
        for (const int stage : {2, 3, 4}) {
            expect(small, {in_stage(small, stage, 1)}, with_24_as(26));
            expect(small, {in_stage(small, stage, word - 1)}, with_24_as(24 - most - 1));
            expect(small, {in_stage(small, stage, word)}, kGolden, DeadReason::padding);
        }
    }
}

// 14 = 1.11₂·2³ (exponent 130), 24 = 1.1₂·2⁴ (131): without the exponent's lowest bit 131 is 130.
TEST(VectorPipelineOfWords, FloatsHoldBinary32UpToTheWord) {
    for (const WordFormat format : kFloats) {
        const Small small = small_of(format, 5);
        EXPECT_EQ(expect(small, {in_stage(small, 0, 31)}, with_24_as(-4)).golden_bits, 0x41600000U);
        expect(small, {in_stage(small, 0, 23)}, with_24_as(38));
        for (const int stage : {1, 2, 3}) {
            EXPECT_EQ(expect(small, {in_stage(small, stage, 31)}, with_24_as(-24)).golden_bits, 0x41c00000U);
            expect(small, {in_stage(small, stage, 23)}, with_24_as(12));
        }
        const int word = workloads::word_bits(format);
        expect(small, {in_stage(small, 4, word - 1)}, with_24_as(-24));
        expect(small, {in_stage(small, 4, word - 9)}, with_24_as(12));
        const int stage = format == WordFormat::bf16 ? 4 : 0;
        expect(small, {in_stage(small, stage, word)}, kGolden, DeadReason::padding);
    }
}

// Bit 15 is half of the last bit of bf16, and decides with any bit below it.
TEST(VectorPipelineOfWords, Bf16IsRoundedBehindThreeStages) {
    const Small small = small_of(WordFormat::bf16, 4);
    for (const int stage : {1, 2}) {
        Upset upset = in_stage(small, stage, 15);
        expect(small, {upset}, kGolden);
        upset.bits.set(3);
        expect(small, {upset}, with_24_as(24.125));
    }
    EXPECT_EQ(expect(small, {in_stage(small, 3, 0)}, with_24_as(24.125)).golden_bits, 0x41c0U);
}

// A NaN of an upset behind the adder is stored as arithmetic's; in the word it keeps its bits.
TEST(VectorPipelineOfWords, NansAreThoseOfArithmeticUntilTheWord) {
    const Small small = small_of(WordFormat::fp32, 4);
    for (const int stage : {0, 1, 2, 3}) {
        Upset upset = in_stage(small, stage, 0);
        upset.bits = WordBits(stage == 0 ? 0x3e800001U : 0x3e000001U);  // exponent 255
        const Words y = small.run({upset}).tensors[1];
        EXPECT_EQ(y[1], stage == 3 ? 0x7fc00001U : 0x7fc00000U) << stage;
        EXPECT_EQ(resolve(small.graph(), small.config(), {}, small.timeline(), small.image(), {upset}).logits,
                  small.run({upset}).logits);
    }
    // A negative one in the operand is 0x7fc00000 with its bias: 3 without seven bits of its exponent.
    Upset negative = in_stage(small, 0, 0), exponent = in_stage(small, 1, 0);
    negative.bits = WordBits(0xbe800001U);
    exponent.bits = WordBits(0x3f800000U);
    expect(small, {negative, exponent}, with_24_as(3));
}

// A stage holds the element for one cycle; there is nothing in it in front and behind.
TEST(VectorPipelineOfWords, ARegisterHoldsAnElementForOneCycle) {
    for (const WordFormat format : kFormats) {
        for (const int cycles : {1, 2, 3, 4, 6}) {
            const Small small = small_of(format, cycles);
            const int sign = workloads::is_fixed_point(format) ? small.sum_bits() - 1 : 31;
            const bool fixed = workloads::is_fixed_point(format);
            const double struck = fixed ? -std::ldexp(1.0, workloads::word_bits(format) - 1) : -4;
            ASSERT_EQ(small.pass(0).end, small.pass(0).begin + 1 + cycles);
            expect(small, {in_stage(small, 0, sign)}, with_24_as(struck));
            for (int stage = 0; stage < cycles; ++stage) {
                expect(small, {in_stage(small, stage, 0, -1)}, kGolden, DeadReason::idle);
                expect(small, {in_stage(small, stage, 0, 1)}, kGolden, DeadReason::idle);
            }
        }
    }
}

// With two cycles the word follows the sum.
TEST(VectorPipelineOfWords, ShortPipelinesLackTheMiddleStages) {
    for (const WordFormat format : kFixed) {
        const int word = workloads::word_bits(format);
        const double most = std::ldexp(1.0, word - 1) - 1;
        const Small one = small_of(format, 1);
        expect(one, {in_stage(one, 0, word)}, with_24_as(most));
        const Small two = small_of(format, 2);
        expect(two, {in_stage(two, 0, word)}, with_24_as(most));
        expect(two, {in_stage(two, 1, word)}, kGolden, DeadReason::padding);
        expect(two, {in_stage(two, 1, 1)}, with_24_as(26));
        const Small three = small_of(format, 3);
        expect(three, {in_stage(three, 1, word)}, with_24_as(most));
        expect(three, {in_stage(three, 2, word)}, kGolden, DeadReason::padding);
    }
}

// A decoder of the output buffer's words takes a cycle; reads that abort do so as without other upsets.
TEST(VectorPipelineOfWords, ElementsComeBehindTheDecoder) {
    protect::Policy policy;
    policy.name = "test";
    policy.memory[index_of(Memory::output_buffer)] = {"secded", protect::DueAction::abort};
    const Small small = small_of(WordFormat::fxp16, 3, 4, policy);
    expect(small, {in_stage(small, 0, 1, 1)}, with_24_as(22));
    expect(small, {in_stage(small, 1, 1, 1)}, with_24_as(26));
    expect(small, {in_stage(small, 0, 1)}, kGolden, DeadReason::idle);
    expect(small, {in_stage(small, 0, 1, 2)}, kGolden, DeadReason::idle);
    const Cycle read = small.pass(0).begin;
    const std::int64_t sum = small.fold(0).accumulator_of(1, 0);
    const std::vector<Upset> upsets = {in_stage(small, 0, 1, 1), small.in_sum(sum, read, 3),
                                       small.in_sum(sum, read, 7)};
    EXPECT_EQ(small.run(upsets).ended, read);
    const WordResolution told =
        resolve(small.graph(), small.config(), policy, small.timeline(), small.image(), upsets).resolution;
    EXPECT_TRUE(told.aborted);
    EXPECT_EQ(told.ended, read);
}

TEST(VectorPipelineOfWords, SeveralUpsetsMeet) {
    const Small small = small_of(WordFormat::fxp16, 5);
    expect(small, {in_stage(small, 0, 1), in_stage(small, 0, 1)}, kGolden, DeadReason::no_effect);
    expect(small, {in_stage(small, 2, 1), in_stage(small, 2, 2)}, with_24_as(30));
    expect(small, {in_stage(small, 2, 1), in_stage(small, 3, 1)}, kGolden, DeadReason::no_effect);
    // 14 → 12 → 22 = 10110₂ → 20; the sum in the output buffer likewise.
    expect(small, {in_stage(small, 0, 1), in_stage(small, 1, 1)}, with_24_as(20));
    const Upset stored = small.in_sum(small.fold(0).accumulator_of(1, 0), small.pass(0).begin, 1);
    expect(small, {stored, in_stage(small, 1, 1)}, with_24_as(20));
    expect(small, {stored, in_stage(small, 0, 1)}, kGolden);
}

Upset in_register(const Small& small, const Small::Stored& parameter, Cycle cycle, int bit) {
    const workloads::Graph stored = workloads::stored_structure(small.graph());
    const dataflow::MemoryMap map(stored, small.config());
    return small.upset(SiteKind::vector_parameter, parameter.word - map.parameters(layer_id(0)).first_word,
                       cycle, parameter.bit + bit);
}

// One lane: element i is read in cycle t + i, and takes its bias in cycle t + i + 1. −20 = …1101100₂.
TEST(VectorParametersOfWords, ABiasCountsForElementsThatUseItFromThenOn) {
    for (const WordFormat format : kFormats) {
        const Small small = small_of(format, 4, 1);
        const bool fixed = workloads::is_fixed_point(format);
        const Small::Stored bias = small.bias(0, stored_widths(small.config().array.format).bias);
        const auto struck = [&](Cycle cycle) { return in_register(small, bias, cycle, fixed ? 6 : 31); };
        const double change = fixed ? -64 : 40;
        std::array<double, 4> made = kGolden.y;
        made[3] += change;
        const Expected last = of(Numbers(), made, made);
        made[2] += change;
        const Expected both = of(Numbers(), made, made);
        const Cycle read = small.pass(0).begin;
        expect(small, {struck(bias.written() - 1)}, kGolden, DeadReason::idle);
        const WordResolution told = expect(small, {struck(bias.written())}, both);
        EXPECT_EQ(told.golden_bits, fixed ? small.word(-20) : 0xc1a00000U);
        EXPECT_EQ(told.layer, 0);
        expect(small, {struck(read + 2 + 1)}, both);
        expect(small, {struck(read + 2 + 2)}, last);
        expect(small, {struck(read + 3 + 1)}, last);
        expect(small, {struck(read + 3 + 2)}, kGolden, DeadReason::overwritten);
        // Right again for the last one.
        made[3] -= change;
        expect(small, {struck(read + 2), struck(read + 4)}, of(Numbers(), made, made));
        // Wrong in DRAM as well.
        expect(small, {small.in_dram(bias, bias.read(), fixed ? 6 : 31), struck(bias.written())}, kGolden);
        made = kGolden.y;
        made[2] += change;
        expect(small, {small.in_dram(bias, bias.read(), fixed ? 6 : 31), struck(read + 4)},
               of(Numbers(), made, made));
    }
}

// The second layer's: nobody writes there any more.
TEST(VectorParametersOfWords, BehindTheLastUseNothingReadsThem) {
    const Small small = small_of(WordFormat::fxp16, 4, 1);
    const Cycle read = small.pass(1).begin;
    const auto struck = [&](Cycle cycle) { return small.upset(SiteKind::vector_parameter, 0, cycle, 6); };
    Numbers numbers;
    numbers.b2[0] = 5 + 64;
    expect(small, {struck(read + 1)}, of(numbers));
    expect(small, {struck(read + 2)}, kGolden, DeadReason::never_read);
    // Padding behind two biases of 16 bits.
    expect(small, {small.upset(SiteKind::vector_parameter, 0, read, 32)}, kGolden, DeadReason::padding);
}

// The bias's shift goes with the bias, the sum's with the step to the third stage; with fewer than three
// cycles both with the only step.
TEST(VectorParametersOfWords, ShiftsAreUsedInFrontOfTheirStages) {
    for (const WordFormat format : kFixed) {
        Numbers shifted;
        shifted.b1 = {10 * 4, -20 * 4};
        std::array<double, 4> made{};
        for (std::size_t i = 0; i < 4; ++i) {
            made[i] = std::floor((kGolden.y[i] + 2) / 4);
        }
        for (const auto& [cycles, of_bias, of_sum] :
             std::vector<std::array<int, 3>>{{1, 1, 1}, {2, 1, 1}, {3, 1, 2}, {4, 1, 2}, {6, 1, 2}}) {
            const Small small = small_of(format, cycles);
            const Cycle read = small.pass(0).begin;
            const auto struck = [&](int index, Cycle cycle) {
                return in_register(small, small.shift(0, index), cycle, 1);
            };
            expect(small, {struck(0, read + of_bias)}, of(shifted));
            expect(small, {struck(0, read + of_bias + 1)}, kGolden, DeadReason::overwritten);
            expect(small, {struck(1, read + of_sum)}, of(Numbers(), made, made));
            expect(small, {struck(1, read + of_sum + 1)}, kGolden, DeadReason::overwritten);
        }
    }
}

// One layer without MACs of the channels 12, −5 (of two inputs: and once more, by a layer that moves them),
// or of the windows {1, 2, 3, 6} and {0, 0, 0, 0}.
class OneLayer {
  public:
    OneLayer(WordFormat format, OpKind kind, bool relu = false) : small_(format) {
        config_ = small_.config();
        config_.vector_unit = {4, Cycles(4)};
        const bool fixed = workloads::is_fixed_point(format);
        const double unit = fixed ? std::ldexp(1.0, 1 - workloads::word_bits(format)) : 1;
        const bool two = kind == OpKind::add || kind == OpKind::concat;
        const bool pool = kind == OpKind::avg_pool || kind == OpKind::max_pool;
        const auto s32 = workloads::NumberFormat::s32;
        const workloads::Shape in = pool ? workloads::Shape{2, 2, 2} : workloads::Shape{2, 1, 1};
        const int channels = kind == OpKind::concat ? 4 : 2;
        graph_.format = format;
        workloads::Graph& structure = graph_.structure;
        structure.name = "one layer";
        structure.tensors = {{"x", in, s32, unit}};
        structure.input = tensor_id(0);
        const auto add = [&](OpKind of, int inputs, int out) {
            workloads::Layer layer;
            layer.name = std::string("layer") + std::to_string(structure.layers.size());
            layer.kind = of;
            for (int i = 0; i < inputs; ++i) {
                layer.inputs.push_back(tensor_id(static_cast<std::size_t>(i)));
            }
            layer.output = tensor_id(structure.tensors.size());
            if (of == OpKind::avg_pool || of == OpKind::max_pool) {
                layer.window.kernel_h = layer.window.kernel_w = 2;
            }
            structure.tensors.push_back({layer.name, {out, 1, 1}, s32, unit});
            structure.layers.push_back(layer);
            graph_.layers.emplace_back();
        };
        if (two) {
            add(OpKind::subsample, 1, 2);
        }
        add(kind, two ? 2 : 1, channels);
        graph_.layers.back().relu = relu;
        structure.logits = structure.layers.back().output;
        graph_.reach.assign(structure.tensors.size(), 1);
        workloads::validate(graph_, "one layer");
        for (const double value :
             pool ? std::vector<double>{1, 2, 3, 6, 0, 0, 0, 0} : std::vector<double>{12, -5}) {
            image_.push_back(small_.word(value));
        }
        timeline_ = accel::time_machine(workloads::stored_structure(graph_), config_, {});
        machine_ = std::make_unique<SteppedWordMachine>(graph_, config_, protect::Policy(), timeline_);
    }

    // With this as the first output.
    void expect(const std::vector<Upset>& upsets, double first, DeadReason dead = DeadReason::none) const {
        Words logits = machine_->run(image_, {}).logits;
        logits[0] = small_.word(first);
        EXPECT_EQ(machine_->run(image_, upsets).logits, logits);
        const Told told = resolve(graph_, config_, {}, timeline_, image_, upsets);
        EXPECT_EQ(told.logits, logits);
        EXPECT_EQ(name_of(told.resolution.dead), std::string(name_of(dead)));
    }
    // Of the first output in a stage.
    Upset in_stage(int stage, int bit) const {
        return small_.upset(SiteKind::vector_pipeline, 4 * stage, timeline_.passes.back().begin + 1 + stage,
                            bit);
    }
    // Of the first word of the input.
    Upset in_dram(int bit) const {
        const workloads::Graph stored = workloads::stored_structure(graph_);
        const dataflow::MemoryMap map(stored, config_);
        return small_.upset(SiteKind::dram, map.activation_word(tensor_id(0), 0), 0,
                            map.activation_bit(tensor_id(0), 0) + bit);
    }

  private:
    Small small_;
    AcceleratorConfig config_;
    workloads::WordGraph graph_;
    Words image_;
    traces::Timeline timeline_;
    std::unique_ptr<SteppedWordMachine> machine_;
};

// 12 + 12 = 24; 12 = 1100₂ = 1.1₂·2³ (exponent 130).
TEST(VectorPipelineOfWords, AnAdditionHoldsBothWords) {
    for (const WordFormat format : kFormats) {
        const OneLayer layer(format, OpKind::add);
        const bool fixed = workloads::is_fixed_point(format);
        const int word = workloads::word_bits(format);
        layer.expect({}, 24, DeadReason::absent);
        for (const int stage : {0, 1}) {
            for (const int input : {0, 1}) {
                // 8; with the exponent 131 24.
                layer.expect({layer.in_stage(stage, input * word + (fixed ? 2 : word - 9))}, fixed ? 20 : 36);
            }
        }
        layer.expect(
            {layer.in_stage(0, fixed ? 0 : word - 1), layer.in_stage(1, word + (fixed ? 1 : word - 1))},
            fixed ? 27 : -24);
        // 24 = 11000₂ = 1.1₂·2⁴ (131).
        layer.expect({layer.in_stage(2, fixed ? 3 : 23)}, fixed ? 16 : 12);
        layer.expect({layer.in_stage(3, fixed ? 3 : word - 9)}, fixed ? 16 : 12);
        if (format != WordFormat::bf16) {
            layer.expect({layer.in_stage(2, 2 * word - 1)}, 24, DeadReason::padding);
        }
    }
}

// (1 + 2 + 3 + 6)/4 = 3; 12 without 8, and with bits that lie above the word.
TEST(VectorPipelineOfWords, AnAverageHoldsTheSumOfItsWindow) {
    for (const WordFormat format : kFormats) {
        const OneLayer layer(format, OpKind::avg_pool);
        const bool fixed = workloads::is_fixed_point(format);
        const int word = workloads::word_bits(format);
        for (const int stage : {0, 1}) {
            layer.expect({layer.in_stage(stage, fixed ? 3 : 31)}, fixed ? 1 : -3);
            layer.expect({layer.in_stage(stage, fixed ? word + 8 : 23)}, fixed ? 1e30 : 6);
            layer.expect({layer.in_stage(stage, fixed ? 4 * word - 2 : 23)}, fixed ? 1e30 : 6);
            layer.expect({layer.in_stage(stage, fixed ? 4 * word - 1 : 31)}, fixed ? -1e30 : -3);
        }
        // 3 = 1.1₂·2¹ (exponent 128).
        layer.expect({layer.in_stage(2, fixed ? 2 : 31)}, fixed ? 7 : -3);
        layer.expect({layer.in_stage(3, fixed ? 2 : word - 1)}, fixed ? 7 : -3);
    }
}

// Of 12; with ReLU a sign that is struck in front of it gives 0.
TEST(VectorPipelineOfWords, ReluIsTheStepToTheWord) {
    for (const WordFormat format : kFormats) {
        const OneLayer layer(format, OpKind::concat, true);
        const bool fixed = workloads::is_fixed_point(format);
        const int word = workloads::word_bits(format);
        const double struck = fixed ? 12 - std::ldexp(1.0, word - 1) : -12;
        for (const int stage : {0, 1, 2}) {
            layer.expect({layer.in_stage(stage, stage < 2 || fixed ? word - 1 : 31)}, 0);
        }
        layer.expect({layer.in_stage(3, word - 1)}, struck);
    }
}

// Words that move are words in all stages: 6 = 1.1₂·2² (exponent 129), 12.
TEST(VectorPipelineOfWords, WordsThatMoveAreWordsInAllStages) {
    for (const WordFormat format : kFormats) {
        const OneLayer pool(format, OpKind::max_pool);
        const OneLayer moved(format, OpKind::subsample);
        const bool fixed = workloads::is_fixed_point(format);
        const int word = workloads::word_bits(format);
        for (const int stage : {0, 1, 2, 3}) {
            pool.expect({pool.in_stage(stage, fixed ? 0 : word - 1)}, fixed ? 7 : -6);
            moved.expect({moved.in_stage(stage, fixed ? 0 : word - 1)}, fixed ? 13 : -12);
            // Read wrong as well: 13 and 15; −12 and 24.
            moved.expect({moved.in_dram(fixed ? 0 : word - 1), moved.in_stage(stage, fixed ? 1 : word - 9)},
                         fixed ? 15 : -24);
            if (format != WordFormat::fp32) {
                moved.expect({moved.in_stage(stage, word)}, 12, DeadReason::padding);
            }
        }
    }
}

}  // namespace
}  // namespace fluence::words
