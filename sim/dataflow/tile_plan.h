// The order of work of one inference, without times: which words every transfer moves, which fold and which
// vector pass follows which, and what must be in place before. A pure function of graph and machine;
// docs/machine.md explains it with an example. The machine adds the times.
//
// Layers with MACs are cut into tiles of output rows (all columns); a tile's input rows fit one half of the
// activation buffer. Where the whole input of the layer fits one half it is loaded once for all groups and
// tiles; where not even the input of one output row does, the reduction is split over several loads. One
// (group, tile, range of output channels) is a block: its accumulators occupy one half of the output buffer,
// in the order channel, pixel, and one vector pass drains it. The order of a block's folds, with R rows and C
// columns of the array, is the dataflow's:
//   weight stationary  block of C channels (n_fold); for n_fold, k_fold of R terms: one fold of all pixels
//   output stationary  block of C channels; for n_fold, k_fold (the terms whose weights fit one half of the
//                      weight buffer, multiples of R), R pixels: one fold
//   input stationary   block of as many channels as fit; for k_fold of R terms, C pixels: one fold of all
//                      channels
// Where a reduction is split over loads, the loads are the outermost loop of a block.
// Layers without MACs are cut into ranges of output rows (channel by channel) whose operands together fit
// one half of the activation buffer; a range is one vector pass. flatten does nothing.
// Successive fills of a buffer take its halves in turn. Where the machine keeps activations, a layer that
// needs one fill and whose output only the next layer reads, in one fill as well, stores into the half of
// that fill instead of DRAM: the tensor lies at the beginning of the half, word by word as in DRAM.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/core/accelerator_config.h"
#include "sim/dataflow/memory_map.h"
#include "traces/timeline.h"
#include "workloads/graph.h"

namespace fluence::dataflow {

// When a layer's finished codes leave the vector unit. Where a filter compares channels they wait in a
// buffer until their pixel has all of them, or until the whole layer is there.
enum class Release { at_once, complete_pixels, complete_layer };

// What the planner must know of the policy.
struct PlanOptions {
    std::vector<Release> release;   // by layer; empty: at_once
    bool filters_pixels = false;    // the pass that completes pixels also filters them (PassUse)
    std::int64_t buffer_bytes = 0;  // of codes that wait
    std::string policy;             // name, for errors
};

// What one half of a buffer holds for a while: the contents of `loads` side by side.
struct BufferFill {
    LayerId layer{};
    std::int32_t half = 0;
    std::int64_t words = 0;
    std::vector<std::int32_t> loads;  // indices into TilePlan::loads
    std::int32_t last_user = -1;      // last fold (layers with MACs) or pass that reads it
};

struct FoldUse {
    std::int32_t weight_fill = 0;
    std::int32_t activation_fill = 0;
    std::int32_t pass = 0;     // the vector pass that drains the fold's block
    std::int32_t writer = -1;  // k_fold > 0: the fold that wrote the same accumulators before
};

struct PassUse {
    std::int32_t block = -1;            // layers with MACs: ordinal of the block over the whole inference
    std::int32_t last_fold = -1;        // layers with MACs: the fold that completes the block
    std::int32_t activation_fill = -1;  // others
    std::int32_t store = -1;            // index into TilePlan::stores; −1: no word is complete yet
    std::int64_t filtered_pixels = 0;   // that are filtered behind it, before they are stored
};

// Half-open ranges of indices into the plan's lists.
struct LayerPlan {
    std::int32_t first_fold = 0, last_fold = 0;
    std::int32_t first_pass = 0, last_pass = 0;
    std::int32_t first_store = 0, last_store = 0;
    std::int32_t parameter_load = -1;
    std::int32_t kept_fill = -1;  // the activation fill that the layer's stores write; −1: they go to DRAM
    std::int64_t unique_words = 0;  // DRAM words read or written, each counted once; not what is kept
};

// `loads`, `stores`, `folds` and `passes` are the records of the timeline with their times still 0.
// Load::owner of activations is the tensor that a layer produced (behind any flatten). A load has at least
// one word; VectorPass::operand_loads is −1 for an input of which the range needs nothing.
struct TilePlan {
    std::vector<traces::Load> loads;
    std::vector<traces::Store> stores;
    std::vector<traces::Fold> folds;
    std::vector<traces::VectorPass> passes;
    std::vector<BufferFill> weight_fills, activation_fills;
    std::vector<FoldUse> fold_uses;        // one a fold
    std::vector<PassUse> pass_uses;        // one a pass
    std::vector<std::int32_t> block_pass;  // the pass of each block
    std::vector<LayerPlan> layers;         // one a layer
};

// One a dataflow. Throw InputError, naming the buffer's key, where the least tile of a layer does not fit the
// machine, or codes that wait the filter's buffer.
TilePlan plan_weight_stationary(const workloads::Graph& graph, const AcceleratorConfig& config,
                                const MemoryMap& map, const PlanOptions& options);
TilePlan plan_output_stationary(const workloads::Graph& graph, const AcceleratorConfig& config,
                                const MemoryMap& map, const PlanOptions& options);
TilePlan plan_input_stationary(const workloads::Graph& graph, const AcceleratorConfig& config,
                               const MemoryMap& map, const PlanOptions& options);

// By layer: the ends of its folds in the reduction k, ascending, the last one K; empty for layers without
// MACs. All blocks of a layer are folded alike.
std::vector<std::vector<std::int64_t>> fold_ends(const workloads::Graph& graph, const TilePlan& plan);

}  // namespace fluence::dataflow
