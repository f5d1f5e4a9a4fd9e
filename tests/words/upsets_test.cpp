// Upsets in the register-true machine of words, worked by hand: a network of two layers small enough to write
// down, in which a struck value gives a sum that a line of arithmetic states; each in the first and the last
// cycle in which it is seen, and in those beside them, in which it is not.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <stdexcept>

#include "sim/core/error.h"
#include "tests/words/small_machine.h"

namespace fluence::words {
namespace {

const Expected kGolden = of(Numbers());

class SmallMachine : public testing::TestWithParam<WordFormat> {};
INSTANTIATE_TEST_SUITE_P(Formats, SmallMachine,
                         testing::Values(WordFormat::fxp16, WordFormat::fxp32, WordFormat::bf16,
                                         WordFormat::fp32));

// The highest bit of an operand.
int sign_of(WordFormat format) {
    return workloads::word_bits(format) - 1;
}

TEST_P(SmallMachine, ComputesTheNumbersWithoutUpsets) {
    for (const char* dataflow : {"weight-stationary", "input-stationary", "output-stationary"}) {
        Small(GetParam(), dataflow).expect({}, kGolden);
    }
}

// A bit of the weight −6 (k = 2, n = 1): its sign in floats; −6 = …11010₂, without its bit 3 −14.
TEST_P(SmallMachine, AWeightInDramIsSeenUntilItIsRead) {
    const bool floats = !workloads::is_fixed_point(GetParam());
    const int bit = floats ? sign_of(GetParam()) : 3;
    Numbers numbers;
    numbers.w1[1][2] = floats ? 6 : -14;
    for (const char* dataflow : {"weight-stationary", "input-stationary", "output-stationary"}) {
        const Small small(GetParam(), dataflow);
        const Small::Stored weight = small.weight(0, 5);
        small.expect({small.in_dram(weight, 0, bit)}, of(numbers));
        small.expect({small.in_dram(weight, weight.read(), bit)}, of(numbers));
        small.expect({small.in_dram(weight, weight.read() + 1, bit)}, kGolden);
        // Struck twice it is right again.
        small.expect({small.in_dram(weight, 0, bit), small.in_dram(weight, weight.read(), bit)}, kGolden);
    }
}

// The second fold multiplies with k = 2; its row 0 is read in the cycle in front of edge p + 1.
TEST_P(SmallMachine, AWeightInItsBufferIsSeenFromItsArrivalToItsRead) {
    const bool floats = !workloads::is_fixed_point(GetParam());
    const int bit = floats ? sign_of(GetParam()) : 3;
    Numbers numbers;
    numbers.w1[1][2] = floats ? 6 : -14;
    const Small small(GetParam());
    const Small::Stored weight = small.weight(0, 5);
    const auto in_buffer = [&](Cycle cycle) {
        return small.upset(SiteKind::weight_buffer, weight.buffer_word, cycle, weight.bit + bit);
    };
    const Cycle read = small.fold(1).preload;
    ASSERT_EQ(small.fold(1).first_k, 2);
    ASSERT_LT(weight.written(), read);
    small.expect({in_buffer(weight.written() - 1)}, kGolden);
    small.expect({in_buffer(weight.written())}, of(numbers));
    small.expect({in_buffer(read)}, of(numbers));
    small.expect({in_buffer(read + 1)}, kGolden);
}

// x[2][1] = 6 enters row 0 in the second fold's step 1: sampled at edge s + 1, read in cycle s.
TEST_P(SmallMachine, AnActivationInItsBufferIsSeenFromItsArrivalToItsRead) {
    const bool floats = !workloads::is_fixed_point(GetParam());
    const int bit = floats ? sign_of(GetParam()) : 4;
    Numbers numbers;
    numbers.x[2][1] = floats ? -6 : 22;
    const Small small(GetParam());
    const Small::Stored x = small.activation(0, 5);
    const auto in_buffer = [&](Cycle cycle) {
        return small.upset(SiteKind::activation_buffer, x.buffer_word, cycle, x.bit + bit);
    };
    small.expect({in_buffer(x.written() - 1)}, kGolden);
    small.expect({in_buffer(x.written())}, of(numbers));
    small.expect({in_buffer(small.fold(1).stream)}, of(numbers));
    small.expect({in_buffer(small.fold(1).stream + 1)}, kGolden);
    small.expect({small.in_dram(x, x.read(), bit)}, of(numbers));
    small.expect({small.in_dram(x, x.read() + 1, bit)}, kGolden);
}

// The sum of (m = 1, n = 0): −5·2 + 2·−3 = −16 behind the first fold, and 6·5 = 30 of the second one. It
// leaves row 1 of column 0 in cycle u = s + 1 + 0 + 1, is read in u and written at u + 1.
TEST(SmallSums, AnAccumulatorBetweenTwoFoldsAndBehindThem) {
    for (const WordFormat format : {WordFormat::fxp16, WordFormat::fxp32}) {
        const Small small(format);
        const std::int64_t accumulator = small.fold(0).accumulator_of(1, 0);
        ASSERT_EQ(accumulator, small.fold(1).accumulator_of(1, 0));
        const Cycle first = small.fold(0).stream + 2;
        const Cycle second = small.fold(1).stream + 2;
        // −16 = …110000₂: without its bit 5 it is −48.
        std::array<double, 4> made = kGolden.y;
        made[1] -= 32;
        const Expected less = of(Numbers(), made, made);
        small.expect({small.in_sum(accumulator, first, 5)}, kGolden);
        small.expect({small.in_sum(accumulator, first + 1, 5)}, less);
        small.expect({small.in_sum(accumulator, second, 5)}, less);
        // −16 + 30 = 14 = 1110₂: with bit 5 it is 46, until the vector unit has read it (element 1 of its
        // pass, in its first cycle).
        made = kGolden.y;
        made[1] += 32;
        const Expected more = of(Numbers(), made, made);
        small.expect({small.in_sum(accumulator, second + 1, 5)}, more);
        ASSERT_GE(small.pass(0).lanes, 2);
        small.expect({small.in_sum(accumulator, small.pass(0).begin, 5)}, more);
        small.expect({small.in_sum(accumulator, small.pass(0).begin + 1, 5)}, kGolden);
        // Its highest bit but one, and its sign.
        for (const int bit : {small.sum_bits() - 2, small.sum_bits() - 1}) {
            made = kGolden.y;
            made[1] += bit == small.sum_bits() - 1 ? -1e30 : 1e30;  // saturates
            made[1] = static_cast<double>(
                arith::Fxp32::decode(small.word(made[1]) << (32 - workloads::word_bits(format))) >>
                (32 - workloads::word_bits(format)));
            const SteppedWordMachine::Run run = small.run({small.in_sum(accumulator, second + 1, bit)});
            EXPECT_EQ(run.tensors[1][1], small.word(made[1]));
        }
    }
    // Floats: 14 = 1.11₂·2³; exponent 130 = 10000010₂ becomes 131.
    for (const WordFormat format : {WordFormat::bf16, WordFormat::fp32}) {
        const Small small(format);
        std::array<double, 4> made = kGolden.y;
        made[1] += 14;
        small.expect({small.in_sum(small.fold(0).accumulator_of(1, 0), small.fold(1).stream + 3, 23)},
                     of(Numbers(), made, made));
    }
}

// Sums of bf16 are words of binary32 and outputs their upper halves: 14 and 2⁻⁴ (bit 16), with the bias 10,
// lie in the middle of 24 and 24.125, and 24 is even. Bit 1 of the sum decides.
TEST(SmallSums, OfBf16AreRoundedOnce) {
    const Small small(WordFormat::bf16);
    Upset upset = small.in_sum(small.fold(0).accumulator_of(1, 0), small.fold(1).stream + 3, 16);
    small.expect({upset}, kGolden);
    upset.bits |= small.in_sum(small.fold(0).accumulator_of(1, 0), 0, 1).bits;
    std::array<double, 4> made = kGolden.y;
    made[1] = 24.125;
    small.expect({upset}, of(Numbers(), made, made));
    // −267 lies in the middle of −266 and −268.
    EXPECT_EQ(kGolden.z[1], -267);
    EXPECT_EQ(small.run({}).logits[1], 0xc386U);
}

// PE(1,0) multiplies with w1[0][1] = −3 in the first fold: step t in cycle s + t.
TEST(SmallRegisters, AStationaryWeightUntilItsLastMultiplication) {
    const Small small(WordFormat::fxp16);
    const auto struck = [&](Cycle cycle) {
        return std::vector<Upset>{small.upset(SiteKind::pe_weight, 2, small.fold(0).stream + cycle, 2)};
    };
    // −3 = …101₂: without its bit 2 −7.
    std::array<double, 4> made = kGolden.y;
    made[0] += -4 * 7;
    made[1] += -4 * 2;
    small.expect(struck(0), of(Numbers(), made, made));
    made[0] = kGolden.y[0];
    small.expect(struck(1), of(Numbers(), made, made));
    small.expect(struck(2), kGolden);
}

// The register of PE(0,0) feeds column 1: x[0][0] = 3 in cycle s, x[0][1] = −5 in cycle s + 1.
TEST(SmallRegisters, AnActivationOnItsWayToTheRight) {
    const Small small(WordFormat::fxp16);
    const auto struck = [&](Cycle cycle) {
        return std::vector<Upset>{small.upset(SiteKind::pe_activation, 0, small.fold(0).stream + cycle, 3)};
    };
    std::array<double, 4> made = kGolden.y;
    made[2] += 8 * 1;  // 3 → 11, times w1[1][0] = 1
    small.expect(struck(0), of(Numbers(), made, made));
    made = kGolden.y;
    made[3] += -8 * 1;  // −5 = …1011₂ → −13
    small.expect(struck(1), of(Numbers(), made, made));
    small.expect(struck(2), kGolden);
    small.expect(struck(-1), kGolden);
}

// Sums of 48 bits: row 0 of column 1 holds 3·1 in cycle s + 1, −5·1 in cycle s + 2.
TEST(SmallRegisters, AMovingSum) {
    const Small small(WordFormat::fxp16);
    const auto struck = [&](Cycle cycle, int bit) {
        return std::vector<Upset>{small.upset(SiteKind::pe_psum, 1, small.fold(0).stream + cycle, bit)};
    };
    std::array<double, 4> made = kGolden.y;
    made[2] += 64;
    small.expect(struck(1, 6), of(Numbers(), made, made));
    made = kGolden.y;
    made[3] -= 64;
    small.expect(struck(2, 6), of(Numbers(), made, made));
    small.expect(struck(3, 6), kGolden);  // no step of the fold is there any more
    // 3 + 2⁴⁶ saturates; 3 − 2⁴⁷ too.
    EXPECT_EQ(small.run(struck(1, 46)).tensors[1][2], 0x7fffU);
    EXPECT_EQ(small.run(struck(1, 47)).tensors[1][2], 0x8000U);
}

TEST(SmallRegisters, AWeightOfFp32ThatBecomesInfinite) {
    const Small small(WordFormat::fp32);
    // w1[0][1] = −3 (exponent 128): with all exponent bits set it is a NaN, as its fraction is not 0.
    Upset upset = small.upset(SiteKind::pe_weight, 2, small.fold(0).stream, 23);
    upset.bits = WordBits(0x3f800000U);
    SteppedWordMachine::Run run = small.run({upset});
    for (const std::size_t m : {0U, 1U}) {
        EXPECT_EQ(run.tensors[1][m], 0x7fc00000U);
    }
    EXPECT_EQ(run.tensors[1][2], small.word(kGolden.y[2]));
    EXPECT_EQ(run.logits, (Words{0x7fc00000U, 0x7fc00000U}));
    // w1[1][0] = 1 (exponent 127) becomes ∞: times 3 and −5, with other products and the bias. Logits: −∞ +
    // ∞.
    upset = small.upset(SiteKind::pe_weight, 1, small.fold(0).stream, 30);
    upset.bits = WordBits(0x40000000U);
    run = small.run({upset});
    EXPECT_EQ(run.tensors[1][2], 0x7f800000U);
    EXPECT_EQ(run.tensors[1][3], 0xff800000U);
    EXPECT_EQ(run.logits[0], 0x7fc00000U);  // 3·∞ − 1·∞
    EXPECT_EQ(run.logits[1], 0xff800000U);  // −1·∞ − 4·∞
}

// Between the first layer's store and the second one's load: what is read differs from what was made.
TEST_P(SmallMachine, AnOutputInDramUntilTheNextLayerReadsIt) {
    const Small small(GetParam());
    const Small::Stored y = small.activation(1, 3);
    const bool floats = !workloads::is_fixed_point(GetParam());
    const int bit = floats ? sign_of(GetParam()) : 8;
    std::array<double, 4> read = kGolden.y;
    const auto code = static_cast<int>(read[3]);
    read[3] = floats ? -read[3] : code + ((code & 256) != 0 ? -256 : 256);
    const Cycle stored = y.read() - 1;
    small.expect({small.in_dram(y, stored, bit)}, of(Numbers(), kGolden.y, read));
    small.expect({small.in_dram(y, y.read(), bit)}, of(Numbers(), kGolden.y, read));
    small.expect({small.in_dram(y, y.read() + 1, bit)}, kGolden);
    small.expect({small.in_dram(y, 0, bit)}, kGolden);  // nothing is there yet
}

// A DRAM word a logit, and a byte a cycle: the first one is in DRAM cycles before the second one, which comes
// at the edge that ends the last cycle. The host reads them behind it.
TEST_P(SmallMachine, LogitsInDram) {
    const int bytes = stored_widths(machine_format(GetParam())).operand;
    const Small small(GetParam(), "weight-stationary", 8 * bytes, 1);
    const Small::Stored z = small.activation(2, 0);
    const traces::Store& store = small.store_of(tensor_id(2));
    ASSERT_EQ(store.words(), 2);
    ASSERT_EQ(store.write_cycle(0) + bytes, small.cycles());
    const SteppedWordMachine::Run golden = small.run({});
    for (const Cycle cycle : {store.write_cycle(0), small.cycles() - 1}) {
        const SteppedWordMachine::Run run = small.run({small.in_dram(z, cycle, 7)});
        EXPECT_EQ(run.logits, (Words{golden.logits[0] ^ 128U, golden.logits[1]}));
        EXPECT_EQ(run.tensors, golden.tensors);
    }
    EXPECT_EQ(small.run({small.in_dram(z, store.write_cycle(0) - 1, 7)}).logits, golden.logits);
    EXPECT_EQ(small.run({small.in_dram(small.activation(2, 1), small.cycles() - 1, 7)}).logits,
              golden.logits);
}

TEST_P(SmallMachine, ABiasInDramUntilItIsLoaded) {
    const Small small(GetParam());
    const bool floats = !workloads::is_fixed_point(GetParam());
    const Small::Stored bias = small.bias(0, stored_widths(small.config().array.format).bias);  // the second
    Numbers numbers;
    numbers.b1[1] = floats ? 20 : -20 - 64;  // −20 = …1101100₂
    const int bit = floats ? 31 : 6;
    small.expect({small.in_dram(bias, 0, bit)}, of(numbers));
    small.expect({small.in_dram(bias, bias.read(), bit)}, of(numbers));
    small.expect({small.in_dram(bias, bias.read() + 1, bit)}, kGolden);
}

// In words of 16 bits a bias of bf16 is two words: 10 = 1.01₂·2³ without its last bit is 8, and without its
// sign −20 is 20.
TEST(SmallParameters, ABiasOfBf16InTwoWords) {
    const Small small(WordFormat::bf16, "weight-stationary", 16, 2);
    Numbers numbers;
    numbers.b1 = {8, 20};
    const Small::Stored first = small.bias(0, 2);
    const Small::Stored second = small.bias(0, 4 + 2);
    ASSERT_EQ(second.word, first.word + 2);
    small.expect({small.in_dram(first, first.read(), 5), small.in_dram(second, 0, 15)}, of(numbers));
    small.expect({small.in_dram(first, first.read() + 1, 5)}, kGolden);
    // Bit 15 is worth 2⁻⁵, less than half of the last bit of the outputs −25 and 24.
    const Small::Stored lower = small.bias(0, 0);
    ASSERT_EQ(lower.word, first.word - 1);
    small.expect({small.in_dram(lower, 0, 15)}, kGolden);
}

// Shifts are 8 bits in two's complement, and 0 here: of the bias, of the sum.
TEST(SmallParameters, Shifts) {
    for (const WordFormat format : {WordFormat::fxp16, WordFormat::fxp32}) {
        const Small small(format);
        const auto struck = [&](int index, int bit) {
            return std::vector<Upset>{small.in_dram(small.shift(0, index), 0, bit)};
        };
        Numbers numbers;
        numbers.b1 = {10 * 4, -20 * 4};
        small.expect(struck(0, 1), of(numbers));
        numbers.b1 = {0, -1};  // by 128 to the right, rounded down
        small.expect(struck(0, 7), of(numbers));
        std::array<double, 4> made{};
        for (std::size_t i = 0; i < 4; ++i) {
            made[i] = std::floor((kGolden.y[i] + 2) / 4);
        }
        small.expect(struck(1, 1), of(Numbers(), made, made));
        // By 128 to the left: saturates.
        const SteppedWordMachine::Run run = small.run(struck(1, 7));
        for (std::size_t i = 0; i < 4; ++i) {
            EXPECT_EQ(run.tensors[1][i], small.word(kGolden.y[i] > 0 ? 1e30 : kGolden.y[i] < 0 ? -1e30 : 0));
        }
        // Loaded already.
        const Small::Stored shift = small.shift(0, 1);
        small.expect({small.in_dram(shift, shift.read() + 1, 1)}, kGolden);
    }
}

TEST(SmallMachines, WhatTheyDoNotHaveIsRefused) {
    const Small small(WordFormat::fxp16);
    const auto refused = [&](const Upset& upset) {
        EXPECT_THROW(small.run({upset}), std::out_of_range) << name_of(upset.site) << " " << upset.unit;
    };
    refused(small.upset(SiteKind::pe_psum, 0, 5, 48));
    refused(small.upset(SiteKind::pe_psum, 4, 5, 0));
    refused(small.upset(SiteKind::pe_weight, 0, 5, 130));
    refused(small.upset(SiteKind::pe_valid, 0, 5, 0));
    refused(small.upset(SiteKind::neuron, 0, 5, 0));
    refused(small.upset(SiteKind::relu_operand, 0, 5, 0));
    refused(small.upset(SiteKind::vector_pipeline, 12, 5, 0));
    refused(small.upset(SiteKind::vector_pipeline, 0, 5, 64));
    refused(small.upset(SiteKind::vector_parameter, 2, 5, 0));
    refused(small.upset(SiteKind::vector_parameter, 0, 5, 64));
    refused(small.upset(SiteKind::weight_buffer, 64, 5, 0));
    refused(small.upset(SiteKind::weight_buffer, 0, 5, 64));
    refused(small.upset(SiteKind::dram, -1, 5, 0));
    refused(small.upset(SiteKind::dram, 0, small.cycles(), 0));
    refused(small.upset(SiteKind::dram, 0, -1, 0));
    Upset held = small.upset(SiteKind::pe_psum, 0, 5, 0);
    held.held = traces::Held::at_1;
    refused(held);

    AcceleratorConfig config = small.config();
    config.array.format = OperandFormat::fxp32;
    EXPECT_THROW(SteppedWordMachine(small.graph(), config, {}, small.timeline()), std::invalid_argument);
    config = small.config();
    config.array.control = ArrayControl::travelling;
    EXPECT_THROW(SteppedWordMachine(small.graph(), config, {}, small.timeline()), std::invalid_argument);
    traces::Timeline coded = small.timeline();
    coded.decode_cycles[0] = 1;
    EXPECT_THROW(SteppedWordMachine(small.graph(), small.config(), {}, coded), std::invalid_argument);
    const SteppedWordMachine machine(small.graph(), small.config(), {}, small.timeline());
    EXPECT_THROW(machine.run(Words(5), {}), InputError);
}

}  // namespace
}  // namespace fluence::words
