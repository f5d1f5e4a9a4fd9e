// The ledger of a campaign: where each fault was masked (MaskedBy, outcome.h).
#pragma once

#include <vector>

#include "sim/arith/engine.h"
#include "sim/campaign/inference.h"
#include "sim/fault/resolver.h"

namespace fluence::campaign {

struct LedgerEntry {
    MaskedBy by = MaskedBy::nothing;
    std::int32_t layer = -1;  // in which the last difference vanished; −1: in none, or in none of its own
};

// One fault under one policy, and what became of it.
struct LedgerCase {
    const arith::GoldenRun& golden;
    const fault::Resolution& resolution;
    const std::vector<arith::LayerFault>& faults;  // as the engine executed them
    const arith::FaultyRun& run;
    Outcome outcome;
    fault::DeadReason dead;  // of the inference, not of the resolution
};

// With several struck layers the one that got furthest counts. Where residual connections leave open which
// tensor was the last to differ, `engine` (which made `golden`) is asked once more.
LedgerEntry ledger_entry(const LedgerCase& one, arith::Engine& engine);
// Of a fault that struck nothing but what a request keeps (traces::is_request_state()).
LedgerEntry ledger_entry_of_state(Outcome outcome, fault::DeadReason dead);

}  // namespace fluence::campaign
