#include "sim/core/random.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace {

using fluence::RandomPurpose;
using fluence::RandomStream;

TEST(RandomStream, DependsOnSeedPurposeAndSampleAlone) {
    RandomStream a(7, RandomPurpose::testing, 3);
    RandomStream b(7, RandomPurpose::testing, 3);
    RandomStream other_sample(7, RandomPurpose::testing, 4);
    RandomStream other_purpose(7, RandomPurpose::dataset, 3);
    RandomStream other_seed(8, RandomPurpose::testing, 3);
    const auto first = a.next64();
    EXPECT_EQ(first, b.next64());
    EXPECT_NE(first, other_sample.next64());
    EXPECT_NE(first, other_purpose.next64());
    EXPECT_NE(first, other_seed.next64());
}

// Known answer of Philox4x32-10 from Random123's own test vectors: counter 0, key 0.
TEST(RandomStream, IsPhilox4x32) {
    RandomStream stream(0, static_cast<RandomPurpose>(0), 0);
    EXPECT_EQ(stream.next32(), 0x6627e8d5U);
    EXPECT_EQ(stream.next32(), 0xe169c58dU);
    EXPECT_EQ(stream.next32(), 0xbc57ac4cU);
    EXPECT_EQ(stream.next32(), 0x9b00dbd8U);
}

TEST(RandomStream, BelowIsUniform) {
    RandomStream stream(1, RandomPurpose::testing, 0);
    std::array<int, 6> counts{};
    const int draws = 60000;
    for (int i = 0; i < draws; ++i) {
        ++counts[stream.below(counts.size())];
    }
    double chi_square = 0;
    const double expected = draws / 6.0;
    for (const int count : counts) {
        chi_square += (count - expected) * (count - expected) / expected;
    }
    EXPECT_LT(chi_square, 20.5);  // 5 degrees of freedom, p = 0.001
}

TEST(RandomStream, NormalHasMeanZeroAndDeviationOne) {
    RandomStream stream(2, RandomPurpose::testing, 0);
    double sum = 0;
    double squares = 0;
    const int draws = 100000;
    for (int i = 0; i < draws; ++i) {
        const double x = stream.normal();
        sum += x;
        squares += x * x;
    }
    EXPECT_NEAR(sum / draws, 0, 4 / std::sqrt(draws));
    EXPECT_NEAR(squares / draws, 1, 4 * std::sqrt(2.0 / draws));
}

}  // namespace
