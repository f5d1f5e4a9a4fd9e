// Upsets of memory words on the bare machine: what is read when, what a code makes of it, and why the rest
// is dead.
#include <gtest/gtest.h>

#include "sim/dataflow/memory_map.h"
#include "tests/fault/bare_machine.h"

namespace fluence::fault {
namespace {

using test::BareMachine;
using traces::Cycle;

// Weights: 3 rows of one word (4 columns of a byte, 4 bytes of padding), loaded into words 0 … 2.
class WordSites : public testing::Test {
  protected:
    BareMachine machine{OperandRegister::output, true};
    dataflow::MemoryMap map{machine.graph, machine.config};

    void use(const char* code) {
        for (const Memory memory : kMemories) {
            machine.policy.memory[index_of(memory)].code = code;
        }
    }
};

// Row r is read in cycle p + (R−1−r) − 1; it lies in the buffer from edge 10 + r + 1 on.
TEST_F(WordSites, WeightWordCountsFromItsWriteToItsRead) {
    for (int row = 0; row < machine.r; ++row) {
        const Cycle written = 10 + row + 1;
        const Cycle read = BareMachine::kPreload + (machine.r - 1 - row) - 1;
        EXPECT_EQ(machine.resolve(SiteKind::weight_buffer, row, written - 1, 0).dead, DeadReason::idle);
        EXPECT_EQ(machine.resolve(SiteKind::weight_buffer, row, written, 0).dead, DeadReason::none);
        EXPECT_EQ(machine.resolve(SiteKind::weight_buffer, row, read, 0).dead, DeadReason::none);
        EXPECT_EQ(machine.resolve(SiteKind::weight_buffer, row, read + 1, 0).dead, DeadReason::never_read);
    }
    EXPECT_EQ(machine.resolve(SiteKind::weight_buffer, 0, 50, 32).dead, DeadReason::padding);
    EXPECT_EQ(machine.resolve(SiteKind::weight_buffer, 3, 50, 0).dead, DeadReason::idle);
    EXPECT_EQ(machine.resolve(SiteKind::weight_buffer, 0, 50, 64).dead, DeadReason::absent);
}

TEST_F(WordSites, WeightWordStrikesOneColumn) {
    const Resolution resolution =
        machine.resolve(SiteKind::weight_buffer, 1, 50, 8 * 2 + 5);  // B[1,2], bit 5
    const std::int32_t weight = machine.b(1, 2);
    const std::int32_t delta = static_cast<std::int8_t>(weight ^ 32) - weight;
    EXPECT_EQ(resolution.golden_bits, static_cast<std::uint8_t>(weight));
    EXPECT_EQ(resolution.faulty_bits, static_cast<std::uint8_t>(weight ^ 32));
    EXPECT_EQ(resolution.layer, 0);
    ASSERT_EQ(resolution.faults.size(), 1u);
    ASSERT_EQ(resolution.faults[0].accumulators.size(), 5u);
    for (int m = 0; m < BareMachine::kPixels; ++m) {
        EXPECT_EQ(resolution.faults[0].accumulators[static_cast<std::size_t>(m)].index,
                  2 * BareMachine::kPixels + m);
        EXPECT_EQ(resolution.faults[0].accumulators[static_cast<std::size_t>(m)].delta,
                  delta * machine.a(m, 1));
    }
}

// A[m,k] is read in cycle s + m + k − 1: a strike in between spares the pixels that are through.
TEST_F(WordSites, ActivationWordCountsForTheReadsToCome) {
    const int k = 1;  // its plane is word 1: five bytes, three of padding
    const int m = 2;
    const Cycle read = BareMachine::kStream + m + k - 1;
    const Resolution struck = machine.resolve(SiteKind::activation_buffer, k, read, 8 * m);
    ASSERT_EQ(struck.faults.size(), 1u);
    EXPECT_EQ(struck.faults[0].accumulators.size(), 4u);
    EXPECT_EQ(machine.resolve(SiteKind::activation_buffer, k, read + 1, 8 * m).dead, DeadReason::never_read);
    EXPECT_EQ(machine.resolve(SiteKind::activation_buffer, k, read, 8 * 5).dead, DeadReason::padding);
}

// Accumulator (m,c) is written at edge s + m + c + R and read by the vector unit in cycle 200 + ⌊i/4⌋.
TEST_F(WordSites, AccumulatorBetweenArrayAndVectorUnit) {
    const int m = 3;
    const int c = 2;
    const int i = c * BareMachine::kPixels + m;
    const Cycle written = BareMachine::kStream + m + c + machine.r;
    const Cycle read = BareMachine::kDrain + i / 4;
    EXPECT_EQ(machine.resolve(SiteKind::output_buffer, i, written - 1, 9).dead, DeadReason::idle);
    EXPECT_EQ(machine.resolve(SiteKind::output_buffer, i, read + 1, 9).dead, DeadReason::never_read);
    for (const Cycle cycle : {written, read}) {
        const Resolution resolution = machine.resolve(SiteKind::output_buffer, i, cycle, 9);
        std::int32_t sum = 0;  // no bias: the vector unit adds it
        for (int k = 0; k < machine.r; ++k) {
            sum += machine.a(m, k) * machine.b(k, c);
        }
        EXPECT_EQ(resolution.golden_bits, static_cast<std::uint32_t>(sum));
        ASSERT_EQ(resolution.faults.size(), 1u);
        ASSERT_EQ(resolution.faults[0].accumulators.size(), 1u);
        EXPECT_EQ(resolution.faults[0].accumulators[0].index, i);
        EXPECT_EQ(resolution.faults[0].accumulators[0].delta, (sum & 512) != 0 ? -512 : 512);
    }
}

TEST_F(WordSites, CodesCorrectOrZeroTheWord) {
    use("secded");
    const Resolution corrected = machine.resolve(SiteKind::weight_buffer, 0, 50, 3);
    EXPECT_EQ(corrected.dead, DeadReason::corrected);
    EXPECT_TRUE(corrected.corrected);
    EXPECT_FALSE(corrected.detected);
    EXPECT_NE(corrected.golden_bits, corrected.faulty_bits);
    // Nobody reads it any more: nothing is corrected either.
    EXPECT_FALSE(machine.resolve(SiteKind::weight_buffer, 0, 150, 3).corrected);

    use("parity");
    for (const int bit : {3, 40, 64}) {  // a weight, padding, the check bit: the word becomes zero
        const Resolution zeroed = machine.resolve(SiteKind::weight_buffer, 0, 50, bit);
        EXPECT_EQ(zeroed.dead, DeadReason::none);
        EXPECT_TRUE(zeroed.detected);
        EXPECT_EQ(zeroed.golden_bits == zeroed.faulty_bits, bit != 3);
        ASSERT_EQ(zeroed.faults.size(), 1u);
        for (const arith::AccumulatorDelta& d : zeroed.faults[0].accumulators) {
            const auto n = static_cast<int>(d.index / BareMachine::kPixels);
            EXPECT_EQ(d.delta, -machine.b(0, n) * machine.a(d.index % BareMachine::kPixels, 0));
        }
    }
}

TEST_F(WordSites, DramWordCountsUntilItIsLoaded) {
    const std::int64_t weights = map.weights(layer_id(0)).first_word;
    EXPECT_EQ(machine.resolve(SiteKind::dram, weights + 1, 11, 0).dead, DeadReason::none);
    EXPECT_EQ(machine.resolve(SiteKind::dram, weights + 1, 12, 0).dead, DeadReason::never_read);

    // Biases lie two a word: bit 32 + 4 of the first word is bit 4 of bias 1.
    const Resolution bias = machine.resolve(SiteKind::dram, map.parameters(layer_id(0)).first_word, 0, 36);
    ASSERT_EQ(bias.faults.size(), 1u);
    ASSERT_EQ(bias.faults[0].parameters.size(), 1u);
    EXPECT_EQ(bias.faults[0].parameters[0].parameter, arith::Parameter::bias);
    EXPECT_EQ(bias.faults[0].parameters[0].index, 1);
    EXPECT_EQ(bias.faults[0].parameters[0].value, 1000 ^ 16);

    // The two highest bits of a shift are stored and not looked at.
    const std::int64_t shifts = map.parameters(layer_id(0)).first_word + 4;
    EXPECT_EQ(machine.resolve(SiteKind::dram, shifts, 0, 5).dead, DeadReason::none);
    EXPECT_EQ(machine.resolve(SiteKind::dram, shifts, 0, 6).dead, DeadReason::no_effect);
}

// The output comes into being with its store; the host reads it when the run is over.
TEST_F(WordSites, LogitsInDramAreReadByTheHost) {
    const std::int64_t word = map.activations(tensor_id(1)).first_word;
    EXPECT_EQ(machine.resolve(SiteKind::dram, word, BareMachine::kStore, 1).dead, DeadReason::idle);
    const Resolution flip = machine.resolve(SiteKind::dram, word, BareMachine::kStore + 1, 8 * 2 + 1);
    ASSERT_EQ(flip.faults.size(), 1u);
    ASSERT_EQ(flip.faults[0].outputs.size(), 1u);
    EXPECT_EQ(flip.faults[0].outputs[0].index, 2);
    EXPECT_EQ(flip.faults[0].outputs[0].mask, 2u);
}

TEST_F(WordSites, SeveralBitsOfAWordStrikeSeveralFields) {
    Upset upset;
    upset.site = SiteKind::weight_buffer;
    upset.cycle = 50;
    upset.bits.set(0).set(17).set(40);  // B[0,0], B[0,2], padding
    const Resolution resolution = Resolver(machine.graph, machine.config, machine.policy, machine.timeline)
                                      .resolve(upset, machine.golden);
    ASSERT_EQ(resolution.faults.size(), 1u);
    EXPECT_EQ(resolution.faults[0].accumulators.size(), 10u);
    EXPECT_EQ(resolution.golden_bits, static_cast<std::uint8_t>(machine.b(0, 0)));
}

TEST_F(WordSites, NeuronFlipsItsOutput) {
    Upset upset;
    upset.site = SiteKind::neuron;
    upset.layer = 0;
    upset.unit = 7;
    upset.bits.set(6).set(9);  // bit 9 does not exist
    const Resolver resolver(machine.graph, machine.config, machine.policy, machine.timeline);
    const Resolution resolution = resolver.resolve(upset, machine.golden);
    ASSERT_EQ(resolution.faults.size(), 1u);
    ASSERT_EQ(resolution.faults[0].outputs.size(), 1u);
    EXPECT_EQ(resolution.faults[0].outputs[0].index, 7);
    EXPECT_EQ(resolution.faults[0].outputs[0].mask, 64u);
    EXPECT_EQ(resolution.golden_bits ^ resolution.faulty_bits, 64u);
    upset.unit = 20;
    EXPECT_THROW(resolver.resolve(upset, machine.golden), std::out_of_range);
    upset.layer = 1;
    EXPECT_THROW(resolver.resolve(upset, machine.golden), std::out_of_range);
}

}  // namespace
}  // namespace fluence::fault
