// One truth: what the closed forms say upsets do is what the register-true machine does.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sim/campaign/inference.h"
#include "sim/check/setup.h"
#include "traces/timeline.h"

namespace fluence::check {

struct Verdict {
    std::string difference;  // the first one; empty: both fidelities agree
    // The fast machine's answer, where it has one.
    campaign::PolicyFlags flags;
    fault::DeadReason dead = fault::DeadReason::none;
    campaign::Outcome outcome = campaign::Outcome::masked;
    bool recovered = false;  // the clock stood for some cycles
    int runs = 1;            // that the policy's inference end made of the inference
};

// What the tile-level machine made of a setup.
struct TileLevelRun {
    traces::Timeline timeline;
    std::string difference;  // its tensors against the engine's, without upsets; empty: none
};
// Throws InputError where the machine cannot run the network.
TileLevelRun run_tile_level(const Setup& setup);

// Compares the answers to each of `lists`: all tensors, logits, flags, outcome, runs and cycles. An answer
// that cannot be had (an exception) is a difference, and one of the tile-level run is one of every list.
using Comparison = std::function<std::vector<Verdict>(const Setup& setup, const TileLevelRun& run,
                                                      const std::vector<UpsetList>& lists)>;
std::vector<Verdict> compare_fidelities(const Setup& setup, const TileLevelRun& run,
                                        const std::vector<UpsetList>& lists);

}  // namespace fluence::check
