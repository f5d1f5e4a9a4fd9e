// Rates out of counts by stratum (docs/statistics.md). With one stratum drawn with replacement they are plain
// proportions with the interval of the chosen method; otherwise weighted rates with the interval of
// sim/statistics/weighted.h.
#pragma once

#include <cstdint>
#include <vector>

#include "analysis/intervals.h"
#include "sim/campaign/result_store.h"

namespace fluence::analysis {

// Draws that were looked at and how many of them have a property, in one stratum.
struct StratumTally {
    std::int64_t count = 0, total = 0;
};

class Sampling {
  public:
    // `confidence`: of the intervals as they are computed, looks taken into account.
    Sampling(const std::vector<campaign::StratumRow>& strata, IntervalMethod method, double confidence);

    bool weighted() const { return weighted_; }
    std::size_t strata() const { return strata_.size(); }
    const campaign::StratumRow& stratum(std::size_t index) const { return strata_[index]; }
    double confidence() const { return confidence_; }

    // All draws of each stratum.
    Estimate rate(const std::vector<StratumTally>& tallies) const;
    // Draws of a domain, whose share of each stratum is known from the draws alone: `drawn` are all draws of
    // each stratum (a ratio estimate, conditional on how many draws fell into the domain).
    Estimate domain_rate(const std::vector<StratumTally>& tallies,
                         const std::vector<std::int64_t>& drawn) const;
    // The same with strata's weights replaced: Σ weights·rate / Σ weights.
    Estimate rate_with(const std::vector<StratumTally>& tallies, const std::vector<double>& weights) const;
    // Difference of two rates on the same draws. The exact McNemar test takes each draw once, whatever its
    // weight: it tests that the two conditions are alike in every stratum.
    PairedDifference difference(const std::vector<PairedCounts>& counts) const;
    // Σ W_h·mean_h with the interval of the normal approximation.
    struct Mean {
        double mean = 0, standard_error = 0;
        Interval interval;
    };
    Mean mean(const std::vector<RunningMean>& values) const;

  private:
    std::vector<statistics::StratumCount> counts_of(const std::vector<StratumTally>& tallies,
                                                    const std::vector<double>& weights) const;
    std::vector<double> weights() const;

    std::vector<campaign::StratumRow> strata_;
    IntervalMethod method_;
    double confidence_;
    bool weighted_;
};

}  // namespace fluence::analysis
