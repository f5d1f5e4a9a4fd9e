// The memory system: traffic, bounds, activations that stay on chip, ports of buffers, overlap of loads and
// work; by rules over every access, by hand, and in comparison of machines.
#include <gtest/gtest.h>

#include <map>

#include "machines.h"
#include "sim/accel/machine.h"
#include "sim/arith/engine.h"
#include "sim/core/error.h"
#include "sim/dataflow/memory_map.h"
#include "tests/accel/memory_rules.h"
#include "tests/support/graph_builder.h"
#include "tests/support/random_graph.h"

namespace fluence::accel {
namespace {

constexpr std::uint64_t kSeed = 20261121;

using traces::Load;
using traces::Store;
using traces::Timeline;

std::int64_t dram_words(const Timeline& timeline) {
    std::int64_t words = 0;
    for (const traces::LayerStats& stats : timeline.layers) {
        words += stats.dram_read_words + stats.dram_write_words;
    }
    return words;
}

std::int64_t unique_words(const Timeline& timeline) {
    std::int64_t words = 0;
    for (const traces::LayerStats& stats : timeline.layers) {
        words += stats.unique_words;
    }
    return words;
}

std::int64_t port_stalls(const Timeline& timeline) {
    std::int64_t cycles = 0;
    for (const traces::LayerStats& stats : timeline.layers) {
        cycles += stats.stall_port;
    }
    return cycles;
}

int kept_loads(const Timeline& timeline) {
    int count = 0;
    for (const Load& load : timeline.loads) {
        count += load.kept ? 1 : 0;
    }
    return count;
}

// A random machine with any memory options, a random network, and what the one did with the other.
struct Drawn {
    explicit Drawn(std::uint64_t sample) : stream(kSeed, RandomPurpose::testing, sample) {
        config = test::random_machine(stream);
        graph = test::random_graph(stream, test::with_batches());
        image = test::random_image(graph, stream);
        if (stream.below(3) == 0) {
            policy = test::with_codes("secded");
        }
    }
    std::string name() const { return "seed " + std::to_string(kSeed) + ", " + to_json(config).dump(); }

    RandomStream stream;
    AcceleratorConfig config;
    workloads::Graph graph;
    workloads::Codes image;
    protect::Policy policy;
};

TEST(MachineMemory, keeps_its_rules_on_random_graphs_and_machines) {
    int ran = 0;
    int shared = 0;
    int kept = 0;
    int waited = 0;
    for (std::uint64_t sample = 0; sample < 250; ++sample) {
        Drawn drawn(sample);
        SCOPED_TRACE(drawn.name() + ", sample " + std::to_string(sample));
        Timeline timeline;
        try {
            timeline = run_machine(drawn.graph, drawn.config, drawn.policy, drawn.image).timeline;
        } catch (const InputError&) {
            continue;  // too small a machine
        }
        test::check_buffer_ports(drawn.config, timeline);
        test::check_buffer_contents(drawn.config, timeline);
        test::check_traffic_and_bounds(drawn.graph, drawn.config, timeline);
        ASSERT_FALSE(HasFailure());
        ++ran;
        shared += drawn.config.weight_buffer.banks == 1 || drawn.config.activation_buffer.banks == 1 ? 1 : 0;
        kept += kept_loads(timeline) > 0 ? 1 : 0;
        waited += port_stalls(timeline) > 0 ? 1 : 0;
    }
    EXPECT_GE(ran, 120);
    EXPECT_GE(shared, 40);
    EXPECT_GE(kept, 15);
    EXPECT_GE(waited, 20);
}

// Larger buffers never move more; large ones move each word of a layer once.
TEST(MachineMemory, traffic_does_not_grow_with_the_buffers) {
    int ran = 0;
    for (std::uint64_t sample = 1000; sample < 1040; ++sample) {
        Drawn drawn(sample);
        SCOPED_TRACE(drawn.name() + ", sample " + std::to_string(sample));
        const auto words = [&] {
            return dram_words(run_machine(drawn.graph, drawn.config, drawn.policy, drawn.image).timeline);
        };
        std::int64_t before = 0;
        try {
            before = words();
        } catch (const InputError&) {
            continue;
        }
        ++ran;
        for (int step = 0; step < 6; ++step) {
            for (BufferConfig* buffer : {&drawn.config.weight_buffer, &drawn.config.activation_buffer,
                                         &drawn.config.output_buffer}) {
                buffer->size = Bytes(2 * buffer->size.count());
                const std::int64_t now = words();
                ASSERT_LE(now, before) << "with " << to_json(drawn.config).dump();
                before = now;
            }
        }
    }
    EXPECT_GE(ran, 16);
}

TEST(MachineMemory, traffic_is_unique_where_everything_fits) {
    for (std::uint64_t sample = 2000; sample < 2040; ++sample) {
        Drawn drawn(sample);
        for (BufferConfig* buffer :
             {&drawn.config.weight_buffer, &drawn.config.activation_buffer, &drawn.config.output_buffer}) {
            buffer->size = Bytes(1 << 20);
        }
        SCOPED_TRACE(drawn.name() + ", sample " + std::to_string(sample));
        const MachineRun run = run_machine(drawn.graph, drawn.config, drawn.policy, drawn.image);
        for (std::size_t i = 0; i < drawn.graph.layers.size(); ++i) {
            const traces::LayerStats& stats = run.timeline.layers[i];
            const auto& inputs = drawn.graph.layers[i].inputs;
            if (inputs.size() < 2 || inputs[0] != inputs[1]) {
                ASSERT_EQ(stats.dram_read_words + stats.dram_write_words, stats.unique_words) << stats.name;
            }
        }
    }
}

// A chain of layers in halves that hold every tensor: only weights, parameters, the image and the logits
// cross DRAM's port, and the run is shorter.
TEST(MachineMemory, a_chain_stays_on_chip) {
    RandomStream stream(kSeed, RandomPurpose::testing, 1);
    const workloads::Graph graph = test::lenet_like_graph(stream);
    const workloads::Codes image = test::random_image(graph, stream);
    AcceleratorConfig config = test::machine("chain", {8, 8, 1 << 16, 1 << 16, 1 << 18, 64, 32, 8});
    const Timeline plain = run_machine(graph, config, {}, image).timeline;
    config.activation_buffer.keep_activations = true;
    const MachineRun run = run_machine(graph, config, {}, image);
    test::check_buffer_contents(config, run.timeline);
    EXPECT_EQ(kept_loads(plain), 0);
    const dataflow::MemoryMap map(graph, config);
    std::int64_t needed = map.activations(graph.input).words + map.activations(graph.logits).words;
    int readers = 0;
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        needed += map.weights(layer_id(i)).words + map.parameters(layer_id(i)).words;
        readers += graph.layers[i].kind != workloads::OpKind::flatten ? 1 : 0;
    }
    EXPECT_EQ(kept_loads(run.timeline), readers - 1);
    EXPECT_EQ(dram_words(run.timeline), needed);
    EXPECT_EQ(unique_words(run.timeline), needed);
    EXPECT_LT(run.timeline.cycles, plain.cycles);
    EXPECT_EQ(run.tensors, arith::reference_run(graph, {}, image, {}));
}

// A tensor with two readers, or whose reader is not the next layer, goes through DRAM.
TEST(MachineMemory, a_shortcut_goes_through_dram) {
    RandomStream stream(kSeed, RandomPurpose::testing, 2);
    const workloads::Graph graph = test::resnet_like_graph(stream);
    AcceleratorConfig config = test::machine("residual", {8, 8, 1 << 16, 1 << 16, 1 << 18, 64, 32, 8});
    config.activation_buffer.keep_activations = true;
    const Timeline timeline = run_machine(graph, config, {}, test::random_image(graph, stream)).timeline;
    test::check_buffer_contents(config, timeline);
    std::map<TensorId, int> readers;
    for (const workloads::Layer& layer : graph.layers) {
        for (const TensorId input : layer.inputs) {
            ++readers[input];
        }
    }
    int kept = 0;
    for (const Store& store : timeline.stores) {
        kept += store.to_buffer ? 1 : 0;
        EXPECT_FALSE(store.to_buffer && readers[store.tensor] > 1);
    }
    EXPECT_GT(kept, 0);
}

// 16 inputs and 4 outputs on a 4×4 array whose weight buffer holds one fold a half: four folds of one pixel.
// Words of 8 bytes, 8 bytes a cycle, DRAM latency 7; parameters are 5 words, activations 2, a fold's
// weights 4.
Timeline four_folds(int banks) {
    RandomStream stream(1, RandomPurpose::testing, 0);
    test::GraphBuilder builder("linear", stream, {16, 1, 1}, workloads::NumberFormat::s8);
    builder.logits(builder.input(), 4);
    const workloads::Graph graph = builder.finish();
    AcceleratorConfig config = test::machine("four", {4, 4, 64, 4096, 8192});
    config.weight_buffer.banks = banks;
    return run_machine(graph, config, {}, test::random_image(graph, stream)).timeline;
}

std::vector<traces::Cycle> weight_begins(const Timeline& timeline) {
    std::vector<traces::Cycle> begins;
    for (const Load& load : timeline.loads) {
        if (load.content == traces::Content::weights) {
            begins.push_back(load.begin);
        }
    }
    return begins;
}

std::vector<traces::Cycle> streams(const Timeline& timeline) {
    std::vector<traces::Cycle> cycles;
    for (const traces::Fold& fold : timeline.folds) {
        cycles.push_back(fold.stream);
    }
    return cycles;
}

// Loads at 7 and 11 (done 18 and 22). Fold 0: preload 19, stream 24; it has read its weights at 22, when load
// 2 begins (done 33). Fold 1: preload 24 + 6 = 30, stream 35; load 3 begins at 33 (done 44). Folds 2 and 3:
// preloads 35 + 6 = 41 and 52, streams 46 and 57, end 64. Pass to 68, store of 2 words to 77.
// One after the other (each load behind the fold before): preload 19, stream 24, end 31; load to 42, 43, 48,
// 55; load to 66, 67, 72, 79; load to 90, 91, 96, 103; pass to 107, store to 116.
TEST(MachineMemory, double_buffering_overlaps_by_hand) {
    const Timeline timeline = four_folds(2);
    EXPECT_EQ(weight_begins(timeline), (std::vector<traces::Cycle>{7, 11, 22, 33}));
    EXPECT_EQ(streams(timeline), (std::vector<traces::Cycle>{24, 35, 46, 57}));
    EXPECT_EQ(timeline.cycles, 77);
    traces::Cycle serial = 0;  // from each load's begin to its fold's end, one after the other
    for (const traces::Fold& fold : timeline.folds) {
        const Load& load = timeline.loads[static_cast<std::size_t>(fold.weight_load)];
        serial += (load.done() - load.begin) + 1 + 5 + 7;
    }
    EXPECT_EQ(7 + serial + 4 + 9, 116);
    EXPECT_EQ(port_stalls(timeline), 0);
}

// The same with one bank and one port. The array takes cycles 18 to 21 for fold 0 when load 0 begins, so load
// 1 begins at 15 and writes in 22 to 25. Load 2 begins at 22 and writes in 29 to 32: fold 1, ready at 30,
// reads in 33 to 36 and streams at 39. Load 3 begins at 37 and writes in 44 to 47: fold 2, ready at 45, reads
// in 48 to 51 and streams at 54; fold 3 at 65, end 72, pass to 76, store to 85.
TEST(MachineMemory, one_bank_makes_the_array_and_the_dma_wait_by_hand) {
    const Timeline timeline = four_folds(1);
    EXPECT_EQ(weight_begins(timeline), (std::vector<traces::Cycle>{7, 15, 22, 37}));
    EXPECT_EQ(streams(timeline), (std::vector<traces::Cycle>{24, 39, 54, 65}));
    EXPECT_EQ(timeline.cycles, 85);
    EXPECT_EQ(timeline.layers[0].stall_port, 8);
}

}  // namespace
}  // namespace fluence::accel
