#include "sim/fault/machine_view.h"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <tuple>

namespace fluence::fault {

MachineView::MachineView(const workloads::Graph& graph_, const AcceleratorConfig& config_,
                         const protect::Policy& policy_, const traces::Timeline& timeline_)
    : graph(graph_),
      config(config_),
      policy(policy_),
      timeline(timeline_),
      array(config_.array),
      memory(graph_, config_),
      rows(config_.array.rows),
      cols(config_.array.cols) {
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        const workloads::Layer& layer = graph.layers[i];
        mac_layers_.emplace_back();
        if (layer.has_macs()) {
            const dataflow::Im2col im2col(graph, layer);
            const workloads::GemmShape gemm = im2col.gemm();
            mac_layers_.back() = std::make_unique<MacLayer>(MacLayer{
                &layer, static_cast<std::int32_t>(i), im2col, gemm, graph.tensor(layer.inputs[0]).format});
        }
    }
    for (const Memory of : kMemories) {
        codes_.push_back(&protect::memory_code(policy.memory[index_of(of)].code));
    }
    index_folds();
    index_transfers();
    index_blocks();
}

std::int32_t MachineView::last_not_after(const Sorted& sorted, Cycle cycle) {
    const auto next = std::upper_bound(sorted.begin(), sorted.end(), cycle,
                                       [](Cycle c, const auto& entry) { return c < entry.first; });
    return next == sorted.begin() ? -1 : std::prev(next)->second;
}

std::int32_t MachineView::preloaded_before(std::int32_t fold) const {
    const std::size_t rank = preload_rank_[static_cast<std::size_t>(fold)];
    return rank == 0 ? -1 : by_preload_[rank - 1].second;
}

void MachineView::index_folds() {
    weight_folds_.resize(timeline.loads.size());
    activation_folds_.resize(timeline.loads.size());
    operand_uses_.resize(timeline.loads.size());
    for (std::size_t i = 0; i < timeline.folds.size(); ++i) {
        const traces::Fold& fold = timeline.folds[i];
        const auto id = static_cast<std::int32_t>(i);
        by_stream_.emplace_back(fold.stream, id);
        by_preload_.emplace_back(fold.preload, id);
        const FoldKey key{fold.group, fold.k_fold, fold.n_fold, id};
        weight_folds_.at(static_cast<std::size_t>(fold.weight_load)).push_back(key);
        activation_folds_.at(static_cast<std::size_t>(fold.activation_load)).push_back(key);
    }
    std::sort(by_stream_.begin(), by_stream_.end());
    std::sort(by_preload_.begin(), by_preload_.end());
    preload_rank_.resize(timeline.folds.size());
    for (std::size_t rank = 0; rank < by_preload_.size(); ++rank) {
        preload_rank_[static_cast<std::size_t>(by_preload_[rank].second)] = rank;
    }
    for (auto* folds : {&weight_folds_, &activation_folds_}) {
        for (std::vector<FoldKey>& keys : *folds) {
            std::stable_sort(keys.begin(), keys.end(),
                             [](const FoldKey& a, const FoldKey& b) { return before(a, b, true); });
        }
    }
    for (std::size_t p = 0; p < timeline.passes.size(); ++p) {
        const std::vector<std::int32_t>& loads = timeline.passes[p].operand_loads;
        for (std::size_t i = 0; i < loads.size(); ++i) {
            if (loads[i] >= 0) {  // −1: this range of outputs needs nothing of that input
                operand_uses_.at(static_cast<std::size_t>(loads[i]))
                    .push_back({static_cast<std::int32_t>(p), static_cast<std::int32_t>(i)});
            }
        }
    }
}

void MachineView::index_transfers() {
    for (std::size_t i = 0; i < timeline.loads.size(); ++i) {
        const traces::Load& load = timeline.loads[i];
        const auto id = static_cast<std::int32_t>(i);
        std::int64_t offset = 0;
        for (const traces::Segment& segment : load.segments) {
            dram_loads_.add({segment.dram_word, segment.words, id, offset, segment.buffer_word});
            if (!load.to_vector_unit) {
                SpanIndex& buffer = load.buffer == Memory::weight_buffer ? weight_loads_ : activation_loads_;
                buffer.add({segment.buffer_word, segment.words, id, offset, segment.dram_word});
            }
            offset += segment.words;
        }
    }
    for (std::size_t i = 0; i < timeline.stores.size(); ++i) {
        std::int64_t offset = 0;
        for (const traces::Segment& segment : timeline.stores[i].segments) {
            stores_.add({segment.dram_word, segment.words, static_cast<std::int32_t>(i), offset, 0});
            offset += segment.words;
        }
    }
    for (SpanIndex* index : {&weight_loads_, &activation_loads_, &dram_loads_, &stores_}) {
        index->finish();
    }
}

void MachineView::index_blocks() {
    using Key = std::tuple<std::int32_t, std::int32_t, std::int32_t, std::int64_t>;
    std::map<Key, std::size_t> found;
    const auto block_of = [&](const auto& part) -> AccumulatorBlock& {
        const Key key{static_cast<std::int32_t>(part.layer), part.group, part.n_fold, part.first_pixel};
        const auto [it, fresh] = found.emplace(key, blocks_.size());
        if (fresh) {
            blocks_.emplace_back();
        }
        return blocks_[it->second];
    };
    for (const auto& [stream, id] : by_stream_) {
        const traces::Fold& fold = timeline.folds[static_cast<std::size_t>(id)];
        AccumulatorBlock& block = block_of(fold);
        if (static_cast<std::size_t>(fold.k_fold) != block.folds.size()) {
            throw std::logic_error("timeline: k folds of a block are out of order");
        }
        block.folds.push_back(id);
    }
    for (std::size_t i = 0; i < timeline.passes.size(); ++i) {
        if (graph.layer(timeline.passes[i].layer).has_macs()) {
            block_of(timeline.passes[i]).pass = static_cast<std::int32_t>(i);
        }
    }
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
        if (blocks_[i].folds.empty() || blocks_[i].pass < 0) {
            throw std::logic_error("timeline: a block of accumulators without its folds or its pass");
        }
        const traces::Fold& fold = timeline.folds[static_cast<std::size_t>(blocks_[i].folds[0])];
        block_index_.add(
            {fold.accumulator, fold.pixels * fold.used_cols, static_cast<std::int32_t>(i), 0, 0});
    }
    block_index_.finish();
}

LoadedWord MachineView::loaded_word(const SpanIndex::Span& span, std::int64_t word, bool from_dram) const {
    const traces::Load& load = timeline.loads[static_cast<std::size_t>(span.item)];
    const std::int64_t position = span.offset + word - span.first;
    return {span.item, from_dram ? word : span.partner + word - span.first, load.read_cycle(position),
            load.write_cycle(position)};
}

std::vector<LoadedWord> MachineView::loads_into(Memory buffer, std::int64_t word) const {
    std::vector<LoadedWord> found;
    const SpanIndex& index = buffer == Memory::weight_buffer ? weight_loads_ : activation_loads_;
    index.for_each(word,
                   [&](const SpanIndex::Span& span) { found.push_back(loaded_word(span, word, false)); });
    std::stable_sort(found.begin(), found.end(),
                     [](const LoadedWord& a, const LoadedWord& b) { return a.write < b.write; });
    return found;
}

std::vector<LoadedWord> MachineView::loads_of(std::int64_t dram_word) const {
    std::vector<LoadedWord> found;
    dram_loads_.for_each(
        dram_word, [&](const SpanIndex::Span& span) { found.push_back(loaded_word(span, dram_word, true)); });
    std::stable_sort(found.begin(), found.end(),
                     [](const LoadedWord& a, const LoadedWord& b) { return a.read < b.read; });
    return found;
}

Cycle MachineView::stored_at(std::int64_t dram_word) const {
    Cycle cycle = 0;
    stores_.for_each(dram_word, [&](const SpanIndex::Span& span) {
        cycle = timeline.stores[static_cast<std::size_t>(span.item)].write_cycle(span.offset + dram_word -
                                                                                 span.first);
    });
    return cycle;
}

}  // namespace fluence::fault
