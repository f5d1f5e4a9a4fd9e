// What the resolver knows of one run of a machine, arranged for lookups by site and cycle.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "sim/core/accelerator_config.h"
#include "sim/dataflow/im2col.h"
#include "sim/dataflow/memory_map.h"
#include "sim/dataflow/space_time.h"
#include "sim/fault/span_index.h"
#include "sim/protect/memory_code.h"
#include "sim/protect/policy.h"
#include "traces/timeline.h"
#include "workloads/graph.h"

namespace fluence::fault {

using traces::Cycle;

// A layer with MACs as its GEMM.
struct MacLayer {
    const workloads::Layer* layer = nullptr;
    std::int32_t id = 0;
    dataflow::Im2col im2col;
    workloads::GemmShape gemm;
    workloads::NumberFormat input_format = workloads::NumberFormat::s8;

    std::int32_t weight(std::int64_t channel, std::int64_t k) const {
        return layer->weights[static_cast<std::size_t>(channel * gemm.k + k)];
    }
    std::int64_t output_element(std::int64_t channel, std::int64_t m) const { return channel * gemm.m + m; }
};

// The accumulators of one block of output channels and pixels: summed over its k folds, then drained by one
// pass of the vector unit.
struct AccumulatorBlock {
    std::vector<std::int32_t> folds;  // by k_fold
    std::int32_t pass = -1;
};

// One word of one load.
struct LoadedWord {
    std::int32_t load = -1;
    std::int64_t dram_word = 0;
    Cycle read = 0;   // from DRAM
    Cycle write = 0;  // edge at which it lies in the buffer
};

class MachineView {
  public:
    MachineView(const workloads::Graph& graph, const AcceleratorConfig& config, const protect::Policy& policy,
                const traces::Timeline& timeline);
    MachineView(const MachineView&) = delete;
    MachineView& operator=(const MachineView&) = delete;

    const workloads::Graph& graph;
    const AcceleratorConfig& config;
    const protect::Policy& policy;
    const traces::Timeline& timeline;
    const dataflow::SpaceTimeMap array;
    const dataflow::MemoryMap memory;
    const std::int64_t rows, cols;

    const MacLayer& mac_layer(LayerId layer) const { return *mac_layers_[index_of(layer)]; }
    const protect::MemoryCode& code(Memory of) const { return *codes_[index_of(of)]; }
    int decode_cycles(Memory of) const { return timeline.decode_cycles[index_of(of)]; }

    // Index into Timeline::folds of the last fold with stream (preload) ≤ the given cycle; −1: none.
    std::int32_t last_streaming(Cycle cycle) const { return last_not_after(by_stream_, cycle); }
    std::int32_t last_preloaded(Cycle cycle) const { return last_not_after(by_preload_, cycle); }
    // The fold preloaded in front of / behind another one; −1: none.
    std::int32_t preloaded_before(std::int32_t fold) const;
    bool is_last_preloaded(std::int32_t fold) const { return by_preload_.back().second == fold; }

    // Folds that take the block of weights (group, n_fold, k_fold) from the load.
    template <class Visit>
    void for_each_weight_fold(std::int32_t load, int group, int n_fold, int k_fold, Visit visit) const {
        visit_equal(weight_folds_[static_cast<std::size_t>(load)], {group, k_fold, n_fold}, true, visit);
    }
    // Folds that take activations of (group, k_fold) from the load.
    template <class Visit>
    void for_each_activation_fold(std::int32_t load, int group, int k_fold, Visit visit) const {
        visit_equal(activation_folds_[static_cast<std::size_t>(load)], {group, k_fold, 0}, false, visit);
    }
    struct OperandUse {
        std::int32_t pass = 0;
        std::int32_t input = 0;
    };
    const std::vector<OperandUse>& operand_uses(std::int32_t load) const {
        return operand_uses_[static_cast<std::size_t>(load)];
    }

    // Words of loads that come to lie in a buffer word, or that are read from a DRAM word; in time order.
    std::vector<LoadedWord> loads_into(Memory buffer, std::int64_t word) const;
    std::vector<LoadedWord> loads_of(std::int64_t dram_word) const;
    // Edge at which a DRAM word of activations is stored; 0 for what is there from the beginning.
    Cycle stored_at(std::int64_t dram_word) const;

    // Blocks that hold an accumulator, in time order; visit(block, position inside the block).
    template <class Visit>
    void for_each_block(std::int64_t accumulator, Visit visit) const {
        block_index_.for_each(accumulator, [&](const SpanIndex::Span& span) {
            visit(blocks_[static_cast<std::size_t>(span.item)], accumulator - span.first);
        });
    }

  private:
    using Sorted = std::vector<std::pair<Cycle, std::int32_t>>;
    struct FoldKey {
        std::int32_t group = 0, k_fold = 0, n_fold = 0;
        std::int32_t fold = 0;
    };

    static std::int32_t last_not_after(const Sorted& sorted, Cycle cycle);
    static bool before(const FoldKey& a, const FoldKey& b, bool with_n);
    template <class Visit>
    static void visit_equal(const std::vector<FoldKey>& keys, const FoldKey& key, bool with_n, Visit visit);
    void index_folds();
    void index_transfers();
    void index_blocks();
    LoadedWord loaded_word(const SpanIndex::Span& span, std::int64_t word, bool from_dram) const;

    std::vector<std::unique_ptr<MacLayer>> mac_layers_;  // null for layers without MACs
    std::vector<const protect::MemoryCode*> codes_;
    Sorted by_stream_, by_preload_;
    std::vector<std::size_t> preload_rank_;
    std::vector<std::vector<FoldKey>> weight_folds_, activation_folds_;  // by load, sorted
    std::vector<std::vector<OperandUse>> operand_uses_;                  // by load
    SpanIndex weight_loads_, activation_loads_, dram_loads_, stores_, block_index_;
    std::vector<AccumulatorBlock> blocks_;
};

inline bool MachineView::before(const FoldKey& a, const FoldKey& b, bool with_n) {
    if (a.group != b.group) {
        return a.group < b.group;
    }
    if (a.k_fold != b.k_fold) {
        return a.k_fold < b.k_fold;
    }
    return with_n && a.n_fold < b.n_fold;
}

template <class Visit>
void MachineView::visit_equal(const std::vector<FoldKey>& keys, const FoldKey& key, bool with_n,
                              Visit visit) {
    const auto range =
        std::equal_range(keys.begin(), keys.end(), key,
                         [with_n](const FoldKey& a, const FoldKey& b) { return before(a, b, with_n); });
    for (auto it = range.first; it != range.second; ++it) {
        visit(it->fold);
    }
}

}  // namespace fluence::fault
