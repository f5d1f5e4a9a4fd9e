#include "sim/statistics/weighted.h"

#include <algorithm>
#include <boost/math/distributions/beta.hpp>
#include <cmath>
#include <stdexcept>

namespace fluence::statistics {
namespace {

// A stratum with draws. `total` is the effective number: draws over 1 − f, so that a census has no variance.
struct Cell {
    double weight = 0, rate = 0, total = 0;
};

void check(const std::vector<StratumCount>& strata) {
    for (const StratumCount& stratum : strata) {
        if (stratum.count < 0 || stratum.total < 0 || stratum.count > stratum.total ||
            !(stratum.weight >= 0)) {
            throw std::invalid_argument(
                "a stratum needs 0 <= count <= total and a weight that is not negative");
        }
    }
}

double sampled_share(const StratumCount& stratum) {
    return std::min(1.0, static_cast<double>(stratum.total) / stratum.population);
}

// Strata with draws, weights divided by the sum of all; `seen` becomes the weight of those with draws.
std::vector<Cell> cells_of(const std::vector<StratumCount>& strata, double& seen) {
    double all = 0;
    for (const StratumCount& stratum : strata) {
        all += stratum.weight;
    }
    std::vector<Cell> cells;
    seen = 0;
    for (const StratumCount& stratum : strata) {
        if (stratum.total > 0 && stratum.weight > 0) {
            const double drawn = static_cast<double>(stratum.total);
            cells.push_back({stratum.weight / all, static_cast<double>(stratum.count) / drawn,
                             drawn / (1 - sampled_share(stratum))});
            seen += cells.back().weight;
        }
    }
    return cells;
}

// How far one further event in the stratum raises the estimate.
double step_up(const Cell& cell) {
    return std::isinf(cell.total) ? 0 : cell.weight * (1 - cell.rate) / (cell.total + 1);
}

// Upper limit of Σ weight·rate for cells whose weights add up to 1: the beta distribution whose mean and
// variance are those of the sample with one further event where it weighs most.
double upper_limit(std::vector<Cell> cells, double tail) {
    const auto heaviest = std::max_element(
        cells.begin(), cells.end(), [](const Cell& a, const Cell& b) { return step_up(a) < step_up(b); });
    if (!std::isinf(heaviest->total)) {
        heaviest->rate = (heaviest->rate * heaviest->total + 1) / (heaviest->total + 1);
        heaviest->total += 1;
    }
    double mean = 0, variance = 0;
    for (const Cell& cell : cells) {
        mean += cell.weight * cell.rate;
        variance += cell.weight * cell.weight * cell.rate * (1 - cell.rate) / (cell.total + 1);
    }
    mean = std::min(mean, 1.0);
    if (!(variance > 0) || mean >= 1) {
        return mean;
    }
    const double size = mean * (1 - mean) / variance - 1;
    if (!(size > 0)) {
        return 1;
    }
    const boost::math::beta_distribution<double> limits(mean * size, (1 - mean) * size);
    return quantile(complement(limits, tail));
}

}  // namespace

WeightedRate weighted_rate(const std::vector<StratumCount>& strata, double confidence) {
    check(strata);
    if (!(confidence > 0 && confidence < 1)) {
        throw std::invalid_argument("confidence lies between 0 and 1");
    }
    double seen = 0;
    std::vector<Cell> cells = cells_of(strata, seen);
    WeightedRate result;
    if (cells.empty()) {
        result.rate = std::numeric_limits<double>::quiet_NaN();
        return result;
    }
    for (Cell& cell : cells) {
        cell.weight /= seen;
        result.rate += cell.weight * cell.rate;
    }
    result.rate = std::min(result.rate, 1.0);
    const double tail = (1 - confidence) / 2;
    double high = upper_limit(cells, tail);
    for (Cell& cell : cells) {
        cell.rate = 1 - cell.rate;
    }
    double low = 1 - upper_limit(cells, tail);
    // Rounding must neither leave the estimate outside nor say that what was never seen cannot be absent.
    low = std::min(std::max(low, 0.0), result.rate);
    high = std::max(std::min(high, 1.0), result.rate);
    result.interval = {low * seen, std::min(1.0, high * seen + std::max(0.0, 1 - seen))};
    return result;
}

double weighted_variance(const std::vector<StratumCount>& strata) {
    check(strata);
    double seen = 0;
    for (const StratumCount& stratum : strata) {
        seen += stratum.total > 0 ? stratum.weight : 0;
    }
    double variance = 0;
    for (const StratumCount& stratum : strata) {
        if (stratum.total == 0 || !(stratum.weight > 0)) {
            continue;
        }
        const double weight = stratum.weight / seen, n = static_cast<double>(stratum.total);
        const double rate = static_cast<double>(stratum.count) / n;
        const double spread = stratum.total > 1 ? rate * (1 - rate) / (n - 1) : 0.25;
        variance += weight * weight * (1 - sampled_share(stratum)) * spread;
    }
    return variance;
}

std::vector<std::int64_t> apportion(const std::vector<double>& shares, std::int64_t faults,
                                    std::int64_t least) {
    const auto strata = static_cast<std::int64_t>(shares.size());
    double all = 0;
    for (const double share : shares) {
        if (!(share >= 0)) {
            throw std::invalid_argument("shares are not negative");
        }
        all += share;
    }
    if (strata == 0 || least < 0 || faults < least * strata || !(all > 0)) {
        throw std::invalid_argument("too few faults for the strata");
    }
    std::vector<std::int64_t> seats;
    std::int64_t given = 0;
    for (const double share : shares) {
        const double quota = share / all * static_cast<double>(faults);
        seats.push_back(std::max(least, static_cast<std::int64_t>(std::floor(quota + 0.5))));
        given += seats.back();
    }
    // From a solution for some divisor to the one for the wanted sum, a fault at a time; of equals the first.
    while (given != faults) {
        const bool add = given < faults;
        std::size_t best = seats.size();
        double best_value = 0;
        for (std::size_t i = 0; i < seats.size(); ++i) {
            const double odd = 2 * static_cast<double>(seats[i]) + (add ? 1 : -1);
            if ((!add && seats[i] <= least) || (add && shares[i] == 0)) {
                continue;
            }
            const double value = shares[i] / odd;
            if (best == seats.size() || (add ? value > best_value : value < best_value)) {
                best = i;
                best_value = value;
            }
        }
        seats[best] += add ? 1 : -1;
        given += add ? 1 : -1;
    }
    return seats;
}

}  // namespace fluence::statistics
