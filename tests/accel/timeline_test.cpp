// Rules that every timeline obeys, whatever was run: written from traces/timeline.h and
// sim/dataflow/space_time.h alone, by brute force over all records.
#include "traces/timeline.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "machines.h"
#include "sim/accel/machine.h"
#include "sim/core/error.h"
#include "sim/dataflow/im2col.h"
#include "sim/dataflow/memory_map.h"
#include "sim/dataflow/space_time.h"
#include "tests/support/random_graph.h"

namespace fluence::accel {
namespace {

constexpr std::uint64_t kSeed = 7;

using dataflow::MemoryMap;
using dataflow::SpaceTimeMap;
using traces::Cycle;
using traces::Fold;
using traces::Load;
using traces::Segment;
using traces::Store;
using traces::Timeline;
using traces::VectorPass;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
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

bool holds_dram_word(const Load& load, std::int64_t word) {
    return std::any_of(load.segments.begin(), load.segments.end(),
                       [&](const Segment& s) { return word >= s.dram_word && word < s.dram_word + s.words; });
}

void check_port(const Subject& s) {
    std::vector<std::pair<Cycle, Cycle>> busy;
    for (const Load& load : s.timeline.loads) {
        EXPECT_GT(load.words(), 0);
        busy.emplace_back(load.begin,
                          load.begin + ceil_div(load.words() * load.word_bytes, load.bytes_per_cycle));
    }
    for (const Store& store : s.timeline.stores) {
        EXPECT_GT(store.words(), 0);
        busy.emplace_back(store.begin,
                          store.begin + ceil_div(store.words() * store.word_bytes, store.bytes_per_cycle));
    }
    std::sort(busy.begin(), busy.end());
    for (std::size_t i = 1; i < busy.size(); ++i) {
        ASSERT_GE(busy[i].first, busy[i - 1].second) << "two transfers on one port";
    }
    EXPECT_GE(busy.front().first, 0);
}

void check_fold_order(const Subject& s) {
    const Fold* before = nullptr;
    for (const Fold& fold : s.timeline.folds) {
        EXPECT_GE(fold.stream, s.array.stream_after_preload(fold.preload));
        EXPECT_GE(fold.end, s.array.fold_end(fold, false));
        if (before != nullptr) {
            EXPECT_GE(fold.preload, s.array.preload_after(*before));
            EXPECT_GE(fold.stream, s.array.stream_after(*before, s.array.steps(fold)));
            if (fold.k_fold > 0) {
                EXPECT_EQ(before->k_fold, fold.k_fold - 1);
                EXPECT_EQ(before->accumulator, fold.accumulator);
                // Accumulator of (0,0): read in cycle u' − decode, written by the fold before at u + 1.
                EXPECT_GE(s.array.accumulate_cycle(fold, 0, 0, 0) - s.decode(Memory::output_buffer),
                          s.array.accumulate_cycle(*before, 0, 0, 0) + 1);
            }
        }
        before = &fold;
    }
}

void check_fold_operands(const Subject& s, const Fold& fold) {
    const Load& weights = s.load(fold.weight_load);
    const dataflow::WeightBlock block = s.map.weight_block(fold.layer, fold.group, fold.n_fold, fold.k_fold);
    EXPECT_EQ(fold.used_rows, block.used_rows);
    EXPECT_EQ(fold.used_cols, block.used_cols);
    EXPECT_TRUE(std::any_of(weights.segments.begin(), weights.segments.end(), [&](const Segment& segment) {
        return fold.weight_word - segment.buffer_word == block.first_word - segment.dram_word;
    }));
    EXPECT_TRUE(holds_dram_word(weights, block.first_word));
    EXPECT_TRUE(holds_dram_word(weights, block.first_word + block.words - 1));
    const int rows = s.config.array.rows;
    EXPECT_GE(
        s.array.stationary_read_cycle(fold, rows - 1, static_cast<int>(s.decode(Memory::weight_buffer))),
        weights.done());

    const Load& activations = s.load(fold.activation_load);
    EXPECT_GE(s.array.operand_read_cycle(fold, 0, 0, static_cast<int>(s.decode(Memory::activation_buffer))),
              activations.done());
    const dataflow::Im2col im2col(s.graph, s.layer(fold));
    for (std::int64_t m = fold.first_pixel; m < fold.first_pixel + fold.pixels; ++m) {
        for (std::int64_t r = 0; r < fold.used_rows; ++r) {
            const std::int64_t element =
                im2col.input_element(fold.group, m, std::int64_t{fold.k_fold} * rows + r);
            if (element >= 0) {
                ASSERT_TRUE(
                    holds_dram_word(activations, s.map.activation_word(s.layer(fold).inputs[0], element)));
            }
        }
    }
}

// One use of what a load put into a buffer: from its first read to its last.
struct Use {
    std::int32_t load = 0;
    Cycle last_read = 0;
};

std::vector<Use> buffer_uses(const Subject& s, Memory buffer) {
    std::vector<Use> uses;
    for (const Fold& fold : s.timeline.folds) {
        if (buffer == Memory::weight_buffer) {
            uses.push_back({fold.weight_load,
                            s.array.stationary_read_cycle(fold, 0, static_cast<int>(s.decode(buffer)))});
        } else {
            uses.push_back(
                {fold.activation_load, s.array.operand_read_cycle(fold, fold.pixels - 1, fold.used_rows - 1,
                                                                  static_cast<int>(s.decode(buffer)))});
        }
    }
    for (const VectorPass& pass : s.timeline.passes) {
        for (const std::int32_t load : pass.operand_loads) {
            if (load >= 0 && buffer == Memory::activation_buffer) {
                EXPECT_GE(pass.begin, s.load(load).done());
                uses.push_back({load, pass.read_cycle(pass.elements - 1)});
            }
        }
    }
    return uses;
}

bool overlap(const Load& a, const Load& b) {
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
void check_buffer(const Subject& s, Memory buffer, const BufferConfig& config) {
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

void check_output_buffer(const Subject& s) {
    const std::int64_t half = s.config.output_buffer.half().count() / 4;
    std::map<std::int64_t, Cycle> read_until;  // half → last read of the block before
    std::size_t fold = 0;
    const VectorPass* before = nullptr;
    for (const VectorPass& pass : s.timeline.passes) {
        if (before != nullptr) {
            EXPECT_GE(pass.begin, before->begin + ceil_div(before->elements, before->lanes));
        }
        before = &pass;
        if (!s.graph.layer(pass.layer).has_macs()) {
            continue;
        }
        const Fold& first = s.timeline.folds.at(fold);
        EXPECT_EQ(first.k_fold, 0);
        EXPECT_EQ(first.accumulator, pass.accumulator);
        EXPECT_LE(pass.accumulator % half + pass.elements, half);
        const Cycle first_write = s.array.accumulate_cycle(first, 0, 0, 0) + 1;
        if (read_until.count(pass.accumulator) != 0) {
            EXPECT_GT(first_write, read_until[pass.accumulator])
                << "accumulators overwritten before they are drained";
        }
        fold += static_cast<std::size_t>(first.k_folds);
        EXPECT_GE(pass.begin, s.timeline.folds.at(fold - 1).end);
        read_until[pass.accumulator] = pass.read_cycle(pass.elements - 1);
    }
    EXPECT_EQ(fold, s.timeline.folds.size()) << "a block is not drained";
}

void check_dram(const Subject& s) {
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

void check_stats(const Subject& s) {
    std::int64_t pixels = 0;
    std::int64_t bytes = 0;
    for (const Fold& fold : s.timeline.folds) {
        pixels += fold.pixels;
    }
    for (const Load& load : s.timeline.loads) {
        bytes += load.words() * load.word_bytes;
    }
    for (const Store& store : s.timeline.stores) {
        bytes += store.words() * store.word_bytes;
        EXPECT_LE(store.done(), s.timeline.cycles);
    }
    EXPECT_GE(s.timeline.cycles, pixels) << "faster than the array can be";
    EXPECT_GE(s.timeline.cycles, ceil_div(bytes, s.config.dram.bytes_per_cycle))
        << "faster than the memory can be";
    ASSERT_EQ(s.timeline.layers.size(), s.graph.layers.size());
    std::int64_t busy = 0;
    for (const traces::LayerStats& layer : s.timeline.layers) {
        for (const std::int64_t part : {layer.busy_cycles, layer.stall_weights, layer.stall_activations,
                                        layer.stall_drain, layer.stall_store, layer.preload_cycles}) {
            EXPECT_GE(part, 0);
        }
        EXPECT_LE(layer.busy_cycles + layer.stall_weights + layer.stall_activations + layer.stall_drain +
                      layer.stall_store + layer.preload_cycles,
                  layer.end - layer.begin)
            << layer.name;
        EXPECT_GE(layer.dram_read_words + layer.dram_write_words, layer.unique_words);
        EXPECT_LE(layer.utilisation, 1);
        EXPECT_LE(layer.end, s.timeline.cycles);
        busy += layer.macs > 0 ? layer.busy_cycles : 0;
    }
    EXPECT_EQ(busy, pixels);
    EXPECT_EQ(s.timeline.cycles, s.timeline.layers.back().end);
}

void check(const workloads::Graph& graph, const AcceleratorConfig& config, const Timeline& timeline) {
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

TEST(MachineTimeline, obeys_its_rules_on_random_graphs) {
    protect::Policy secded;
    secded.checksum.emplace();
    for (protect::MemoryPart& part : secded.memory) {
        part.code = "secded";
    }
    int ran = 0;
    for (const AcceleratorConfig& config : test::test_machines()) {
        for (std::uint64_t sample = 0; sample < 12; ++sample) {
            SCOPED_TRACE(config.name + ", seed " + std::to_string(kSeed) + ", sample " +
                         std::to_string(sample));
            RandomStream stream(kSeed, RandomPurpose::testing, sample);
            const workloads::Graph graph = test::random_graph(stream);
            const workloads::Codes image = test::random_image(graph, stream);
            try {
                check(
                    graph, config,
                    run_machine(graph, config, sample % 3 == 0 ? secded : protect::Policy{}, image).timeline);
                ++ran;
            } catch (const InputError&) {
                // Too small a machine; values_test checks the message.
            }
            ASSERT_FALSE(HasFailure());
        }
    }
    EXPECT_GE(ran, 70);
}

TEST(MachineTimeline, does_not_depend_on_the_image) {
    RandomStream stream(kSeed, RandomPurpose::testing, 500);
    const workloads::Graph graph = test::lenet_like_graph(stream);
    const AcceleratorConfig config = test::test_machines()[2];
    const Timeline a = run_machine(graph, config, {}, test::random_image(graph, stream)).timeline;
    const Timeline b = run_machine(graph, config, {}, test::random_image(graph, stream)).timeline;
    EXPECT_EQ(a.cycles, b.cycles);
    EXPECT_EQ(a.loads.size(), b.loads.size());
}

// With halves that hold any layer, every word moves once.
TEST(MachineTimeline, traffic_is_unique_where_everything_fits) {
    AcceleratorConfig config = test::machine("large", {8, 8, 1 << 20, 1 << 20, 1 << 20, 64, 32, 8});
    for (std::uint64_t sample = 600; sample < 610; ++sample) {
        SCOPED_TRACE("seed " + std::to_string(kSeed) + ", sample " + std::to_string(sample));
        RandomStream stream(kSeed, RandomPurpose::testing, sample);
        const workloads::Graph graph = test::random_graph(stream);
        const MachineRun run = run_machine(graph, config, {}, test::random_image(graph, stream));
        for (std::size_t i = 0; i < graph.layers.size(); ++i) {
            const traces::LayerStats& stats = run.timeline.layers[i];
            const bool twice =
                graph.layers[i].inputs.size() > 1 &&
                std::set<TensorId>(graph.layers[i].inputs.begin(), graph.layers[i].inputs.end()).size() <
                    graph.layers[i].inputs.size();
            if (!twice) {
                EXPECT_EQ(stats.dram_read_words + stats.dram_write_words, stats.unique_words) << stats.name;
            }
        }
    }
}

}  // namespace
}  // namespace fluence::accel
