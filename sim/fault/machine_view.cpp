#include "sim/fault/machine_view.h"

#include <algorithm>
#include <limits>
#include <map>
#include <stdexcept>
#include <tuple>

#include "sim/dataflow/registers.h"
#include "sim/protect/array_orders.h"
#include "sim/protect/ppe.h"
#include "sim/protect/register_code.h"

namespace fluence::fault {

MachineView::MachineView(const workloads::Graph& graph_, const AcceleratorConfig& config_,
                         const protect::Policy& policy_, const traces::Timeline& timeline_)
    : graph(graph_),
      config(config_),
      policy(policy_),
      timeline(timeline_),
      array(config_.array),
      memory(graph_, config_, protect::array_orders(policy_, graph_, config_)),
      selective(graph_, policy_, memory),
      timing(protect::timing_of(policy_)),
      filters(graph_, config_, policy_, memory, timeline_, static_cast<int>(timing.vector_pipeline.count())),
      rows(config_.array.rows),
      cols(config_.array.cols),
      array_layers_(timeline_) {
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        const workloads::Layer& layer = graph.layers[i];
        mac_layers_.emplace_back();
        if (layer.has_macs()) {
            const dataflow::Im2col im2col(graph, layer);
            const workloads::GemmShape gemm = im2col.gemm();
            mac_layers_.back() =
                std::make_unique<MacLayer>(MacLayer{&layer, static_cast<std::int32_t>(i), im2col, gemm,
                                                    graph.tensor(layer.inputs[0]).format, &memory});
        }
    }
    for (const Memory of : kMemories) {
        codes_.push_back(&protect::memory_code(policy.memory[index_of(of)].code));
    }
    index_folds();
    index_transfers();
    index_blocks();
}

const protect::RegisterPart* MachineView::register_part(traces::SiteKind site, std::int64_t unit,
                                                        Cycle cycle) const {
    const auto role = dataflow::register_role(config.array, site);
    if (!role) {
        return nullptr;
    }
    const std::int64_t column = dataflow::first_column_served(config.array, site, unit);
    const protect::RegisterPart& part = protect::register_part(policy, *role, column, config.array.cols);
    const bool checked =
        !array_layers_.any() ||
        protect::is_checked(policy, column, config.array.cols, graph.layer(array_layers_.at(cycle)).name);
    return part.code == "none" || !checked ? nullptr : &part;
}

int MachineView::register_bits(traces::SiteKind site, std::int64_t unit) const {
    const int data_bits = dataflow::register_bank(config.array, site)->bits;
    const auto role = dataflow::register_role(config.array, site);
    if (!role) {
        return data_bits;
    }
    const protect::RegisterPart& part = protect::register_part(
        policy, *role, dataflow::first_column_served(config.array, site, unit), config.array.cols);
    return protect::register_code(part.code).stored_bits(data_bits);
}

std::int32_t MachineView::last_not_after(const Sorted& sorted, Cycle cycle) {
    const auto next = std::upper_bound(sorted.begin(), sorted.end(), cycle,
                                       [](Cycle c, const auto& entry) { return c < entry.first; });
    return next == sorted.begin() ? -1 : std::prev(next)->second;
}

Cycle MachineView::next_scrub(Memory of, std::int64_t word, Cycle from) const {
    constexpr Cycle kNever = std::numeric_limits<Cycle>::max();
    const Cycle period = policy.memory[index_of(of)].scrub_period.count();
    if (period == 0) {
        return kNever;
    }
    const auto words_of = [](const BufferConfig& buffer) {
        return buffer.size.count() / buffer.word_bytes();
    };
    const std::int64_t words = of == Memory::dram                ? memory.words()
                               : of == Memory::weight_buffer     ? words_of(config.weight_buffer)
                               : of == Memory::activation_buffer ? words_of(config.activation_buffer)
                                                                 : words_of(config.output_buffer);
    // Its turns are word + 1, and then one every `words`.
    const std::int64_t earliest = (std::max<Cycle>(from, 0) + period - 1) / period;
    const std::int64_t rounds = std::max<std::int64_t>(0, (earliest - (word + 1) + words - 1) / words);
    const Cycle cycle = (word + 1 + rounds * words) * period;
    return cycle < timeline.cycles ? cycle : kNever;
}

Cycle MachineView::weight_read_cycle(const traces::Fold& f, std::int64_t k, std::int64_t n) const {
    const int decode = decode_cycles(Memory::weight_buffer);
    if (array.weight_stationary()) {
        return array.stationary_read_cycle(f, static_cast<int>(k), decode);
    }
    return array.input_stationary() ? array.operand_read_cycle(f, n, static_cast<int>(k), decode)
                                    : array.operand_read_cycle(f, k, static_cast<int>(n), decode);
}

Cycle MachineView::activation_read_cycle(const traces::Fold& f, std::int64_t m, std::int64_t k) const {
    const int decode = decode_cycles(Memory::activation_buffer);
    if (array.input_stationary()) {
        return array.stationary_read_cycle(f, static_cast<int>(k), decode);
    }
    return array.weight_stationary() ? array.operand_read_cycle(f, m, static_cast<int>(k), decode)
                                     : array.operand_read_cycle(f, k, static_cast<int>(m), decode);
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
        const FoldKey key{fold.group, fold.first_k, id};
        weight_folds_.at(static_cast<std::size_t>(fold.weight_load)).push_back(key);
        activation_folds_.at(static_cast<std::size_t>(fold.activation_load)).push_back(key);
    }
    std::sort(by_stream_.begin(), by_stream_.end());
    std::sort(by_preload_.begin(), by_preload_.end());
    preload_rank_.resize(timeline.folds.size());
    stream_rank_.resize(timeline.folds.size());
    for (std::size_t rank = 0; rank < by_preload_.size(); ++rank) {
        preload_rank_[static_cast<std::size_t>(by_preload_[rank].second)] = rank;
        stream_rank_[static_cast<std::size_t>(by_stream_[rank].second)] = rank;
        const Cycle end = fold(by_preload_[rank].second).end;
        latest_end_.push_back(rank == 0 ? end : std::max(latest_end_.back(), end));
    }
    for (auto* folds : {&weight_folds_, &activation_folds_}) {
        for (std::vector<FoldKey>& keys : *folds) {
            std::stable_sort(keys.begin(), keys.end());
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
            if (!load.kept) {
                dram_loads_.add({segment.dram_word, segment.words, id, offset, segment.buffer_word});
            }
            if (!load.to_vector_unit) {
                SpanIndex& buffer = load.buffer == Memory::weight_buffer ? weight_loads_ : activation_loads_;
                buffer.add({segment.buffer_word, segment.words, id, offset, segment.dram_word});
            }
            offset += segment.words;
        }
    }
    for (std::size_t i = 0; i < timeline.stores.size(); ++i) {
        SpanIndex& index = timeline.stores[i].to_buffer ? kept_stores_ : stores_;
        std::int64_t offset = 0;
        for (const traces::Segment& segment : timeline.stores[i].segments) {
            index.add({segment.dram_word, segment.words, static_cast<std::int32_t>(i), offset, 0});
            if (timeline.stores[i].to_buffer) {
                kept_in_buffer_.add({segment.buffer_word, segment.words, static_cast<std::int32_t>(i), offset,
                                     segment.dram_word});
            }
            offset += segment.words;
        }
    }
    for (SpanIndex* index :
         {&weight_loads_, &activation_loads_, &dram_loads_, &stores_, &kept_stores_, &kept_in_buffer_}) {
        index->finish();
    }
}

void MachineView::index_blocks() {
    // Passes by layer, group, first channel and first pixel: a fold's is the last one not behind it.
    using Corner = std::pair<std::int64_t, std::int64_t>;
    std::map<std::pair<std::int32_t, std::int32_t>, std::map<Corner, std::int32_t>> passes;
    std::int32_t macs = 0;
    for (std::size_t i = 0; i < timeline.passes.size(); ++i) {
        const traces::VectorPass& pass = timeline.passes[i];
        mac_ordinal_.push_back(-1);
        if (graph.layer(pass.layer).has_macs()) {
            mac_ordinal_.back() = macs++;
            passes[{static_cast<std::int32_t>(pass.layer), pass.group}][{pass.first_n, pass.first_pixel}] =
                static_cast<std::int32_t>(i);
        }
    }
    const auto pass_of = [&](const traces::Fold& fold) -> std::int32_t {
        const auto& candidates = passes[{static_cast<std::int32_t>(fold.layer), fold.group}];
        auto it = candidates.upper_bound({fold.first_n, std::numeric_limits<std::int64_t>::max()});
        if (it == candidates.begin()) {
            return -1;
        }
        const std::int64_t first_n = std::prev(it)->first.first;
        it = candidates.upper_bound({first_n, fold.first_pixel});
        return it == candidates.begin() ? -1 : std::prev(it)->second;
    };
    using Key = std::tuple<std::int32_t, std::int32_t, std::int64_t, std::int64_t>;
    std::map<Key, std::size_t> found;
    fold_block_.resize(timeline.folds.size());
    for (const auto& [stream, id] : by_stream_) {
        const traces::Fold& fold = timeline.folds[static_cast<std::size_t>(id)];
        const Key key{static_cast<std::int32_t>(fold.layer), fold.group, fold.first_n, fold.first_pixel};
        const auto [it, fresh] = found.emplace(key, blocks_.size());
        if (fresh) {
            blocks_.push_back({{}, pass_of(fold)});
        }
        AccumulatorBlock& block = blocks_[it->second];
        if (static_cast<std::size_t>(fold.k_fold) != block.folds.size()) {
            throw std::logic_error("timeline: k folds of a block are out of order");
        }
        if (block.pass < 0) {
            throw std::logic_error("timeline: a block of accumulators without its pass");
        }
        block.folds.push_back(id);
        fold_block_[static_cast<std::size_t>(id)] = it->second;
    }
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
        const traces::Fold& f = fold(blocks_[i].folds[0]);
        const bool dense = f.accumulator_stride == f.pixels;
        const std::int64_t runs = dense ? 1 : f.channels;
        const std::int64_t length = dense ? f.pixels * f.channels : f.pixels;
        for (std::int64_t n = 0; n < runs; ++n) {
            block_index_.add({f.accumulator + n * f.accumulator_stride, length, static_cast<std::int32_t>(i),
                              n * f.pixels, 0});
        }
    }
    block_index_.finish();
}

Cycle MachineView::sum_written(const AccumulatorBlock& block, std::int32_t k_fold,
                               std::int64_t position) const {
    const traces::Fold& f = fold(block.folds[static_cast<std::size_t>(k_fold)]);
    const std::int64_t m = position % f.pixels;
    const std::int64_t n = position / f.pixels;
    return array.accumulate_cycle(f, array.result_step(f, m, n), array.result_row(m),
                                  array.result_column(m, n)) +
           1;
}

Cycle MachineView::sum_drained(const AccumulatorBlock& block, std::int64_t position) const {
    const traces::Fold& f = fold(block.folds[0]);
    const traces::VectorPass& pass = timeline.passes[static_cast<std::size_t>(block.pass)];
    const std::int64_t m = f.first_pixel + position % f.pixels;
    const std::int64_t n = f.first_n + position / f.pixels;
    return pass.read_cycle((n - pass.first_n) * pass.pixels + m - pass.first_pixel);
}

LoadedWord MachineView::loaded_word(const SpanIndex::Span& span, std::int64_t word, bool from_dram) const {
    const traces::Load& load = timeline.loads[static_cast<std::size_t>(span.item)];
    const std::int64_t position = span.offset + word - span.first;
    LoadedWord loaded{span.item, from_dram ? word : span.partner + word - span.first,
                      load.read_cycle(position), load.write_cycle(position)};
    if (load.kept) {
        loaded.write = load.begin;
        kept_stores_.for_each(loaded.dram_word, [&](const SpanIndex::Span& stored) {
            loaded.write = timeline.stores[static_cast<std::size_t>(stored.item)].write_cycle(
                stored.offset + loaded.dram_word - stored.first);
        });
    }
    return loaded;
}

std::vector<LoadedWord> MachineView::loads_into(Memory buffer, std::int64_t word) const {
    std::vector<LoadedWord> found;
    const SpanIndex& index = buffer == Memory::weight_buffer ? weight_loads_ : activation_loads_;
    index.for_each(word,
                   [&](const SpanIndex::Span& span) { found.push_back(loaded_word(span, word, false)); });
    if (buffer == Memory::activation_buffer) {
        // What was stored there overwrites the word, whether a layer reads it or not.
        kept_in_buffer_.for_each(word, [&](const SpanIndex::Span& span) {
            const Cycle write = timeline.stores[static_cast<std::size_t>(span.item)].write_cycle(
                span.offset + word - span.first);
            const std::int64_t dram_word = span.partner + word - span.first;
            const bool read = std::any_of(found.begin(), found.end(), [&](const LoadedWord& loaded) {
                return loaded.dram_word == dram_word && loaded.write == write;
            });
            if (!read) {
                found.push_back({-1, dram_word, write, write});
            }
        });
    }
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
    kept_stores_.for_each(dram_word, [&](const SpanIndex::Span&) { cycle = timeline.cycles; });
    stores_.for_each(dram_word, [&](const SpanIndex::Span& span) {
        cycle = timeline.stores[static_cast<std::size_t>(span.item)].write_cycle(span.offset + dram_word -
                                                                                 span.first);
    });
    return cycle;
}

Cycle MachineView::written_at(std::int64_t dram_word) const {
    Cycle cycle = std::numeric_limits<Cycle>::max();
    stores_.for_each(dram_word, [&](const SpanIndex::Span& span) {
        cycle = timeline.stores[static_cast<std::size_t>(span.item)].write_cycle(span.offset + dram_word -
                                                                                 span.first);
    });
    return cycle;
}

}  // namespace fluence::fault
