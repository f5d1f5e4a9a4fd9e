#include "analysis/ledger.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace fluence::analysis {

using campaign::kMaskedByCount;
using campaign::MaskedBy;

void LedgerCounter::add(const campaign::FaultRow& fault,
                        const std::vector<const campaign::OutcomeRow*>& rows) {
    const auto stratum = static_cast<std::size_t>(fault.stratum);
    ++drawn_[stratum];
    Cell& cell = structures_[fault.upset.site];
    cell.resize(policies_, std::vector<Counts>(drawn_.size(), Counts{}));
    for (std::size_t policy = 0; policy < rows.size(); ++policy) {
        ++cell[policy][stratum][static_cast<std::size_t>(rows[policy]->masked_by)];
    }
}

LedgerCell LedgerCounter::report(const Cell& cell, const Sampling& sampling,
                                 const std::vector<std::int64_t>& drawn) {
    LedgerCell result;
    for (const std::vector<Counts>& strata : cell) {
        LedgerEstimates& estimates = result.policies.emplace_back();
        for (std::size_t by = 0; by < estimates.size(); ++by) {
            std::vector<StratumTally> tallies;
            for (const Counts& counts : strata) {
                tallies.push_back(
                    {counts[by], std::accumulate(counts.begin(), counts.end(), std::int64_t{0})});
            }
            estimates[by] = sampling.domain_rate(tallies, drawn);
        }
    }
    return result;
}

std::vector<LedgerCell> LedgerCounter::finish(const Sampling& sampling) const {
    Cell all(policies_, std::vector<Counts>(drawn_.size(), Counts{}));
    std::vector<LedgerCell> ledger(1);
    for (const auto& [structure, cell] : structures_) {
        for (std::size_t policy = 0; policy < policies_; ++policy) {
            for (std::size_t stratum = 0; stratum < drawn_.size(); ++stratum) {
                const Counts& from = cell[policy][stratum];
                Counts& to = all[policy][stratum];
                std::transform(from.begin(), from.end(), to.begin(), to.begin(), std::plus<>());
            }
        }
        ledger.push_back(report(cell, sampling, drawn_));
        ledger.back().structure = name_of(structure);
    }
    ledger.front() = report(all, sampling, drawn_);
    return ledger;
}

std::vector<MaskedBy> entries_of(const std::vector<LedgerCell>& ledger) {
    std::vector<MaskedBy> entries;
    for (std::size_t by = 0; by < kMaskedByCount; ++by) {
        const auto has = [by](const LedgerEstimates& policy) { return policy[by].count > 0; };
        if (std::any_of(ledger.begin(), ledger.end(), [&](const LedgerCell& cell) {
                return std::any_of(cell.policies.begin(), cell.policies.end(), has);
            })) {
            entries.push_back(static_cast<MaskedBy>(by));
        }
    }
    return entries;
}

}  // namespace fluence::analysis
