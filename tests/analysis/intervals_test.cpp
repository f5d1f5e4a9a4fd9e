// Expected values: published worked examples (named at each), the definitions, and simulated coverage.
#include "analysis/intervals.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

#include "sim/core/random.h"
#include "tests/support/binomial.h"

namespace {

using namespace fluence::analysis;

// Newcombe, Statistics in Medicine 17 (1998) 857–872, table I: methods 3 (Wilson) and 5 (Clopper–Pearson).
struct Published {
    std::int64_t count, total;
    Interval wilson, exact;
};
const Published kNewcombe[] = {
    {81, 263, {0.2553, 0.3662}, {0.2527, 0.3676}},
    {15, 148, {0.0624, 0.1605}, {0.0578, 0.1617}},
    {0, 20, {0.0000, 0.1611}, {0.0000, 0.1684}},
    {1, 29, {0.0061, 0.1718}, {0.0009, 0.1776}},
};

TEST(Intervals, EqualNewcombesPublishedTable) {
    for (const Published& row : kNewcombe) {
        const Interval wilson_95 = wilson(row.count, row.total, 0.95);
        EXPECT_NEAR(wilson_95.low, row.wilson.low, 5e-5) << row.count << "/" << row.total;
        EXPECT_NEAR(wilson_95.high, row.wilson.high, 5e-5) << row.count << "/" << row.total;
        const Interval exact = clopper_pearson(row.count, row.total, 0.95);
        EXPECT_NEAR(exact.low, row.exact.low, 5e-5) << row.count << "/" << row.total;
        EXPECT_NEAR(exact.high, row.exact.high, 5e-5) << row.count << "/" << row.total;
    }
}

TEST(Intervals, TenOfAHundred) {
    EXPECT_NEAR(wilson(10, 100, 0.95).low, 0.0552, 5e-5);
    EXPECT_NEAR(wilson(10, 100, 0.95).high, 0.1744, 5e-5);
    EXPECT_NEAR(clopper_pearson(10, 100, 0.95).low, 0.0490, 5e-5);
    EXPECT_NEAR(clopper_pearson(10, 100, 0.95).high, 0.1762, 5e-5);
}

TEST(Intervals, ClopperPearsonEndsCutEqualBinomialTails) {
    for (const std::int64_t total : {5, 40, 333}) {
        for (std::int64_t count = 1; count < total; count += 1 + total / 9) {
            for (const double confidence : {0.8, 0.95, 0.999}) {
                const Interval interval = clopper_pearson(count, total, confidence);
                const double half = (1 - confidence) / 2;
                EXPECT_NEAR(fluence::test::binomial_tail(count, total, total, interval.low), half, 1e-9);
                EXPECT_NEAR(fluence::test::binomial_tail(0, count, total, interval.high), half, 1e-9);
            }
        }
    }
}

TEST(Intervals, WilsonEndsSolveTheScoreEquation) {
    for (const std::int64_t total : {7, 100, 20000}) {
        for (std::int64_t count = 1; count < total; count += 1 + total / 7) {
            const double z = normal_quantile(0.99), n = static_cast<double>(total);
            const double p = static_cast<double>(count) / n;
            const Interval interval = wilson(count, total, 0.99);
            for (const double end : {interval.low, interval.high}) {
                EXPECT_NEAR(std::abs(p - end), z * std::sqrt(end * (1 - end) / n), 1e-12);
            }
        }
    }
}

TEST(Intervals, NothingAndEverythingReachTheEndsExactly) {
    for (const IntervalMethod method : {IntervalMethod::wilson, IntervalMethod::clopper_pearson}) {
        EXPECT_EQ(interval_of(method, 0, 50, 0.95).low, 0);
        EXPECT_GT(interval_of(method, 0, 50, 0.95).high, 0);
        EXPECT_EQ(interval_of(method, 50, 50, 0.95).high, 1);
        EXPECT_LT(interval_of(method, 50, 50, 0.95).low, 1);
        EXPECT_EQ(interval_of(method, 0, 0, 0.95).low, 0);
        EXPECT_EQ(interval_of(method, 0, 0, 0.95).high, 1);
    }
    // No SDC among 50 faults: Clopper–Pearson's upper end is 1 − (α/2)^(1/n).
    EXPECT_NEAR(clopper_pearson(0, 50, 0.95).high, 1 - std::pow(0.025, 1.0 / 50), 1e-12);
}

TEST(Intervals, RareEventsKeepTheirScale) {
    // One event of 10¹²: Wilson's lower end is positive, the ends are of the order of 1e-12.
    const Interval interval = wilson(1, 1000000000000, 0.95);
    EXPECT_NEAR(interval.high, 5.66e-12, 0.01e-12);
    EXPECT_GE(interval.low, 0);
}

TEST(Intervals, RejectImpossibleCounts) {
    EXPECT_THROW(wilson(-1, 5, 0.95), std::invalid_argument);
    EXPECT_THROW(wilson(6, 5, 0.95), std::invalid_argument);
    EXPECT_THROW(clopper_pearson(1, 5, 1.0), std::invalid_argument);
    EXPECT_THROW(wilson(1, 5, 0.0), std::invalid_argument);
    EXPECT_THROW(normal_quantile(std::nan("")), std::invalid_argument);
}

TEST(Intervals, MethodsAreFoundByName) {
    EXPECT_EQ(interval_method_named("wilson"), IntervalMethod::wilson);
    EXPECT_EQ(interval_method_named("clopper-pearson"), IntervalMethod::clopper_pearson);
    EXPECT_THROW(interval_method_named("wald"), std::out_of_range);
    EXPECT_EQ(interval_method_names().size(), 2u);
}

// Share of simulated samples whose interval holds the true proportion.
double coverage(IntervalMethod method, double p, std::int64_t total, std::uint64_t seed) {
    constexpr int kSamples = 4000;
    fluence::RandomStream random(seed, fluence::RandomPurpose::testing, 0);
    int covered = 0;
    for (int sample = 0; sample < kSamples; ++sample) {
        std::int64_t count = 0;
        for (std::int64_t i = 0; i < total; ++i) {
            count += random.uniform() < p;
        }
        const Interval interval = interval_of(method, count, total, 0.95);
        covered += interval.low <= p && p <= interval.high;
    }
    return static_cast<double>(covered) / kSamples;
}

TEST(Intervals, CoverWhatTheyPromise) {
    const std::uint64_t seed = 20240607;
    SCOPED_TRACE("seed " + std::to_string(seed));
    for (const double p : {0.03, 0.2, 0.5}) {
        // Wilson is close to 95 % on average; the exact interval never falls below it (four standard errors).
        EXPECT_NEAR(coverage(IntervalMethod::wilson, p, 200, seed), 0.95, 0.025) << p;
        EXPECT_GT(coverage(IntervalMethod::clopper_pearson, p, 200, seed), 0.95 - 0.014) << p;
    }
}

TEST(PairedDifference, EqualsPublishedExamples) {
    // Fagerland, Lydersen, Laake: Statistical Analysis of Contingency Tables (2017), chapter 8: complete
    // response before and after consolidation therapy, estimate −0.0621 (−0.1186 to −0.0046).
    const PairedDifference therapy = paired_difference({59, 6, 16, 80}, 0.95);
    EXPECT_NEAR(therapy.difference, -0.0621, 5e-5);
    EXPECT_NEAR(therapy.interval.low, -0.1186, 5e-5);
    EXPECT_NEAR(therapy.interval.high, -0.0046, 5e-5);
    // The same, airway hyper-responsiveness: 1 and 7 discordant pairs, exact McNemar 2·(1+8)/2⁸.
    EXPECT_DOUBLE_EQ(paired_difference({1, 1, 7, 12}, 0.95).p_value, 18.0 / 256);
}

TEST(PairedDifference, SwapsSignWithTheConditions) {
    const PairedDifference forward = paired_difference({40, 30, 12, 918}, 0.95);
    const PairedDifference backward = paired_difference({40, 12, 30, 918}, 0.95);
    EXPECT_DOUBLE_EQ(forward.difference, 0.018);
    EXPECT_DOUBLE_EQ(forward.difference, -backward.difference);
    EXPECT_NEAR(forward.interval.low, -backward.interval.high, 1e-15);
    EXPECT_NEAR(forward.interval.high, -backward.interval.low, 1e-15);
    EXPECT_DOUBLE_EQ(forward.p_value, backward.p_value);
}

TEST(PairedDifference, OfEqualConditionsIsZero) {
    const PairedDifference same = paired_difference({25, 0, 0, 975}, 0.95);
    EXPECT_EQ(same.difference, 0);
    EXPECT_EQ(same.p_value, 1);
    EXPECT_LE(same.interval.low, 0);
    EXPECT_GE(same.interval.high, 0);
    EXPECT_EQ(paired_difference({0, 0, 0, 0}, 0.95).p_value, 1);
}

TEST(PairedDifference, CoversTheTrueDifference) {
    const std::uint64_t seed = 31;
    SCOPED_TRACE("seed " + std::to_string(seed));
    fluence::RandomStream random(seed, fluence::RandomPurpose::testing, 1);
    // 5 % SDC under the first, of which the second keeps 60 % and adds 0.5 %.
    const double both = 0.03, only_first = 0.02, only_second = 0.005;
    constexpr int kSamples = 2000, kFaults = 1000;
    int covered = 0;
    for (int sample = 0; sample < kSamples; ++sample) {
        PairedCounts counts;
        for (int i = 0; i < kFaults; ++i) {
            const double u = random.uniform();
            ++(u < both                              ? counts.both
               : u < both + only_first               ? counts.only_first
               : u < both + only_first + only_second ? counts.only_second
                                                     : counts.neither);
        }
        const Interval interval = paired_difference(counts, 0.95).interval;
        covered += interval.low <= only_first - only_second && only_first - only_second <= interval.high;
    }
    EXPECT_NEAR(static_cast<double>(covered) / kSamples, 0.95, 0.025);
}

TEST(RunningMean, EqualsTheTwoPassFormulas) {
    RunningMean mean;
    for (const double value : {1.0, 2.0, 4.0, 9.0}) {
        mean.add(value);
    }
    EXPECT_DOUBLE_EQ(mean.mean(), 4);
    // Squares about the mean: 9 + 4 + 0 + 25 = 38; s² = 38/3.
    EXPECT_DOUBLE_EQ(mean.standard_error(), std::sqrt(38.0 / 3 / 4));
    EXPECT_EQ(mean.total(), 4);
}

}  // namespace
