// Rules that every timeline obeys, whatever was run: written from traces/timeline.h and
// sim/dataflow/space_time.h alone, by brute force over all records.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <vector>

#include "sim/core/accelerator_config.h"
#include "sim/dataflow/im2col.h"
#include "sim/dataflow/memory_map.h"
#include "sim/dataflow/space_time.h"
#include "traces/timeline.h"
#include "workloads/graph.h"

namespace fluence::test {

using dataflow::MemoryMap;
using dataflow::SpaceTimeMap;
using traces::Cycle;
using traces::Fold;
using traces::Load;
using traces::Segment;
using traces::Store;
using traces::Timeline;
using traces::VectorPass;

inline std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
    return (a + b - 1) / b;
}

struct Subject {
    const workloads::Graph& graph;
    const AcceleratorConfig& config;
    const Timeline& timeline;
    MemoryMap map;
    SpaceTimeMap array;

    const Load& load(std::int32_t index) const { return timeline.loads.at(static_cast<std::size_t>(index)); }
    const workloads::Layer& layer(const Fold& fold) const { return graph.layer(fold.layer); }
    Cycle decode(Memory memory) const { return timeline.decode_cycles[index_of(memory)]; }
};

inline bool holds_dram_word(const Load& load, std::int64_t word) {
    return std::any_of(load.segments.begin(), load.segments.end(),
                       [&](const Segment& s) { return word >= s.dram_word && word < s.dram_word + s.words; });
}

// What a transfer makes of the DMA: cycles for whole words, or for the bursts that are begun and the rows
// that are opened.
class PortModel {
  public:
    explicit PortModel(const DramConfig& dram) : dram_(dram) {}

    Cycle busy_cycles(const traces::Transfer& transfer, bool on_chip) {
        if (on_chip) {
            return ceil_div(transfer.words() * dram_.word_bytes(), dram_.bytes_per_cycle);
        }
        const std::int64_t unit = std::max(dram_.burst_bytes, dram_.word_bytes());
        std::int64_t bursts = 0;
        std::int64_t before = -1;  // byte address of the word before
        std::int64_t rows = 0;
        for (const Segment& segment : transfer.segments) {
            for (std::int64_t word = segment.dram_word; word < segment.dram_word + segment.words; ++word) {
                const std::int64_t byte = word * dram_.word_bytes();
                bursts += before < 0 || byte / unit != before / unit || byte < before ? 1 : 0;
                before = byte;
                if (dram_.row_bytes > 0 && byte / dram_.row_bytes != open_row_) {
                    open_row_ = byte / dram_.row_bytes;
                    ++rows;
                }
            }
        }
        return ceil_div(bursts * unit, dram_.bytes_per_cycle) + rows * dram_.row_miss.count();
    }

  private:
    const DramConfig& dram_;
    std::int64_t open_row_ = -1;
};

inline void check_port(const Subject& s) {
    struct Moved {
        const traces::Transfer* transfer;
        bool on_chip;
    };
    std::vector<Moved> transfers;
    for (const Load& load : s.timeline.loads) {
        EXPECT_GT(load.words(), 0);
        if (!load.kept) {
            transfers.push_back({&load, false});
        }
    }
    for (const Store& store : s.timeline.stores) {
        EXPECT_GT(store.words(), 0);
        transfers.push_back({&store, store.to_buffer});
    }
    std::sort(transfers.begin(), transfers.end(),
              [](const Moved& a, const Moved& b) { return a.transfer->begin < b.transfer->begin; });
    PortModel port(s.config.dram);
    Cycle free = 0;
    for (const auto& [transfer, on_chip] : transfers) {
        ASSERT_GE(transfer->begin, free) << "two transfers on one port";
        free = transfer->begin + port.busy_cycles(*transfer, on_chip);
        ASSERT_EQ(transfer->port_free(), free);
    }
}

inline void check_fold_order(const Subject& s) {
    const Fold* before = nullptr;
    for (const Fold& fold : s.timeline.folds) {
        EXPECT_GE(fold.stream, s.array.stream_after_preload(fold.preload));
        EXPECT_GE(fold.end, s.array.fold_end(fold, false));
        if (before != nullptr) {
            EXPECT_GE(fold.preload, s.array.preload_after(*before));
            EXPECT_GE(fold.stream, s.array.stream_after(*before, s.array.steps(fold)));
        }
        before = &fold;
    }
}

// One use of what a load put into a buffer.
struct Use {
    std::int32_t load = 0;
    Cycle first_read = 0, last_read = 0;

    void read(Cycle cycle) {
        first_read = std::min(first_read, cycle);
        last_read = std::max(last_read, cycle);
    }
};
inline constexpr Cycle kNever = std::numeric_limits<Cycle>::max();

// Every activation of the fold, by the roles of sim/dataflow/space_time.h: it lies in the fold's load.
inline Use activation_use(const Subject& s, const Fold& fold) {
    const int decode = static_cast<int>(s.decode(Memory::activation_buffer));
    const Load& load = s.load(fold.activation_load);
    const dataflow::Im2col im2col(s.graph, s.layer(fold));
    Use use{fold.activation_load, kNever, -1};
    for (std::int64_t m = 0; m < fold.pixels; ++m) {
        for (std::int64_t k = 0; k < fold.terms; ++k) {
            const std::int64_t element =
                im2col.input_element(fold.group, fold.first_pixel + m, fold.first_k + k);
            if (element < 0) {
                continue;
            }
            EXPECT_TRUE(holds_dram_word(load, s.map.activation_word(s.layer(fold).inputs[0], element)));
            const auto row = static_cast<int>(s.array.output_stationary() ? m : k);
            const std::int64_t step = s.array.output_stationary() ? k : m;
            use.read(s.array.input_stationary() ? s.array.stationary_read_cycle(fold, row, decode)
                                                : s.array.operand_read_cycle(fold, step, row, decode));
        }
    }
    return use;
}

// The same of its weights.
inline Use weight_use(const Subject& s, const Fold& fold) {
    const int decode = static_cast<int>(s.decode(Memory::weight_buffer));
    const Load& load = s.load(fold.weight_load);
    const int rows = s.config.array.rows;
    const int cols = s.config.array.cols;
    Use use{fold.weight_load, kNever, -1};
    for (std::int64_t k = 0; k < fold.terms; ++k) {
        for (std::int64_t n = 0; n < fold.channels; ++n) {
            const std::int64_t at_k = fold.first_k + k;
            const std::int64_t at_n = fold.first_n + n;
            const dataflow::WeightBlock block = s.map.weight_block(
                fold.layer, fold.group, static_cast<int>(at_n / cols), static_cast<int>(at_k / rows));
            EXPECT_TRUE(holds_dram_word(
                load, block.first_word + at_k % rows * block.row_words + at_n % cols / s.map.word_bytes()));
            const auto lane = static_cast<int>(s.array.output_stationary() ? n : k);
            const std::int64_t step = s.array.output_stationary() ? k : n;
            use.read(s.array.weight_stationary() ? s.array.stationary_read_cycle(fold, lane, decode)
                                                 : s.array.operand_read_cycle(fold, step, lane, decode));
        }
    }
    return use;
}

inline void check_fold_operands(const Subject& s, const Fold& fold) {
    const bool os = s.array.output_stationary();
    EXPECT_EQ(fold.used_rows, os ? fold.pixels : fold.terms);
    EXPECT_EQ(fold.used_cols, s.array.input_stationary() ? fold.pixels : fold.channels);
    EXPECT_LE(fold.used_rows, s.config.array.rows);
    EXPECT_LE(fold.used_cols, s.config.array.cols);
    EXPECT_GE(weight_use(s, fold).first_read, s.load(fold.weight_load).done());
    EXPECT_GE(activation_use(s, fold).first_read, s.load(fold.activation_load).done());
    if (s.array.weight_stationary()) {
        const dataflow::WeightBlock block =
            s.map.weight_block(fold.layer, fold.group, fold.n_fold, fold.k_fold);
        const Load& weights = s.load(fold.weight_load);
        EXPECT_TRUE(std::any_of(weights.segments.begin(), weights.segments.end(), [&](const Segment& part) {
            const std::int64_t offset = block.first_word - part.dram_word;
            return offset >= 0 && offset + block.words <= part.words &&
                   fold.weight_word == part.buffer_word + offset;
        }));
    }
}

inline std::vector<Use> buffer_uses(const Subject& s, Memory buffer) {
    std::vector<Use> uses;
    for (const Fold& fold : s.timeline.folds) {
        uses.push_back(buffer == Memory::weight_buffer ? weight_use(s, fold) : activation_use(s, fold));
    }
    for (const VectorPass& pass : s.timeline.passes) {
        for (const std::int32_t load : pass.operand_loads) {
            if (load >= 0 && buffer == Memory::activation_buffer) {
                EXPECT_GE(pass.begin, s.load(load).done());
                uses.push_back({load, pass.begin, pass.read_cycle(pass.elements - 1)});
            }
        }
    }
    return uses;
}

inline bool overlap(const Load& a, const Load& b) {
    for (const Segment& x : a.segments) {
        for (const Segment& y : b.segments) {
            if (x.buffer_word < y.buffer_word + y.words && y.buffer_word < x.buffer_word + x.words) {
                return true;
            }
        }
    }
    return false;
}

// What a fold or pass reads is what its load brought: no other load writes there in between.
inline void check_buffer(const Subject& s, Memory buffer, const BufferConfig& config) {
    for (const Load& load : s.timeline.loads) {
        for (const Segment& segment : load.segments) {
            if (!load.to_vector_unit && load.buffer == buffer) {
                EXPECT_LE((segment.buffer_word + segment.words) * config.word_bytes(), config.size.count());
            }
        }
    }
    std::map<std::int32_t, Cycle> last_read;
    for (const Use& use : buffer_uses(s, buffer)) {
        last_read[use.load] = std::max(last_read[use.load], use.last_read);
    }
    for (const auto& [index, last] : last_read) {
        const Load& own = s.load(index);
        for (const Load& other : s.timeline.loads) {
            if (&other == &own || other.to_vector_unit || other.buffer != buffer || !overlap(own, other)) {
                continue;
            }
            ASSERT_TRUE(other.done() < own.write_cycle(0) || other.write_cycle(0) > last)
                << "a half is overwritten before its last read";
        }
    }
}

// The life of one accumulator of the output buffer.
struct Accumulator {
    std::int64_t terms = 0;  // of the sum that it holds
    Cycle written = 0;       // edge of its last write
    Cycle drained = -1;      // cycle in which a pass read it last
};
using Accumulators = std::map<std::int64_t, Accumulator>;

inline void accumulate(const Subject& s, const Fold& fold, Accumulators& accumulators) {
    const Cycle decode = s.decode(Memory::output_buffer);
    for (std::int64_t m = 0; m < fold.pixels; ++m) {
        for (std::int64_t n = 0; n < fold.channels; ++n) {
            Accumulator& sum = accumulators[fold.accumulator_of(fold.first_pixel + m, fold.first_n + n)];
            const Cycle u = s.array.accumulate_cycle(fold, s.array.result_step(fold, m, n),
                                                     s.array.result_row(m), s.array.result_column(m, n));
            EXPECT_LE(u + 1, fold.end);
            if (fold.k_fold == 0) {
                EXPECT_EQ(sum.terms, 0) << "a sum is begun twice";
                EXPECT_GT(u + 1, sum.drained) << "overwritten before it is drained";
            } else {
                EXPECT_GE(u - decode, sum.written) << "read before it is written";
            }
            EXPECT_EQ(sum.terms, fold.first_k);
            sum.terms += fold.terms;
            sum.written = u + 1;
        }
    }
}

inline void check_output_buffer(const Subject& s) {
    const std::int64_t half = s.config.output_buffer.half().count() / 4;
    Accumulators accumulators;
    std::size_t next = 0;
    const VectorPass* before = nullptr;
    for (const VectorPass& pass : s.timeline.passes) {
        if (before != nullptr) {
            EXPECT_GE(pass.begin, before->begin + ceil_div(before->elements, before->lanes));
        }
        before = &pass;
        if (!s.graph.layer(pass.layer).has_macs()) {
            continue;
        }
        EXPECT_EQ(pass.elements, pass.channels * pass.pixels);
        EXPECT_LE(pass.accumulator % half + pass.elements, half);
        const auto of_pass = [&](const Fold& fold) {
            return fold.layer == pass.layer && fold.group == pass.group &&
                   fold.first_pixel >= pass.first_pixel &&
                   fold.first_pixel + fold.pixels <= pass.first_pixel + pass.pixels &&
                   fold.first_n >= pass.first_n &&
                   fold.first_n + fold.channels <= pass.first_n + pass.channels;
        };
        for (; next < s.timeline.folds.size() && of_pass(s.timeline.folds[next]); ++next) {
            const Fold& fold = s.timeline.folds[next];
            EXPECT_EQ(fold.accumulator, pass.accumulator + (fold.first_n - pass.first_n) * pass.pixels +
                                            fold.first_pixel - pass.first_pixel);
            EXPECT_EQ(fold.accumulator_stride, pass.pixels);
            EXPECT_GE(pass.begin, fold.end);
            accumulate(s, fold, accumulators);
        }
        const std::int64_t reduction = workloads::gemm_shape(s.graph, s.graph.layer(pass.layer)).k;
        for (std::int64_t i = 0; i < pass.elements; ++i) {
            Accumulator& sum = accumulators[pass.accumulator + i];
            EXPECT_EQ(sum.terms, reduction) << "a sum is not complete";
            EXPECT_GE(pass.read_cycle(i), sum.written);
            sum = {0, sum.written, pass.read_cycle(i)};
        }
    }
    EXPECT_EQ(next, s.timeline.folds.size()) << "a block is not drained";
}

inline void check_dram(const Subject& s) {
    std::set<std::int64_t> written;
    std::map<std::int32_t, Cycle> stored;  // by first word of the tensor's region
    for (const Store& store : s.timeline.stores) {
        for (const Segment& segment : store.segments) {
            for (std::int64_t word = segment.dram_word; word < segment.dram_word + segment.words; ++word) {
                EXPECT_TRUE(written.insert(word).second) << "a word is stored twice";
                const dataflow::Region& region = s.map.region_of(word);
                EXPECT_EQ(region.content, traces::Content::activations);
                EXPECT_EQ(region.owner, static_cast<std::int32_t>(store.tensor));
            }
        }
        Cycle& done = stored[static_cast<std::int32_t>(store.tensor)];
        done = std::max(done, store.done());
    }
    for (const workloads::Layer& layer : s.graph.layers) {
        const dataflow::Region& region = s.map.activations(layer.output);
        for (std::int64_t word = region.first_word; word < region.first_word + region.words; ++word) {
            EXPECT_TRUE(written.count(word) == 1) << "a word of " << layer.name << " is never stored";
        }
    }
    for (const Load& load : s.timeline.loads) {
        for (const Segment& segment : load.segments) {
            EXPECT_EQ(s.map.region_of(segment.dram_word).owner, load.owner);
            EXPECT_EQ(s.map.region_of(segment.dram_word).content, load.content);
        }
        if (load.content == traces::Content::activations) {
            EXPECT_GE(load.begin, stored[load.owner]) << "a tensor is read before it is stored";
        }
    }
}

inline void check_stats(const Subject& s) {
    std::int64_t steps = 0;
    std::int64_t bytes = 0;
    for (const Fold& fold : s.timeline.folds) {
        steps += s.array.steps(fold);
    }
    for (const Load& load : s.timeline.loads) {
        bytes += load.kept ? 0 : load.words() * load.word_bytes;
    }
    for (const Store& store : s.timeline.stores) {
        bytes += store.to_buffer ? 0 : store.words() * store.word_bytes;
        EXPECT_LE(store.done(), s.timeline.cycles);
    }
    EXPECT_GE(s.timeline.cycles, steps) << "faster than the array can be";
    EXPECT_GE(s.timeline.cycles, ceil_div(bytes, s.config.dram.bytes_per_cycle))
        << "faster than the memory can be";
    ASSERT_EQ(s.timeline.layers.size(), s.graph.layers.size());
    std::int64_t busy = 0;
    for (const traces::LayerStats& layer : s.timeline.layers) {
        for (const std::int64_t part :
             {layer.busy_cycles, layer.stall_weights, layer.stall_activations, layer.stall_drain,
              layer.stall_store, layer.stall_port, layer.preload_cycles}) {
            EXPECT_GE(part, 0);
        }
        EXPECT_LE(layer.busy_cycles + layer.stall_weights + layer.stall_activations + layer.stall_drain +
                      layer.stall_store + layer.stall_port + layer.preload_cycles,
                  layer.end - layer.begin)
            << layer.name;
        EXPECT_GE(layer.dram_read_words + layer.dram_write_words, layer.unique_words);
        EXPECT_LE(layer.utilisation, 1);
        EXPECT_LE(layer.end, s.timeline.cycles);
        busy += layer.macs > 0 ? layer.busy_cycles : 0;
    }
    EXPECT_EQ(busy, steps);
    EXPECT_EQ(s.timeline.cycles, s.timeline.layers.back().end);
}

inline void check(const workloads::Graph& graph, const AcceleratorConfig& config, const Timeline& timeline) {
    const Subject subject{graph, config, timeline, MemoryMap(graph, config), SpaceTimeMap(config.array)};
    check_port(subject);
    check_fold_order(subject);
    for (const Fold& fold : timeline.folds) {
        check_fold_operands(subject, fold);
    }
    check_buffer(subject, Memory::weight_buffer, config.weight_buffer);
    check_buffer(subject, Memory::activation_buffer, config.activation_buffer);
    check_output_buffer(subject);
    check_dram(subject);
    check_stats(subject);
}

}  // namespace fluence::test
