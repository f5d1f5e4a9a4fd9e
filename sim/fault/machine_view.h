// What the resolver knows of one run of a machine, arranged for lookups by site and cycle.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "sim/core/accelerator_config.h"
#include "sim/dataflow/array_layers.h"
#include "sim/dataflow/im2col.h"
#include "sim/dataflow/memory_map.h"
#include "sim/dataflow/space_time.h"
#include "sim/fault/filter_schedule.h"
#include "sim/fault/selective_words.h"
#include "sim/fault/span_index.h"
#include "sim/protect/memory_code.h"
#include "sim/protect/policy.h"
#include "traces/timeline.h"
#include "traces/upset.h"
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
    const dataflow::MemoryMap* memory = nullptr;

    std::int32_t weight(std::int64_t channel, std::int64_t k) const {
        return layer->weights[static_cast<std::size_t>(channel * gemm.k + k)];
    }
    std::int64_t output_element(std::int64_t channel, std::int64_t m) const { return channel * gemm.m + m; }
    // The channel at position n of a group, and back (dataflow::ChannelOrders). FoldSums, StruckOperand … and
    // accumulators count positions, outputs and parameters channels.
    std::int64_t channel(int group, std::int64_t n) const {
        return memory->channel(layer_id(static_cast<std::size_t>(id)), group, n);
    }
    std::int64_t position(std::int64_t channel) const {
        return memory->position(layer_id(static_cast<std::size_t>(id)), channel);
    }
    bool is_copy(int group, std::int64_t n) const {
        return memory->is_copy(layer_id(static_cast<std::size_t>(id)), group, n);
    }
    std::int64_t position_of(const dataflow::Field& weight) const {
        const std::int64_t channel = weight.index / gemm.k;
        const LayerId layer_at = layer_id(static_cast<std::size_t>(id));
        return weight.copy ? memory->copy_of(layer_at, channel) : memory->position(layer_at, channel);
    }
};

// The accumulators of the pixels and channels of one fold: summed over the folds of the other blocks of the
// reduction as well, then drained by a pass of the vector unit (which may drain others with them).
struct AccumulatorBlock {
    std::vector<std::int32_t> folds;  // by k_fold
    std::int32_t pass = -1;
};

// One word of one load.
struct LoadedWord {
    std::int32_t load = -1;  // −1: kept on chip, and read by nobody
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
    const SelectiveWords selective;
    const protect::PolicyTiming timing;
    const FilterSchedule filters;
    const std::int64_t rows, cols;

    const traces::Fold& fold(std::int32_t id) const { return timeline.folds[static_cast<std::size_t>(id)]; }
    const MacLayer& mac_layer(LayerId layer) const { return *mac_layers_[index_of(layer)]; }
    // Whether element `index` of a pass is the second accumulator of its output. The vector unit compares it
    // and lets nothing of it into its pipeline.
    bool is_copy(const traces::VectorPass& pass, std::int64_t index) const {
        return graph.layer(pass.layer).has_macs() &&
               memory.is_copy(pass.layer, pass.group, pass.first_n + index / pass.pixels);
    }
    const protect::MemoryCode& code(Memory of) const { return *codes_[index_of(of)]; }
    // What protects a PE register in a cycle; null: nothing.
    const protect::RegisterPart* register_part(traces::SiteKind site, std::int64_t unit, Cycle cycle) const;
    // Stored bits of a register of the array, with those of its code.
    int register_bits(traces::SiteKind site, std::int64_t unit) const;
    int decode_cycles(Memory of) const { return timeline.decode_cycles[index_of(of)]; }
    // The first cycle from `from` on in which a word is scrubbed; past all cycles where there is none.
    Cycle next_scrub(Memory of, std::int64_t word, Cycle from) const;

    // Index into Timeline::folds of the last fold with stream (preload) ≤ the given cycle; −1: none.
    std::int32_t last_streaming(Cycle cycle) const { return last_not_after(by_stream_, cycle); }
    std::int32_t last_preloaded(Cycle cycle) const { return last_not_after(by_preload_, cycle); }
    // The fold preloaded (streamed) in front of another one; −1: none.
    std::int32_t preloaded_before(std::int32_t fold) const {
        return before(by_preload_, preload_rank_, fold);
    }
    // The latest end of that fold and of all that were preloaded in front of it.
    Cycle latest_end(std::int32_t fold) const {
        return latest_end_[preload_rank_[static_cast<std::size_t>(fold)]];
    }
    std::int32_t streamed_before(std::int32_t fold) const { return before(by_stream_, stream_rank_, fold); }
    bool is_last_preloaded(std::int32_t fold) const { return by_preload_.back().second == fold; }

    // Folds that add to an output element of a layer with MACs: visit(fold, m, n), positions inside the fold.
    template <class Visit>
    void for_each_fold_of(LayerId layer, std::int64_t element, Visit visit) const {
        const MacLayer& mac = mac_layer(layer);
        const std::int64_t channel = element / mac.gemm.m, m = element % mac.gemm.m;
        const std::int64_t n = mac.position(channel);
        for (const traces::Fold& f : timeline.folds) {
            if (f.layer == layer && f.group == channel / mac.gemm.n && m >= f.first_pixel &&
                m < f.first_pixel + f.pixels && n >= f.first_n && n < f.first_n + f.channels) {
                visit(f, m - f.first_pixel, n - f.first_n);
            }
        }
    }
    // Folds that take B[k,n] (A[m,k]) of `group` from the load.
    template <class Visit>
    void for_each_weight_fold(std::int32_t load, int group, std::int64_t k, std::int64_t n,
                              Visit visit) const {
        visit_block(weight_folds_[static_cast<std::size_t>(load)], group, k, [&](std::int32_t id) {
            const traces::Fold& f = fold(id);
            if (n >= f.first_n && n < f.first_n + f.channels) {
                visit(id);
            }
        });
    }
    template <class Visit>
    void for_each_activation_fold(std::int32_t load, int group, std::int64_t m, std::int64_t k,
                                  Visit visit) const {
        visit_block(activation_folds_[static_cast<std::size_t>(load)], group, k, [&](std::int32_t id) {
            const traces::Fold& f = fold(id);
            if (m >= f.first_pixel && m < f.first_pixel + f.pixels) {
                visit(id);
            }
        });
    }
    struct OperandUse {
        std::int32_t pass = 0;
        std::int32_t input = 0;
    };
    // The block of accumulators that a fold adds to.
    const AccumulatorBlock& block_of(const traces::Fold& f) const {
        return blocks_[fold_block_[static_cast<std::size_t>(&f - timeline.folds.data())]];
    }
    // Which of the passes with MACs a pass is, from 0 on; −1 where it has none.
    std::int32_t mac_ordinal(std::int32_t pass) const { return mac_ordinal_[static_cast<std::size_t>(pass)]; }
    const std::vector<OperandUse>& operand_uses(std::int32_t load) const {
        return operand_uses_[static_cast<std::size_t>(load)];
    }

    // The cycle in which the buffers' words with B[k,n] and A[m,k] (positions inside the fold) are read for
    // it.
    Cycle weight_read_cycle(const traces::Fold& f, std::int64_t k, std::int64_t n) const;
    Cycle activation_read_cycle(const traces::Fold& f, std::int64_t m, std::int64_t k) const;

    // Words of loads that come to lie in a buffer word, or that are read from a DRAM word; in time order. A
    // kept load's words are those that the vector unit stored there; nothing reads them from DRAM.
    std::vector<LoadedWord> loads_into(Memory buffer, std::int64_t word) const;
    std::vector<LoadedWord> loads_of(std::int64_t dram_word) const;
    // Edge at which a DRAM word of activations is stored; 0 for what is there from the beginning; past the
    // end of the run where it never is.
    Cycle stored_at(std::int64_t dram_word) const;
    // Edge at which the run writes a DRAM word; past all cycles where it never does.
    Cycle written_at(std::int64_t dram_word) const;

    // Blocks that hold an accumulator, in time order; visit(block, position in the block: n·pixels + m).
    template <class Visit>
    void for_each_block(std::int64_t accumulator, Visit visit) const {
        block_index_.for_each(accumulator, [&](const SpanIndex::Span& span) {
            visit(blocks_[static_cast<std::size_t>(span.item)], span.offset + accumulator - span.first);
        });
    }
    // The edge at which the sum of a position of the block is written with the products of one of its folds,
    // and the cycle in which the vector unit reads it.
    Cycle sum_written(const AccumulatorBlock& block, std::int32_t k_fold, std::int64_t position) const;
    Cycle sum_drained(const AccumulatorBlock& block, std::int64_t position) const;

  private:
    using Sorted = std::vector<std::pair<Cycle, std::int32_t>>;
    struct FoldKey {
        std::int32_t group = 0;
        std::int64_t first_k = 0;
        std::int32_t fold = 0;
        friend bool operator<(const FoldKey& a, const FoldKey& b) {
            return a.group != b.group ? a.group < b.group : a.first_k < b.first_k;
        }
    };

    static std::int32_t last_not_after(const Sorted& sorted, Cycle cycle);
    static std::int32_t before(const Sorted& sorted, const std::vector<std::size_t>& rank,
                               std::int32_t fold) {
        const std::size_t at = rank[static_cast<std::size_t>(fold)];
        return at == 0 ? -1 : sorted[at - 1].second;
    }
    template <class Visit>
    void visit_block(const std::vector<FoldKey>& keys, int group, std::int64_t k, Visit visit) const;
    void index_folds();
    void index_transfers();
    void index_blocks();
    LoadedWord loaded_word(const SpanIndex::Span& span, std::int64_t word, bool from_dram) const;

    std::vector<std::unique_ptr<MacLayer>> mac_layers_;  // null for layers without MACs
    std::vector<const protect::MemoryCode*> codes_;
    dataflow::ArrayLayers array_layers_;
    Sorted by_stream_, by_preload_;
    std::vector<Cycle> latest_end_;                        // by rank in by_preload_: of the folds up to there
    std::vector<std::size_t> preload_rank_, stream_rank_;  // by fold
    std::vector<std::vector<FoldKey>> weight_folds_, activation_folds_;  // by load, sorted by group and k
    std::vector<std::vector<OperandUse>> operand_uses_;                  // by load
    SpanIndex weight_loads_, activation_loads_, dram_loads_, stores_, kept_stores_, kept_in_buffer_,
        block_index_;
    std::vector<AccumulatorBlock> blocks_;
    std::vector<std::size_t> fold_block_;    // by fold
    std::vector<std::int32_t> mac_ordinal_;  // by pass
};

// The blocks of a reduction do not overlap: the one with k begins at or before it, and last of those.
template <class Visit>
void MachineView::visit_block(const std::vector<FoldKey>& keys, int group, std::int64_t k,
                              Visit visit) const {
    auto it = std::upper_bound(keys.begin(), keys.end(), FoldKey{group, k, 0});
    if (it == keys.begin()) {
        return;
    }
    --it;
    const traces::Fold& last = fold(it->fold);
    if (it->group != group || k >= last.first_k + last.terms) {
        return;
    }
    for (it = std::lower_bound(keys.begin(), keys.end(), *it);
         it != keys.end() && it->group == group && it->first_k == last.first_k; ++it) {
        visit(it->fold);
    }
}

}  // namespace fluence::fault
