// The path of one inference's upsets from the struck sites to the logits, as plain data; analysis/path_text
// tells it in words.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/campaign/inference.h"
#include "sim/campaign/struck_site.h"

namespace fluence::campaign {

inline constexpr std::size_t kShownChanges = 4;  // examples kept of a list of changes

struct SumChange {
    std::int64_t element = 0;  // flat output element whose accumulator it is
    std::int32_t delta = 0;
};
struct CodeChange {
    std::int64_t element = 0;
    std::int32_t golden = 0, faulty = 0;
};

// What one layer saw of the upsets.
struct LayerPath {
    std::int32_t layer = 0;
    // Struck in this layer itself: counts, and the first few accumulators.
    std::int64_t sums = 0, operands = 0, parameters = 0, flipped_outputs = 0, disturbed_outputs = 0,
                 forced_outputs = 0;
    std::vector<SumChange> first_sums;
    // Output codes that differ from the fault-free run.
    std::int64_t changed = 0;
    std::vector<CodeChange> first_changes;
};

struct FaultPath {
    std::string id, policy;
    std::int64_t image = 0;
    std::int32_t label = -1;
    std::vector<StruckSite> struck;
    std::vector<LayerPath> layers;  // struck or changed, in order
    bool sums_known = true;         // false: told from output codes alone (detailed machine)
    Inference result;
    workloads::Codes golden_logits;
    std::int64_t changed_values = 0;
    std::int32_t first_changed_layer = -1, last_changed_layer = -1;
    Cycle recovery_cycles = 0;
};

// What each layer's arithmetic was made to do, and what came out of it.
std::vector<LayerPath> layer_paths(const workloads::Graph& graph, const arith::GoldenRun& golden,
                                   const TracedInference& inference);
// The same from the tensors alone.
std::vector<LayerPath> layer_paths(const workloads::Graph& graph, const arith::GoldenRun& golden,
                                   const std::vector<workloads::Codes>& tensors);

}  // namespace fluence::campaign
