// Narrow sums, worked by hand: one column (or one PE) adds 127·127 = 16129 and −128·127 = −16256.
#include <gtest/gtest.h>

#include "sim/dataflow/space_time.h"
#include "tests/array/fold_sequence.h"

namespace fluence::test {
namespace {

struct Narrow {
    int operand_bits = 8;
    int accumulator_bits = 16;
    Overflow overflow = Overflow::wrap;
};

// Σ of a's codes, each times its own of b, in the order given.
std::int32_t sum_of(const char* dataflow, const Narrow& narrow, const std::vector<std::int32_t>& a,
                    const std::vector<std::int32_t>& b,
                    array::ActivationCodes codes = array::ActivationCodes::signed_codes) {
    FoldSequence sequence;
    ArrayConfig& config = sequence.config;
    config.dataflow = dataflow;
    const bool stationary_sum = sequence.output_stationary();
    config.rows = stationary_sum ? 1 : static_cast<int>(a.size());
    config.cols = 1;
    config.operand_bits = narrow.operand_bits;
    config.accumulator_bits = narrow.accumulator_bits;
    config.overflow = narrow.overflow;
    GemmFold f;
    f.codes = codes;
    f.a = a;
    f.b = b;
    f.times.pixels = f.times.channels = 1;
    f.times.terms = static_cast<std::int64_t>(a.size());
    f.times.used_rows = config.rows;
    f.times.used_cols = 1;
    f.times.preload = 1;
    f.times.stream = dataflow::SpaceTimeMap(config).stream_after_preload(1);
    sequence.folds = {f};
    const std::unique_ptr<array::ArrayModel> model = array::make_array(config);
    Feeder feeder(sequence);
    model->enqueue(0, f.times, f.codes);
    Cycle t = 0;
    do {
        model->edge(++t, feeder);
    } while (!model->idle());
    const std::vector<Result> results = feeder.sorted_results();
    EXPECT_EQ(results.size(), 1U);
    return results.at(0).sum;
}

class Overflows : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Dataflows, Overflows,
                         testing::Values("weight-stationary", "input-stationary", "output-stationary"));

TEST_P(Overflows, WrapAtTheRegistersWidth) {
    const Narrow wrap = {8, 16, Overflow::wrap};
    // 3 · 16129 = 48387 = 65536 − 17149
    EXPECT_EQ(sum_of(GetParam(), wrap, {127, 127, 127}, {127, 127, 127}), -17149);
    // and back again: 48387 − 16256 = 32131
    EXPECT_EQ(sum_of(GetParam(), wrap, {127, 127, 127, -128}, {127, 127, 127, 127}), 32131);
    EXPECT_EQ(sum_of(GetParam(), {8, 17, Overflow::wrap}, {127, 127, 127}, {127, 127, 127}), 48387);
}

TEST_P(Overflows, SaturateAtEveryAddition) {
    const Narrow saturate = {8, 16, Overflow::saturate};
    EXPECT_EQ(sum_of(GetParam(), saturate, {127, 127}, {127, 127}), 32258);
    EXPECT_EQ(sum_of(GetParam(), saturate, {127, 127, 127}, {127, 127, 127}), 32767);
    // 32767 − 16256: what was cut off does not come back
    EXPECT_EQ(sum_of(GetParam(), saturate, {127, 127, 127, -128}, {127, 127, 127, 127}), 16511);
    // −16256 · 3 = −48768 → −32768, + 16129
    EXPECT_EQ(sum_of(GetParam(), saturate, {-128, -128, -128, 127}, {127, 127, 127, 127}), -16639);
    EXPECT_EQ(sum_of(GetParam(), {8, 17, Overflow::saturate}, {127, 127, 127}, {127, 127, 127}), 48387);
}

TEST_P(Overflows, WideOperandsAreExactInFrontOfSaturation) {
    const Narrow saturate = {32, 32, Overflow::saturate};
    // 65536 · 65536 = 2³²: modulo 2³² it would be 0
    EXPECT_EQ(sum_of(GetParam(), saturate, {65536}, {65536}), 2147483647);
    EXPECT_EQ(sum_of(GetParam(), saturate, {-65536, 5}, {65536, 7}), -2147483648 + 35);
    EXPECT_EQ(sum_of(GetParam(), {32, 32, Overflow::wrap}, {65536, 5}, {65536, 7}), 35);
    // A 12-bit register keeps the low bits of a wider code: 0x97f → −1665
    EXPECT_EQ(sum_of(GetParam(), {12, 32, Overflow::wrap}, {0x197f}, {3}), -4995);
}

TEST_P(Overflows, RawCodesReadAsTheirFormatSays) {
    const Narrow eight = {8, 32, Overflow::wrap};
    EXPECT_EQ(sum_of(GetParam(), eight, {200}, {-100}, array::ActivationCodes::unsigned_codes), -20000);
    EXPECT_EQ(sum_of(GetParam(), eight, {-56}, {-100}), 5600);  // the same bits
    const Narrow nine = {9, 32, Overflow::wrap};
    EXPECT_EQ(sum_of(GetParam(), nine, {200}, {-100}, array::ActivationCodes::unsigned_codes), -20000);
    // Wider registers are signed: 300 needs a tenth bit
    EXPECT_EQ(sum_of(GetParam(), nine, {300}, {-100}, array::ActivationCodes::unsigned_codes), 21200);
}

}  // namespace
}  // namespace fluence::test
