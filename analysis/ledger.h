// Where faults were masked, by policy and structure (campaign::MaskedBy).
#pragma once

#include <array>
#include <map>
#include <vector>

#include "analysis/sampling.h"
#include "sim/campaign/outcome.h"

namespace fluence::analysis {

using LedgerEstimates = std::array<Estimate, campaign::kMaskedByCount>;  // by campaign::MaskedBy

// All faults, or those that struck one structure. Every fault is in one entry, so that rates add up to 1.
struct LedgerCell {
    std::string structure;                  // empty: all
    std::vector<LedgerEstimates> policies;  // by policy
};

class LedgerCounter {
  public:
    LedgerCounter(std::size_t policies, std::size_t strata) : policies_(policies), drawn_(strata, 0) {}
    // `rows`: by policy.
    void add(const campaign::FaultRow& fault, const std::vector<const campaign::OutcomeRow*>& rows);
    // All faults first, then by structure.
    std::vector<LedgerCell> finish(const Sampling& sampling) const;

  private:
    using Counts = std::array<std::int64_t, campaign::kMaskedByCount>;
    using Cell = std::vector<std::vector<Counts>>;  // by policy and stratum

    static LedgerCell report(const Cell& cell, const Sampling& sampling,
                             const std::vector<std::int64_t>& drawn);

    std::size_t policies_;
    std::vector<std::int64_t> drawn_;  // by stratum
    std::map<fault::SiteKind, Cell> structures_;
};

// Entries that some policy has, in their order.
std::vector<campaign::MaskedBy> entries_of(const std::vector<LedgerCell>& ledger);

}  // namespace fluence::analysis
