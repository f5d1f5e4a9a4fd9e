// Campaigns that stop at a half width: the schedule, and simulated coverage.
#include "sim/statistics/looks.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <map>
#include <random>
#include <stdexcept>

#include "sim/statistics/weighted.h"
#include "tests/support/environment.h"

namespace fluence::statistics {
namespace {

double half_width(const Interval& interval) {
    return (interval.high - interval.low) / 2;
}

TEST(Looks, BeginWhereStoppingIsPossibleAndEndWhereItIsCertain) {
    for (const double wanted : {0.0005, 0.01, 0.1}) {
        const int looks = 20;
        const double each = confidence_of_look(0.99, looks);
        const auto schedule = look_schedule(wanted, 0.99, looks, 1'000'000'000'000);
        ASSERT_EQ(schedule.size(), 20U);
        EXPECT_LE(half_width(weighted_rate({{1, 0, schedule[0]}}, each).interval), wanted);
        EXPECT_GT(half_width(weighted_rate({{1, 0, schedule[0] - 1}}, each).interval), wanted);
        const std::int64_t last = schedule.back();
        EXPECT_LE(half_width(weighted_rate({{1, last / 2, last}}, each).interval), wanted);
        for (std::size_t i = 1; i < schedule.size(); ++i) {
            EXPECT_GT(schedule[i], schedule[i - 1]);
        }
    }
}

TEST(Looks, EndWithTheFaultsThereAre) {
    EXPECT_EQ(look_schedule(0.001, 0.95, 10, 5).back(), 5);
    EXPECT_EQ(look_schedule(0.001, 0.95, 10, 5).size(), 1U);
    const auto schedule = look_schedule(0.001, 0.95, 10, 50000);
    EXPECT_EQ(schedule.back(), 50000);
    EXPECT_EQ(schedule.size(), 10U);
    EXPECT_EQ(look_schedule(0.01, 0.95, 1, 50000).size(), 1U);
    EXPECT_DOUBLE_EQ(confidence_of_look(0.95, 1), 0.95);
    EXPECT_NEAR(confidence_of_look(0.95, 10), 0.995, 1e-15);
    EXPECT_THROW(look_schedule(0, 0.95, 10, 50), std::invalid_argument);
    EXPECT_THROW(look_schedule(0.1, 0.95, 0, 50), std::invalid_argument);
}

// Share of campaigns of known probability whose interval, where they stopped, holds it; `faults`: mean
// number.
double coverage(double p, double wanted, double confidence, int looks, int repetitions, std::uint64_t seed,
                double& faults) {
    const double each = confidence_of_look(confidence, looks);
    const auto schedule = look_schedule(wanted, confidence, looks, 1'000'000'000'000);
    std::map<std::pair<std::int64_t, std::int64_t>, Interval> known;
    std::mt19937_64 generator(seed);
    int covered = 0;
    faults = 0;
    for (int i = 0; i < repetitions; ++i) {
        std::int64_t total = 0, count = 0;
        Interval interval;
        for (const std::int64_t look : schedule) {
            count += std::binomial_distribution<std::int64_t>(look - total, p)(generator);
            total = look;
            const auto [at, fresh] = known.try_emplace({total, count});
            if (fresh) {
                at->second = weighted_rate({{1, count, total}}, each).interval;
            }
            interval = at->second;
            if (half_width(interval) <= wanted) {
                break;
            }
        }
        covered += interval.low <= p && p <= interval.high;
        faults += static_cast<double>(total) / repetitions;
    }
    return static_cast<double>(covered) / repetitions;
}

TEST(Looks, IntervalsCoverWhereCampaignsStop) {
    const auto seed = test::environment("FLUENCE_TEST_SEED", 20261121);
    const int repetitions = static_cast<int>(test::environment("FLUENCE_TEST_REPETITIONS", 300));
    SCOPED_TRACE("seed " + std::to_string(seed));
    constexpr double kConfidence = 0.99;
    for (const double p : {1e-4, 1e-3, 0.01, 0.1, 0.3, 0.5}) {
        for (const double wanted : {p / 2, p / 10}) {
            double faults = 0;
            const double found =
                coverage(p, wanted, kConfidence, 20, repetitions, static_cast<std::uint64_t>(seed), faults);
            // The promise is 98.5 %; fewer repetitions leave room for their own scatter.
            const double scatter = repetitions < 10000 ? 4 * std::sqrt(0.01 * 0.99 / repetitions) : 0.005;
            EXPECT_GE(found, kConfidence - scatter) << "p " << p << ", half width " << wanted;
            std::printf("p %g half width %g: coverage %.4f, %.0f faults on average\n", p, wanted, found,
                        faults);
        }
    }
}

}  // namespace
}  // namespace fluence::statistics
