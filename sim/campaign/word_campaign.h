// Timed upsets in the registers and memories of a machine of words (fxp16, fxp32, bf16, fp32), resolved
// exactly on tile level (sim/words/resolver.h). Uniform over the bits that the machine stores under its
// policy, check bits included, and over cycles; fault i depends on the seed and on i alone.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sim/core/accelerator_config.h"
#include "sim/fault/sites.h"
#include "sim/fault/upset.h"
#include "sim/protect/policy.h"
#include "traces/timeline.h"
#include "workloads/word_bundle.h"

namespace fluence::campaign {

struct WordCampaign {
    AcceleratorConfig machine;
    protect::Policy policy;   // codes of memories (words::check_policy)
    std::int64_t images = 0;  // the first of the bundle; fault i strikes image i mod images
    std::int64_t faults = 0;
    int upsets = 1;  // an inference, each drawn as if it were alone
    std::uint64_t seed = 1;
    std::vector<std::string> sites;  // kinds that are struck; empty: all
};

// masked: the same logits; benign: other logits, the same top-1; due: the policy aborted the inference. A
// word that reads as zero is judged by what comes of it (campaign::classify).
enum class WordEffect { dead, masked, benign, sdc, due };
const char* name_of(WordEffect effect);

struct WordOutcome {
    // The first of the upsets in time.
    traces::SiteKind site{};
    std::int64_t unit = 0;
    std::int32_t bit = 0;
    traces::Cycle cycle = 0;
    std::int32_t image = 0;
    WordEffect effect = WordEffect::dead;
    fault::DeadReason dead = fault::DeadReason::none;
    std::int32_t layer = -1;                         // whose work was there; −1: none
    std::uint64_t golden_bits = 0, faulty_bits = 0;  // of what was struck; wider than 64 bits: the low ones
    std::int64_t changed_values = 0;                 // outputs of all layers together
    std::int32_t golden_top1 = -1, top1 = -1;        // top1: −1 where aborted
    bool corrected = false, detected = false;        // by codes, in a read
};

struct WordCampaignResult {
    traces::Cycle cycles = 0;             // of an inference
    std::vector<fault::SiteClass> sites;  // what was drawn from
    std::int64_t images = 0,
                 golden_correct = 0;  // images that were struck; right top-1 of the fault-free runs
    std::vector<WordOutcome> faults;
};

// In `workers` processes; the result does not depend on their number. `progress`: faults done, of how many.
// Throws InputError for machines and sizes that do not fit the bundle.
WordCampaignResult run_word_campaign(const workloads::WordBundle& bundle, const std::string& file,
                                     const WordCampaign& campaign, int workers,
                                     const std::function<void(std::int64_t, std::int64_t)>& progress);

}  // namespace fluence::campaign
