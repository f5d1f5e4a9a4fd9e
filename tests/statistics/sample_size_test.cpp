// Expected values: tables of the literature, and formulas by hand.
#include "sim/statistics/sample_size.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>

#include "sim/statistics/poisson.h"

namespace fluence::statistics {
namespace {

constexpr double kUnlimited = std::numeric_limits<double>::infinity();

TEST(SampleSize, EqualsLeveuglesTable) {
    // 0.1 %: 2.576²/4/10⁻⁶ is 1,658,944 and a little more in doubles, as in the table.
    EXPECT_EQ(sample_size(0.05, 0.95, kUnlimited), 385);
    EXPECT_EQ(sample_size(0.01, 0.95, kUnlimited), 9604);
    EXPECT_EQ(sample_size(0.05, 0.99, kUnlimited), 664);
    EXPECT_EQ(sample_size(0.01, 0.99, kUnlimited), 16590);
    EXPECT_EQ(sample_size(0.001, 0.99, kUnlimited), 1658945);
}

TEST(SampleSize, OfFinitePopulations) {
    // Krejcie and Morgan, Educational and Psychological Measurement 30 (1970) 607–610: 370 of 10,000 (theirs
    // use χ² = 3.841 = 1.96²); 10 of 10 and 80 of 100 by their table.
    EXPECT_EQ(sample_size(0.05, 0.95, 10000), 370);
    EXPECT_EQ(sample_size(0.05, 0.95, 100), 80);
    EXPECT_EQ(sample_size(0.05, 0.95, 10), 10);
    EXPECT_EQ(sample_size(0.001, 0.99, 1), 1);
    EXPECT_EQ(sample_size(0.05, 0.95, 1e15), 385);
}

TEST(SampleSize, RareEventsNeedFewerForTheSameMargin) {
    // 1.96²·0.01·0.99/0.005² = 1521.3
    EXPECT_EQ(sample_size(0.005, 0.95, kUnlimited, 0.01), 1522);
}

TEST(SampleSize, MarginIsTheInverse) {
    EXPECT_NEAR(margin_of(9604, 0.95, kUnlimited), 0.01, 1e-9);
    for (const double population : {500.0, 1e6, 1e14}) {
        const double n = population / (1 + 0.02 * 0.02 * (population - 1) / (2.576 * 2.576 * 0.25));
        EXPECT_NEAR(margin_of(n, 0.99, population), 0.02, 1e-9) << population;
    }
    EXPECT_EQ(margin_of(500, 0.95, 500), 0);
}

TEST(SampleSize, ImpossibleRequestsAreRefused) {
    EXPECT_THROW(sample_size(0, 0.95, 100), std::invalid_argument);
    EXPECT_THROW(sample_size(0.1, 1, 100), std::invalid_argument);
    EXPECT_THROW(sample_size(0.1, 0.95, 0), std::invalid_argument);
    EXPECT_THROW(sample_size(0.1, 0.95, 100, 0), std::invalid_argument);
    EXPECT_THROW(margin_of(0, 0.95, 100), std::invalid_argument);
}

TEST(Poisson, WeightsAndTail) {
    const std::vector<double> weights = poisson_weights(1.5, 3);
    ASSERT_EQ(weights.size(), 4U);
    EXPECT_NEAR(weights[0], std::exp(-1.5), 1e-15);
    EXPECT_NEAR(weights[2], std::exp(-1.5) * 1.125, 1e-15);
    EXPECT_NEAR(poisson_tail(1.5, 3), 1 - std::exp(-1.5) * (1 + 1.5 + 1.125 + 0.5625), 1e-14);
    EXPECT_EQ(poisson_weights(0, 2), (std::vector<double>{1, 0, 0}));
    EXPECT_EQ(poisson_tail(0, 2), 0);
    // P(K > 1) = λ²/2 − …: the difference of 1 and a sum would lose it.
    EXPECT_NEAR(poisson_tail(1e-12, 1), 5e-25, 1e-30);
    EXPECT_EQ(poisson_reach(1e-6, 1e-9), 1);
    EXPECT_EQ(poisson_reach(1, 0.02), 3);  // P(K > 3) = 0.0190, P(K > 2) = 0.0803
    EXPECT_THROW(poisson_weights(-1, 3), std::invalid_argument);
}

TEST(Poisson, ExpectedUpsetsFromRates) {
    // 1000 FIT/Mbit on one Mbit for an hour: 1000 upsets in 10⁹ hours.
    EXPECT_NEAR(expected_upsets(1000, 1e6, 3600e9, 1e9), 1e-6, 1e-20);
    // A millisecond of an 8 Mbit memory at 600 FIT/Mbit: 1e-15 and less must not vanish.
    EXPECT_NEAR(expected_upsets(600, 8e6, 1e6, 1e9) / (600 * 8 * 1e-3 / 3600e9), 1, 1e-12);
}

}  // namespace
}  // namespace fluence::statistics
