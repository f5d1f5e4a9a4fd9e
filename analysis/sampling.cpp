#include "analysis/sampling.h"

#include <algorithm>
#include <cmath>

namespace fluence::analysis {

namespace {

StratumTally sum_of(const std::vector<StratumTally>& tallies) {
    StratumTally sum;
    for (const StratumTally& tally : tallies) {
        sum.count += tally.count;
        sum.total += tally.total;
    }
    return sum;
}

PairedCounts sum_of(const std::vector<PairedCounts>& counts) {
    PairedCounts sum;
    for (const PairedCounts& one : counts) {
        sum.both += one.both;
        sum.only_first += one.only_first;
        sum.only_second += one.only_second;
        sum.neither += one.neither;
    }
    return sum;
}

Estimate weighted_estimate(const std::vector<statistics::StratumCount>& strata, double confidence) {
    Estimate result;
    for (const statistics::StratumCount& stratum : strata) {
        result.count += stratum.count;
        result.total += stratum.total;
    }
    const statistics::WeightedRate found = statistics::weighted_rate(strata, confidence);
    result.rate = found.rate;
    result.interval = found.interval;
    return result;
}

// Weighted correlation of two properties of the same draws, from variances and covariance of the estimates.
double correlation(const std::vector<PairedCounts>& counts, const std::vector<double>& weights) {
    double covariance = 0, first = 0, second = 0;
    for (std::size_t h = 0; h < counts.size(); ++h) {
        const double n = static_cast<double>(counts[h].total());
        if (n == 0) {
            continue;
        }
        const double both = static_cast<double>(counts[h].both) / n;
        const double p = both + static_cast<double>(counts[h].only_first) / n;
        const double q = both + static_cast<double>(counts[h].only_second) / n;
        const double share = weights[h] * weights[h] / n;
        covariance += share * (both - p * q);
        first += share * p * (1 - p);
        second += share * q * (1 - q);
    }
    return first > 0 && second > 0 ? covariance / std::sqrt(first * second) : 0;
}

}  // namespace

Sampling::Sampling(const std::vector<campaign::StratumRow>& strata, IntervalMethod method, double confidence)
    : strata_(strata),
      method_(method),
      confidence_(confidence),
      weighted_(strata.size() > 1 || (strata.size() == 1 && strata[0].population > 0)) {}

std::vector<double> Sampling::weights() const {
    std::vector<double> weights;
    for (const campaign::StratumRow& stratum : strata_) {
        weights.push_back(stratum.weight);
    }
    return weights;
}

std::vector<statistics::StratumCount> Sampling::counts_of(const std::vector<StratumTally>& tallies,
                                                          const std::vector<double>& weights) const {
    std::vector<statistics::StratumCount> counts;
    for (std::size_t h = 0; h < tallies.size(); ++h) {
        counts.push_back({weights[h], tallies[h].count, tallies[h].total});
        if (strata_[h].population > 0) {
            counts.back().population = strata_[h].population;
        }
    }
    return counts;
}

Estimate Sampling::rate(const std::vector<StratumTally>& tallies) const {
    return rate_with(tallies, weights());
}

Estimate Sampling::rate_with(const std::vector<StratumTally>& tallies,
                             const std::vector<double>& weights) const {
    if (!weighted_) {
        const StratumTally sum = sum_of(tallies);
        return estimate(method_, sum.count, sum.total, confidence_);
    }
    return weighted_estimate(counts_of(tallies, weights), confidence_);
}

Estimate Sampling::domain_rate(const std::vector<StratumTally>& tallies,
                               const std::vector<std::int64_t>& drawn) const {
    if (!weighted_) {
        const StratumTally sum = sum_of(tallies);
        return estimate(method_, sum.count, sum.total, confidence_);
    }
    std::vector<statistics::StratumCount> counts;
    for (std::size_t h = 0; h < tallies.size(); ++h) {
        if (tallies[h].total > 0 && strata_[h].weight > 0) {
            const double share = static_cast<double>(tallies[h].total) / static_cast<double>(drawn[h]);
            counts.push_back({strata_[h].weight * share, tallies[h].count, tallies[h].total});
            if (strata_[h].population > 0) {
                counts.back().population = strata_[h].population * share;
            }
        }
    }
    return weighted_estimate(counts, confidence_);
}

PairedDifference Sampling::difference(const std::vector<PairedCounts>& counts) const {
    PairedDifference result = paired_difference(sum_of(counts), confidence_);
    if (!weighted_ || result.counts.total() == 0) {
        return result;
    }
    std::vector<StratumTally> first, second;
    for (const PairedCounts& one : counts) {
        first.push_back({one.both + one.only_first, one.total()});
        second.push_back({one.both + one.only_second, one.total()});
    }
    const Estimate a = rate(first), b = rate(second);
    const double phi = correlation(counts, weights());
    const auto reach = [phi](double x, double y) {
        return std::sqrt(std::max(0.0, x * x - 2 * phi * x * y + y * y));
    };
    result.difference = a.rate - b.rate;
    result.interval.low =
        std::max(-1.0, result.difference - reach(a.rate - a.interval.low, b.interval.high - b.rate));
    result.interval.high =
        std::min(1.0, result.difference + reach(a.interval.high - a.rate, b.rate - b.interval.low));
    return result;
}

Sampling::Mean Sampling::mean(const std::vector<RunningMean>& values) const {
    Mean result;
    double seen = 0, variance = 0;
    for (std::size_t h = 0; h < values.size(); ++h) {
        seen += values[h].total() > 0 ? strata_[h].weight : 0;
    }
    for (std::size_t h = 0; h < values.size(); ++h) {
        if (values[h].total() > 0 && strata_[h].weight > 0) {
            const double weight = strata_[h].weight / seen, error = values[h].standard_error();
            result.mean += weight * values[h].mean();
            variance += weight * weight * error * error;
        }
    }
    result.standard_error = std::sqrt(variance);
    const double half = normal_quantile(confidence_) * result.standard_error;
    result.interval = {result.mean - half, result.mean + half};
    return result;
}

}  // namespace fluence::analysis
