#include "analysis/intervals.h"

#include <algorithm>
#include <boost/math/distributions/beta.hpp>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace fluence::analysis {

namespace {

struct MethodRow {
    IntervalMethod method;
    const char* name;
    Interval (*compute)(std::int64_t, std::int64_t, double);
};

const std::vector<MethodRow>& methods() {
    static const std::vector<MethodRow> table = {
        {IntervalMethod::wilson, "wilson", &wilson},
        {IntervalMethod::clopper_pearson, "clopper-pearson", &clopper_pearson},
    };
    return table;
}

const MethodRow& row_of(IntervalMethod method) {
    for (const MethodRow& row : methods()) {
        if (row.method == method) {
            return row;
        }
    }
    throw std::out_of_range("interval method");
}

void require_proportion(std::int64_t count, std::int64_t total, double confidence) {
    if (count < 0 || total < 0 || count > total) {
        throw std::invalid_argument("a proportion needs 0 <= count <= total");
    }
    if (!(confidence > 0 && confidence < 1)) {
        throw std::invalid_argument("confidence lies between 0 and 1");
    }
}

// Correlation of the two conditions with Newcombe's continuity correction (his φ̂ of method 10).
double paired_correlation(const PairedCounts& counts) {
    const double a = static_cast<double>(counts.both), b = static_cast<double>(counts.only_first);
    const double c = static_cast<double>(counts.only_second), d = static_cast<double>(counts.neither);
    const double margins = std::sqrt(a + b) * std::sqrt(c + d) * std::sqrt(a + c) * std::sqrt(b + d);
    if (margins == 0) {
        return 0;
    }
    const double cross = a * d - b * c;
    const double half = (a + b + c + d) / 2;
    return (cross > 0 ? std::max(cross - half, 0.0) : cross) / margins;
}

Interval newcombe_paired(const PairedCounts& counts, double difference, double confidence) {
    const std::int64_t total = counts.total();
    const std::int64_t first = counts.both + counts.only_first, second = counts.both + counts.only_second;
    const double p1 = static_cast<double>(first) / static_cast<double>(total);
    const double p2 = static_cast<double>(second) / static_cast<double>(total);
    const Interval w1 = wilson(first, total, confidence), w2 = wilson(second, total, confidence);
    const double below1 = p1 - w1.low, above1 = w1.high - p1, below2 = p2 - w2.low, above2 = w2.high - p2;
    const double phi = paired_correlation(counts);
    const auto add = [phi](double x, double y) {
        return std::sqrt(std::max(0.0, x * x - 2 * phi * x * y + y * y));
    };
    return {std::max(-1.0, difference - add(below1, above2)),
            std::min(1.0, difference + add(above1, below2))};
}

double mcnemar_exact(std::int64_t only_first, std::int64_t only_second) {
    const std::int64_t discordant = only_first + only_second;
    if (discordant == 0) {
        return 1;
    }
    const boost::math::binomial_distribution<double> under_null(static_cast<double>(discordant), 0.5);
    return std::min(1.0, 2 * cdf(under_null, static_cast<double>(std::min(only_first, only_second))));
}

}  // namespace

const char* name_of(IntervalMethod method) {
    return row_of(method).name;
}

IntervalMethod interval_method_named(const std::string& name) {
    for (const MethodRow& row : methods()) {
        if (name == row.name) {
            return row.method;
        }
    }
    throw std::out_of_range(name);
}

std::vector<std::string> interval_method_names() {
    std::vector<std::string> names;
    for (const MethodRow& row : methods()) {
        names.emplace_back(row.name);
    }
    return names;
}

double normal_quantile(double confidence) {
    require_proportion(0, 0, confidence);
    return quantile(complement(boost::math::normal_distribution<double>(), (1 - confidence) / 2));
}

Interval wilson(std::int64_t count, std::int64_t total, double confidence) {
    require_proportion(count, total, confidence);
    if (total == 0) {
        return {0, 1};
    }
    const double z = normal_quantile(confidence), n = static_cast<double>(total);
    const double p = static_cast<double>(count) / n;
    const double centre = (p + z * z / (2 * n)) / (1 + z * z / n);
    const double half = z / (1 + z * z / n) * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
    // The ends are exactly 0 and 1 where nothing or everything was counted; rounding must not say otherwise.
    return {count == 0 ? 0.0 : std::max(0.0, centre - half),
            count == total ? 1.0 : std::min(1.0, centre + half)};
}

Interval clopper_pearson(std::int64_t count, std::int64_t total, double confidence) {
    require_proportion(count, total, confidence);
    const double tail = (1 - confidence) / 2;
    const double x = static_cast<double>(count), n = static_cast<double>(total);
    Interval interval{0, 1};
    if (count > 0) {
        interval.low = quantile(boost::math::beta_distribution<double>(x, n - x + 1), tail);
    }
    if (count < total) {
        interval.high = quantile(complement(boost::math::beta_distribution<double>(x + 1, n - x), tail));
    }
    return interval;
}

Interval interval_of(IntervalMethod method, std::int64_t count, std::int64_t total, double confidence) {
    return row_of(method).compute(count, total, confidence);
}

Estimate estimate(IntervalMethod method, std::int64_t count, std::int64_t total, double confidence) {
    Estimate result;
    result.count = count;
    result.total = total;
    result.rate = total == 0 ? std::numeric_limits<double>::quiet_NaN()
                             : static_cast<double>(count) / static_cast<double>(total);
    result.interval = interval_of(method, count, total, confidence);
    return result;
}

PairedDifference paired_difference(const PairedCounts& counts, double confidence) {
    PairedDifference result;
    result.counts = counts;
    const std::int64_t total = counts.total();
    if (total == 0) {
        return result;
    }
    result.difference =
        static_cast<double>(counts.only_first - counts.only_second) / static_cast<double>(total);
    result.interval = newcombe_paired(counts, result.difference, confidence);
    result.p_value = mcnemar_exact(counts.only_first, counts.only_second);
    return result;
}

void RunningMean::add(double value) {
    ++total_;
    const double step = value - mean_;
    mean_ += step / static_cast<double>(total_);
    squares_ += step * (value - mean_);
}

double RunningMean::standard_error() const {
    if (total_ < 2) {
        return 0;
    }
    const double n = static_cast<double>(total_);
    return std::sqrt(squares_ / (n - 1) / n);
}

}  // namespace fluence::analysis
