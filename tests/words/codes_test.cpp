// Codes of memories on a machine of words, worked by hand on the network of small_machine.h; the tile level
// must have seen what the register-true machine has.
#include <gmock/gmock.h>

#include <array>
#include <functional>

#include "sim/arith/word_values.h"
#include "sim/core/error.h"
#include "sim/words/machine_check.h"
#include "sim/words/resolver.h"
#include "tests/words/small_machine.h"

namespace fluence::words {
namespace {

const Expected kGolden = of(Numbers());

protect::Policy coded(Memory memory, const char* code, protect::DueAction on_due = protect::DueAction::zero) {
    protect::Policy policy;
    policy.name = "test";
    policy.memory[index_of(memory)].code = code;
    policy.memory[index_of(memory)].on_due = on_due;
    return policy;
}

Small small_with(const protect::Policy& policy, WordFormat format = WordFormat::fxp16) {
    return Small(format, "weight-stationary", 64, 8, policy);
}

struct Flags {
    bool corrected = false, detected = false;
    Cycle aborted_in = -1;
};

// Both fidelities. The register-true machine's run.
SteppedWordMachine::Run run(const Small& small, const std::vector<Upset>& upsets, const Flags& flags) {
    const WordResolver resolver(small.graph(), small.config(), small.policy(), small.timeline());
    const auto values = arith::make_word_values(small.graph(), machine_order(small.graph(), small.config()));
    values->load(small.image());
    const WordResolution tile = resolver.resolve(upsets, *values);
    SteppedWordMachine::Run real = small.run(upsets);
    for (const auto& [corrected, detected, aborted, ended] :
         {std::tuple{tile.corrected, tile.detected, tile.aborted, tile.ended},
          {real.corrected, real.detected, real.aborted, real.ended}}) {
        EXPECT_EQ(corrected, flags.corrected);
        EXPECT_EQ(detected, flags.detected);
        EXPECT_EQ(aborted, flags.aborted_in >= 0);
        EXPECT_EQ(ended, flags.aborted_in);
    }
    EXPECT_EQ(real.logits.empty(), real.aborted);
    return real;
}

void expect(const Small& small, const std::vector<Upset>& upsets, const Expected& expected,
            const Flags& flags) {
    run(small, upsets, flags);
    small.expect(upsets, expected);
}

constexpr Flags kUnseen{}, kCorrected{true, false}, kDetected{false, true};

// The first layer's sums of output channel 0, in one word of the output buffer: (m = 0) −15 and −20 more in
// the second fold, handed over in s + 1 and written at s + 2; (m = 1) −16 and 30 more, handed over in s + 2
// and written at s + 3. The bias 10 follows.
class SharedWord : public testing::Test {
  protected:
    void begin(const char* code) {
        small_ = std::make_unique<Small>(WordFormat::fxp16, "weight-stationary", 64, 8,
                                         coded(Memory::output_buffer, code));
        second_ = small_->fold(1).stream;
        ASSERT_EQ(small_->config().output_buffer.word_bits, 128);
        ASSERT_EQ(place(0), 0);
        ASSERT_EQ(place(1), 1);
        ASSERT_GT(small_->pass(0).begin, second_ + 3);
        ASSERT_GE(small_->pass(0).lanes, 2);
    }
    std::int64_t place(std::int64_t m) const { return small_->fold(0).accumulator_of(m, 0); }
    // Bits of the sum of m in one cycle.
    std::vector<Upset> struck(std::int64_t m, Cycle cycle, const std::vector<int>& bits) const {
        std::vector<Upset> upsets;
        for (const int bit : bits) {
            upsets.push_back(small_->in_sum(place(m), cycle, bit));
        }
        return upsets;
    }
    // With these as the first layer's outputs 0 and 1.
    Expected with(double y0, double y1) const {
        const std::array<double, 4> made = {y0, y1, kGolden.y[2], kGolden.y[3]};
        return of(Numbers(), made, made);
    }

    std::unique_ptr<Small> small_;
    Cycle second_ = 0;  // the stream of the second fold
};

TEST_F(SharedWord, SecdedCorrectsOneBitAndZeroesBothSumsForTwo) {
    begin("secded");
    const Cycle read = small_->pass(0).begin;
    for (const Cycle cycle : {second_ + 3, read}) {
        expect(*small_, struck(1, cycle, {5}), kGolden, kCorrected);
        expect(*small_, struck(1, cycle, {5, 40}), with(10, 10), kDetected);
    }
    expect(*small_, struck(1, read + 1, {5, 40}), kGolden, kUnseen);
    // A check bit, and one with a data bit.
    const Upset check = small_->upset(SiteKind::output_buffer, 0, read, 128 + 3);
    expect(*small_, {check}, kGolden, kCorrected);
    expect(*small_, {check, small_->in_sum(0, read, 0)}, with(10, 10), kDetected);
}

// The decoder takes a cycle: old sums are read in s and s + 1.
TEST_F(SharedWord, OldSumsAreReadACycleEarlierForTheDecoder) {
    begin("secded");
    expect(*small_, struck(1, second_, {5, 6}), with(0 - 20 + 10, 0 + 30 + 10), kDetected);
    expect(*small_, struck(1, second_ + 1, {5, 6}), with(-25, 0 + 30 + 10), kDetected);
    // Both are read, and the first is written already: it is lost when the second one is written.
    expect(*small_, struck(1, second_ + 2, {5, 6}), with(10, 24), kDetected);
}

TEST_F(SharedWord, WritingOneSumCorrectsTheOther) {
    begin("secded");
    std::vector<Upset> apart = struck(0, second_ + 2, {5});
    apart.push_back(small_->in_sum(place(0), second_ + 3, 7));
    expect(*small_, apart, kGolden, kCorrected);
    std::vector<Upset> together = struck(0, second_ + 3, {5});
    together.push_back(small_->in_sum(place(1), second_ + 4, 7));
    ASSERT_LE(second_ + 4, small_->pass(0).begin);
    expect(*small_, together, with(10, 10), kDetected);
}

TEST_F(SharedWord, ParityZeroesBothSumsForOneBitAndMissesTwo) {
    begin("parity");
    expect(*small_, struck(1, second_ + 3, {5}), with(10, 10), kDetected);
    // 14 = 1110₂: with bits 5 and 6 it is 110.
    expect(*small_, struck(1, second_ + 3, {5, 6}), with(-25, 120), kUnseen);
    // The first sum is written; the old second one is read in this cycle.
    expect(*small_, struck(0, second_ + 2, {5}), with(10, 0 + 30 + 10), kDetected);
}

class CodedWords : public testing::TestWithParam<WordFormat> {};
INSTANTIATE_TEST_SUITE_P(Formats, CodedWords,
                         testing::Values(WordFormat::fxp16, WordFormat::fxp32, WordFormat::bf16,
                                         WordFormat::fp32));

// A row of the second block of weights (k = 2) is a word, read in front of its edge and a cycle earlier.
TEST_P(CodedWords, SecdedOfTheWeightBuffer) {
    const Small small = small_with(coded(Memory::weight_buffer, "secded"), GetParam());
    const Small::Stored weight = small.weight(0, 5);
    const Cycle read = small.fold(1).preload - 1;
    ASSERT_EQ(small.fold(1).first_k, 2);
    ASSERT_LT(weight.written(), read);
    const auto one = [&](Cycle cycle, int bit) {
        return small.upset(SiteKind::weight_buffer, weight.buffer_word, cycle, bit);
    };
    Numbers numbers;
    numbers.w1[0][2] = numbers.w1[1][2] = 0;
    for (const Cycle cycle : {weight.written(), read}) {
        expect(small, {one(cycle, weight.bit)}, kGolden, kCorrected);
        expect(small, {one(cycle, weight.bit), one(cycle, 70)}, of(numbers), kDetected);
    }
    for (const Cycle cycle : {weight.written() - 1, read + 1}) {
        expect(small, {one(cycle, weight.bit), one(cycle, 70)}, kGolden, kUnseen);
    }
}

TEST_P(CodedWords, ParityOfDramEndsTheInference) {
    protect::Policy policy = coded(Memory::dram, "parity", protect::DueAction::abort);
    policy.memory[index_of(Memory::output_buffer)].code = "secded";
    const Small small = small_with(policy, GetParam());
    const Small::Stored weight = small.weight(0, 5);
    for (const Cycle cycle : {Cycle{0}, weight.read()}) {
        run(small, {small.in_dram(weight, cycle, 3)}, {false, true, weight.read()});
    }
    expect(small, {small.in_dram(weight, weight.read() + 1, 3)}, kGolden, kUnseen);
    // What happens behind the cycle of the abort does not count; what happened before does.
    const Upset sum = small.in_sum(small.fold(0).accumulator_of(1, 0), small.pass(0).begin, 5);
    ASSERT_LT(weight.read(), sum.cycle);
    run(small, {sum, small.in_dram(weight, 0, 3)}, {false, true, weight.read()});
    const Small::Stored y = small.activation(1, 0);
    ASSERT_GT(y.read(), sum.cycle);
    run(small, {sum, small.in_dram(y, y.read(), 3)}, {true, true, y.read()});
}

// A DRAM word a logit, a byte a cycle: the first one is stored before the run ends.
TEST_P(CodedWords, TheHostDecodesTheLogits) {
    const int bits = 8 * stored_widths(machine_format(GetParam())).operand;
    for (const auto action : {protect::DueAction::zero, protect::DueAction::abort}) {
        const Small small(GetParam(), "weight-stationary", bits, 1, coded(Memory::dram, "secded", action));
        const Cycle last = small.cycles() - 1;
        ASSERT_LE(small.store_of(tensor_id(2)).write_cycle(0), last);
        const Small::Stored z = small.activation(2, 0);
        const Words golden = small.run({}).logits;
        expect(small, {small.in_dram(z, last, 7)}, kGolden, kCorrected);
        const bool aborts = action == protect::DueAction::abort;
        const SteppedWordMachine::Run struck =
            run(small, {small.in_dram(z, last, 7), small.in_dram(z, last, 2)},
                {false, true, aborts ? small.cycles() : -1});
        EXPECT_EQ(struck.logits, aborts ? Words{} : Words({0, golden[1]}));
        EXPECT_EQ(struck.tensors, small.run({}).tensors);
        run(small, {small.in_dram(z, 0, 7), small.in_dram(z, 0, 2)}, kUnseen);  // written behind that
    }
}

TEST(CodedMachines, OtherPoliciesAreRefusedByName) {
    const Small small(WordFormat::fxp16);
    const auto refused = [&](const char* name, const std::function<void(protect::Policy&)>& change) {
        protect::Policy policy = coded(Memory::output_buffer, "secded");
        check_machine(small.graph(), small.config(), policy);
        change(policy);
        for (int at = 0; at < 2; ++at) {
            try {
                if (at == 0) {
                    check_machine(small.graph(), small.config(), policy);
                } else {
                    SteppedWordMachine(small.graph(), small.config(), policy, small.timeline());
                }
                ADD_FAILURE() << name;
            } catch (const InputError& error) {
                EXPECT_THAT(error.what(), testing::HasSubstr(name));
            }
        }
    };
    const auto sums = [](protect::Policy& policy) -> protect::MemoryPart& {
        return policy.memory[index_of(Memory::output_buffer)];
    };
    refused("recompute", [&](auto& policy) { sums(policy).on_due = protect::DueAction::recompute; });
    refused("scrub_period_cycles", [&](auto& policy) { sums(policy).scrub_period = Cycles(9); });
    refused("refetch", [](auto& policy) {
        policy.memory[index_of(Memory::weight_buffer)] = {"parity", protect::DueAction::refetch};
    });
    refused("register-tmr", [](auto& policy) { policy.registers[0].code = "register-tmr"; });
    refused("selective-ecc", [](auto& policy) { policy.selective_ecc.emplace(); });
    refused("range-restriction", [](auto& policy) { policy.range.emplace(); });
    refused("due-rerun", [](auto& policy) { policy.due_rerun.emplace(); });
}

}  // namespace
}  // namespace fluence::words
