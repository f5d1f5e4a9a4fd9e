// Expected values: the binomial tail itself, formulas by hand, and simulation.
#include "sim/statistics/weighted.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>
#include <stdexcept>

#include "tests/support/binomial.h"
#include "tests/support/environment.h"

namespace fluence::statistics {
namespace {

TEST(WeightedRate, OfOneStratumIsClopperAndPearsons) {
    for (const std::int64_t total : {3, 40, 333}) {
        for (std::int64_t count = 0; count <= total; count += 1 + total / 9) {
            const WeightedRate found = weighted_rate({{0.3, count, total}}, 0.99);
            EXPECT_DOUBLE_EQ(found.rate, static_cast<double>(count) / static_cast<double>(total));
            if (count > 0) {
                EXPECT_NEAR(test::binomial_tail(count, total, total, found.interval.low), 0.005, 1e-9);
            } else {
                EXPECT_EQ(found.interval.low, 0);
            }
            if (count < total) {
                EXPECT_NEAR(test::binomial_tail(0, count, total, found.interval.high), 0.005, 1e-9);
            } else {
                EXPECT_EQ(found.interval.high, 1);
            }
        }
    }
}

TEST(WeightedRate, WeighsStrata) {
    const WeightedRate found = weighted_rate({{3, 5, 10}, {1, 1, 20}}, 0.95);
    EXPECT_DOUBLE_EQ(found.rate, 0.75 * 0.5 + 0.25 * 0.05);
    EXPECT_LT(found.interval.low, found.rate);
    EXPECT_GT(found.interval.high, found.rate);
    // Mirrored events give the mirrored interval.
    const WeightedRate mirror = weighted_rate({{3, 5, 10}, {1, 19, 20}}, 0.95);
    EXPECT_NEAR(mirror.interval.low, 1 - found.interval.high, 0.3);
    const WeightedRate exact = weighted_rate({{3, 4, 10}, {1, 19, 20}}, 0.95);
    const WeightedRate other = weighted_rate({{3, 6, 10}, {1, 1, 20}}, 0.95);
    EXPECT_NEAR(exact.interval.low, 1 - other.interval.high, 1e-12);
    EXPECT_NEAR(exact.interval.high, 1 - other.interval.low, 1e-12);
}

TEST(WeightedRate, WithoutEventsTheHeaviestDrawCounts) {
    // max Σ W p with Π (1 − p)^n ≥ tail: all in the stratum whose draws weigh most: W(1 − tail^(1/n)).
    const WeightedRate found = weighted_rate({{0.9, 0, 100}, {0.1, 0, 900}}, 0.95);
    EXPECT_EQ(found.interval.low, 0);
    EXPECT_NEAR(found.interval.high, 0.9 * (1 - std::pow(0.025, 1.0 / 100)), 0.003);
}

TEST(WeightedRate, StrataWithoutDrawsMayHoldAnything) {
    const WeightedRate whole = weighted_rate({{1, 3, 50}}, 0.95);
    const WeightedRate part = weighted_rate({{0.8, 3, 50}, {0.2, 0, 0}}, 0.95);
    EXPECT_DOUBLE_EQ(part.rate, whole.rate);
    EXPECT_NEAR(part.interval.low, 0.8 * whole.interval.low, 1e-15);
    EXPECT_NEAR(part.interval.high, 0.8 * whole.interval.high + 0.2, 1e-15);
    const WeightedRate nothing = weighted_rate({{1, 0, 0}}, 0.95);
    EXPECT_TRUE(std::isnan(nothing.rate));
    EXPECT_EQ(nothing.interval.low, 0);
    EXPECT_EQ(nothing.interval.high, 1);
}

TEST(WeightedRate, ACensusHasNoError) {
    const WeightedRate census = weighted_rate({{1, 30, 120, 120}}, 0.99);
    EXPECT_DOUBLE_EQ(census.interval.low, 0.25);
    EXPECT_DOUBLE_EQ(census.interval.high, 0.25);
    const double unlimited = weighted_rate({{1, 30, 120}}, 0.99).interval.high;
    const double half = weighted_rate({{1, 30, 120, 240}}, 0.99).interval.high;
    EXPECT_LT(half, unlimited);
    EXPECT_NEAR((half - 0.25) / (unlimited - 0.25), std::sqrt(0.5), 0.03);
}

TEST(WeightedRate, VarianceByHand) {
    // 0.6²·(1 − 0.1)·0.3·0.7/19 + 0.4²·0.5·0.5/9
    EXPECT_NEAR(weighted_variance({{0.6, 6, 20, 200}, {0.4, 5, 10}}),
                0.36 * 0.9 * 0.21 / 19 + 0.16 * 0.25 / 9, 1e-15);
}

TEST(WeightedRate, RejectsImpossibleCounts) {
    EXPECT_THROW(weighted_rate({{1, 5, 4}}, 0.95), std::invalid_argument);
    EXPECT_THROW(weighted_rate({{-1, 1, 4}}, 0.95), std::invalid_argument);
    EXPECT_THROW(weighted_rate({{1, 1, 4}}, 1), std::invalid_argument);
}

struct Population {
    const char* name;
    std::vector<double> weights, rates;
    std::vector<std::int64_t> draws;
};

// Rare and common events, allocations that fit and that do not.
const std::vector<Population>& populations() {
    static const std::vector<Population> list = {
        {"proportional", {0.5, 0.3, 0.2}, {0.001, 0.02, 0.3}, {500, 300, 200}},
        {"equal", {0.9, 0.08, 0.02}, {0.002, 0.05, 0.4}, {300, 300, 300}},
        {"rare in the heavy stratum", {0.97, 0.03}, {0.001, 0.0005}, {500, 500}},
        {"common", {0.4, 0.6}, {0.9, 0.5}, {50, 200}},
        {"many small strata", std::vector<double>(50, 0.02), std::vector<double>(50, 0.01),
         std::vector<std::int64_t>(50, 4)},
        {"one event in ten thousand", {0.7, 0.3}, {0.0001, 0.0001}, {7000, 3000}},
    };
    return list;
}

TEST(WeightedRate, IsUnbiasedAndCoversWhatItPromises) {
    const auto seed = test::environment("FLUENCE_TEST_SEED", 20261121);
    const int repetitions = static_cast<int>(test::environment("FLUENCE_TEST_REPETITIONS", 2000));
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 generator(static_cast<std::uint64_t>(seed));
    for (const Population& population : populations()) {
        double truth = 0, variance = 0, sum = 0;
        for (std::size_t h = 0; h < population.weights.size(); ++h) {
            truth += population.weights[h] * population.rates[h];
            variance += population.weights[h] * population.weights[h] * population.rates[h] *
                        (1 - population.rates[h]) / static_cast<double>(population.draws[h]);
        }
        int covered = 0;
        for (int i = 0; i < repetitions; ++i) {
            std::vector<StratumCount> strata;
            for (std::size_t h = 0; h < population.weights.size(); ++h) {
                std::binomial_distribution<std::int64_t> draw(population.draws[h], population.rates[h]);
                strata.push_back({population.weights[h], draw(generator), population.draws[h]});
            }
            const WeightedRate found = weighted_rate(strata, 0.95);
            sum += found.rate;
            covered += found.interval.low <= truth && truth <= found.interval.high;
        }
        const double coverage = static_cast<double>(covered) / repetitions;
        RecordProperty(population.name, std::to_string(coverage));
        EXPECT_NEAR(sum / repetitions, truth, 4.5 * std::sqrt(variance / repetitions)) << population.name;
        // Four standard errors of the simulation below the promise.
        EXPECT_GE(coverage, 0.95 - 4 * std::sqrt(0.95 * 0.05 / repetitions)) << population.name;
    }
}

TEST(WeightedRate, GoodStrataMakeItNarrower) {
    // Half the bits never matter, a tenth often do: the same 10,000 draws, drawn blindly and by stratum.
    const std::vector<double> weights = {0.5, 0.4, 0.1}, rates = {0, 0.02, 0.5};
    const double truth = 0.4 * 0.02 + 0.1 * 0.5;
    const WeightedRate blind = weighted_rate({{1, 580, 10000}}, 0.95);
    ASSERT_DOUBLE_EQ(blind.rate, truth);
    const WeightedRate proportional =
        weighted_rate({{0.5, 0, 5000}, {0.4, 80, 4000}, {0.1, 500, 1000}}, 0.95);
    // Neyman: n ∝ W·√(p(1 − p)): 0 : 0.056 : 0.05, with a few draws where nothing is expected.
    const WeightedRate neyman = weighted_rate({{0.5, 0, 400}, {0.4, 100, 5000}, {0.1, 2300, 4600}}, 0.95);
    EXPECT_NEAR(proportional.rate, truth, 1e-12);
    EXPECT_NEAR(neyman.rate, truth, 1e-12);
    const auto width = [](const WeightedRate& value) { return value.interval.high - value.interval.low; };
    // √((0.4·0.0196 + 0.1·0.25)/(0.058·0.942)) = 0.775
    EXPECT_NEAR(width(proportional), 0.775 * width(blind), 0.02 * width(blind));
    EXPECT_LT(width(neyman), width(proportional));
}

TEST(Apportion, AddsUpAndFollowsShares) {
    EXPECT_EQ(apportion({0.5, 0.3, 0.2}, 10, 0), (std::vector<std::int64_t>{5, 3, 2}));
    EXPECT_EQ(apportion({1, 1, 1}, 10, 2), (std::vector<std::int64_t>{4, 3, 3}));
    EXPECT_EQ(apportion({1e-9, 1}, 100, 2), (std::vector<std::int64_t>{2, 98}));
    EXPECT_EQ(apportion({0, 1}, 5, 0), (std::vector<std::int64_t>{0, 5}));
    // Webster on votes 53, 24, 23 for 7 seats: quotients 53, 24, 23, 17.67, 10.6, 8, 7.67, 7.57 …
    EXPECT_EQ(apportion({53, 24, 23}, 7, 0), (std::vector<std::int64_t>{3, 2, 2}));
    EXPECT_THROW(apportion({1, 1}, 3, 2), std::invalid_argument);
    EXPECT_THROW(apportion({}, 3, 0), std::invalid_argument);
}

TEST(Apportion, MoreFaultsTakeNothingAway) {
    const auto seed = test::environment("FLUENCE_TEST_SEED", 5);
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 generator(static_cast<std::uint64_t>(seed));
    std::exponential_distribution<double> share(1);
    for (int round = 0; round < 50; ++round) {
        std::vector<double> shares(1 + round % 17);
        for (double& value : shares) {
            value = std::pow(share(generator), 3);
        }
        const auto strata = static_cast<std::int64_t>(shares.size());
        std::vector<std::int64_t> before = apportion(shares, 2 * strata, 2);
        for (std::int64_t faults = 2 * strata + 1; faults < 300; ++faults) {
            const std::vector<std::int64_t> now = apportion(shares, faults, 2);
            ASSERT_EQ(std::accumulate(now.begin(), now.end(), std::int64_t{0}), faults);
            for (std::size_t h = 0; h < now.size(); ++h) {
                ASSERT_GE(now[h], before[h]) << faults;
            }
            before = now;
        }
    }
}

}  // namespace
}  // namespace fluence::statistics
