// Cycles worked out by hand from the formulas of docs/machine.md.
#include <gtest/gtest.h>

#include "machines.h"
#include "sim/accel/fold_timer.h"
#include "sim/accel/machine.h"
#include "tests/support/graph_builder.h"
#include "tests/support/random_graph.h"

namespace fluence::accel {
namespace {

using traces::Content;
using traces::Timeline;

const traces::Load& load_of(const Timeline& timeline, Content content) {
    for (const traces::Load& load : timeline.loads) {
        if (load.content == content) {
            return load;
        }
    }
    throw std::logic_error("no such load");
}

Timeline run_linear(int inputs, const AcceleratorConfig& config, const protect::Policy& policy = {}) {
    RandomStream stream(1, RandomPurpose::testing, 0);
    test::GraphBuilder builder("linear", stream, {inputs, 1, 1}, workloads::NumberFormat::s8);
    builder.logits(builder.input(), 2);
    const workloads::Graph graph = builder.finish();
    return run_machine(graph, config, policy, test::random_image(graph, stream)).timeline;
}

TEST(MachineTiming, one_fold_by_hand) {
    const Timeline timeline = run_linear(3, test::machine("hand", {}));
    EXPECT_EQ(load_of(timeline, Content::parameters).begin, 0);
    EXPECT_EQ(load_of(timeline, Content::parameters).done(), 10);
    EXPECT_EQ(load_of(timeline, Content::activations).begin, 3);
    EXPECT_EQ(load_of(timeline, Content::activations).done(), 11);
    EXPECT_EQ(load_of(timeline, Content::weights).begin, 4);
    EXPECT_EQ(load_of(timeline, Content::weights).done(), 14);
    ASSERT_EQ(timeline.folds.size(), 1u);
    EXPECT_EQ(timeline.folds[0].preload, 15);
    EXPECT_EQ(timeline.folds[0].stream, 20);
    EXPECT_EQ(timeline.folds[0].end, 25);
    ASSERT_EQ(timeline.passes.size(), 1u);
    EXPECT_EQ(timeline.passes[0].begin, 25);
    EXPECT_EQ(timeline.passes[0].end, 29);
    ASSERT_EQ(timeline.stores.size(), 1u);
    EXPECT_EQ(timeline.stores[0].begin, 29);
    EXPECT_EQ(timeline.stores[0].done(), 37);
    EXPECT_EQ(timeline.cycles, 37);
    // Stalls: preload R + 1 = 5 cycles come first, then the weights until 20, one busy cycle, the fold's
    // end at 25, stores until 37.
    const traces::LayerStats& stats = timeline.layers[0];
    EXPECT_EQ(stats.preload_cycles, 5);
    EXPECT_EQ(stats.stall_weights, 15);
    EXPECT_EQ(stats.stall_activations, 0);
    EXPECT_EQ(stats.stall_drain, 0);
    EXPECT_EQ(stats.busy_cycles, 1);
    EXPECT_EQ(stats.stall_store, 12);
    EXPECT_DOUBLE_EQ(stats.utilisation, 6.0 / (16 * 37));
    EXPECT_EQ(stats.dram_read_words, 7);
    EXPECT_EQ(stats.dram_write_words, 1);
    EXPECT_EQ(stats.unique_words, 8);
    // Reads: 3 weight words, 3 activations, 2 accumulators; writes: 3 + 1 words, 2 accumulators.
    EXPECT_EQ(stats.buffer_reads, 8);
    EXPECT_EQ(stats.buffer_writes, 6);
}

// One of two filters twice, and the vector unit's comparator: one column more to drain, three elements still
// in one cycle, one cycle more of the pipeline. 9 MACs.
TEST(MachineTiming, duplicated_filter_by_hand) {
    const protect::Policy policy = protect::parse_policy(
        {{"name", "p"},
         {"mac_output",
          {{{"part", "duplicate-filters"}, {"plan", {{"by", "magnitude"}, {"fraction", 0.5}}}}}}},
        "p.json");
    const Timeline timeline = run_linear(3, test::machine("hand", {}), policy);
    EXPECT_EQ(load_of(timeline, Content::weights).done(), 14);
    ASSERT_EQ(timeline.folds.size(), 1u);
    EXPECT_EQ(timeline.folds[0].channels, 3);
    EXPECT_EQ(timeline.folds[0].stream, 20);
    EXPECT_EQ(timeline.folds[0].end, 26);
    EXPECT_EQ(timeline.passes[0].elements, 3);
    EXPECT_EQ(timeline.passes[0].end, 31);
    EXPECT_EQ(timeline.cycles, 39);
    EXPECT_EQ(timeline.layers[0].macs, 9);
    EXPECT_EQ(timeline.layers[0].dram_write_words, 1);
}

TEST(MachineTiming, two_folds_by_hand) {
    const Timeline timeline = run_linear(6, test::machine("hand", {}));
    ASSERT_EQ(timeline.folds.size(), 2u);
    EXPECT_EQ(load_of(timeline, Content::weights).done(), 17);
    EXPECT_EQ(timeline.folds[0].preload, 18);
    EXPECT_EQ(timeline.folds[0].stream, 23);
    EXPECT_EQ(timeline.folds[1].preload, 29);
    EXPECT_EQ(timeline.folds[1].stream, 34);
    EXPECT_EQ(timeline.folds[1].end, 39);
    EXPECT_EQ(timeline.passes[0].end, 43);
    EXPECT_EQ(timeline.cycles, 51);
}

// The same layer where its sums stay: no preload, so the stream waits for the weights alone (14 + 1). The
// last PE copies its sum at edge 15 + 2 + 3 + 3 + 1 = 24, column 0's leaves 3 cycles later, written at 28.
// With a port a PE, column 1's leaves in cycle 15 + 2 + 1 = 18.
TEST(MachineTiming, output_stationary_by_hand) {
    AcceleratorConfig config = test::machine("hand", {});
    config.array.dataflow = "output-stationary";
    config.array.shadow_weights = false;
    const Timeline shifted = run_linear(3, config);
    ASSERT_EQ(shifted.folds.size(), 1u);
    EXPECT_EQ(shifted.folds[0].stream, 15);
    EXPECT_EQ(shifted.folds[0].end, 28);
    EXPECT_EQ(shifted.cycles, 28 + 4 + 8);
    // 6 weights and 3 activations, each for itself, and 2 accumulators; 3 + 1 words and 2 accumulators.
    EXPECT_EQ(shifted.layers[0].buffer_reads, 11);
    EXPECT_EQ(shifted.layers[0].buffer_writes, 6);
    config.array.drain = Drain::parallel;
    EXPECT_EQ(run_linear(3, config).folds[0].end, 19);
}

// And where its inputs stay: they are there at 11, preload 12, stream 12 + 5; the two channels are two steps.
TEST(MachineTiming, input_stationary_by_hand) {
    AcceleratorConfig config = test::machine("hand", {});
    config.array.dataflow = "input-stationary";
    const Timeline timeline = run_linear(3, config);
    ASSERT_EQ(timeline.folds.size(), 1u);
    EXPECT_EQ(timeline.folds[0].preload, 12);
    EXPECT_EQ(timeline.folds[0].stream, 17);
    EXPECT_EQ(timeline.folds[0].end, 17 + 1 + 0 + 3 + 1);
    EXPECT_EQ(timeline.cycles, 22 + 4 + 8);
}

// One decode cycle a memory and the checksum column, by hand on the one-fold layer: every load is done one
// later (11, 12, 15), preload 15 + 1 + 1 = 17, stream 22, end 22 + 0 + 4 + 3 + 1 = 30 (column index 4),
// pass 30 to 30 + 1 + 1 + 3 + added pipeline, store 8 more.
TEST(MachineTiming, policy_costs_cycles_where_it_acts) {
    protect::Policy policy = test::with_codes("secded");
    policy.checksum.emplace();
    const protect::PolicyTiming timing = protect::timing_of(policy);
    ASSERT_EQ(timing.decode_cycles, (std::array<std::int32_t, kMemoryCount>{1, 1, 1, 1}));
    ASSERT_TRUE(timing.checksum_column);
    const Timeline timeline = run_linear(3, test::machine("hand", {}), policy);
    EXPECT_EQ(load_of(timeline, Content::weights).done(), 15);
    EXPECT_EQ(timeline.folds[0].preload, 17);
    EXPECT_EQ(timeline.folds[0].stream, 22);
    EXPECT_EQ(timeline.folds[0].end, 30);
    EXPECT_EQ(timeline.cycles, 30 + 1 + 1 + 3 + timing.vector_pipeline.count() + 8);
}

// From preload to the last accumulator: 2R + C + M − 2 on a serial array (SCALE-Sim's formula).
TEST(MachineTiming, serial_fold_takes_2R_C_M_minus_2) {
    for (const int rows : {1, 4, 8}) {
        for (const int cols : {1, 3, 8}) {
            for (const std::int64_t pixels : {std::int64_t{1}, std::int64_t{5}, std::int64_t{64}}) {
                ArrayConfig array{rows, cols, "weight-stationary", OperandRegister::output, false};
                FoldTimer timer(array, {});
                traces::Fold fold;
                fold.pixels = pixels;
                fold.used_cols = cols;
                const traces::Cycle preload = timer.preload(99);
                EXPECT_EQ(preload, 100);
                const FoldTimes times = timer.stream(fold, {});
                EXPECT_EQ(times.end - preload, 2 * rows + cols + pixels - 2);
                // The next fold follows at once: its weights enter when the last product is done.
                EXPECT_EQ(timer.preload(0), times.stream + pixels + rows + cols - 2);
            }
        }
    }
}

// Each rule binds at its own edge: one cycle less does not delay, one more does.
TEST(MachineTiming, fold_waits_exactly_for_what_it_needs) {
    const ArrayConfig array{4, 4, "weight-stationary", OperandRegister::input, true};
    traces::Fold fold;
    fold.pixels = 10;
    fold.used_cols = 4;
    const auto stream = [&](traces::Cycle weights, traces::Cycle activations, const FoldTimer::Drain& drain) {
        FoldTimer timer(array, {});
        timer.preload(weights);
        return timer.stream(fold, {weights, activations, drain, nullptr, 0}).stream;
    };
    EXPECT_EQ(stream(19, 0, {}), 24);  // preload 20, four rows
    EXPECT_EQ(stream(20, 0, {}), 25);
    EXPECT_EQ(stream(19, 23, {}), 24);
    EXPECT_EQ(stream(19, 24, {}), 25);
    EXPECT_EQ(stream(19, 0, {24, 0}), 24);
    EXPECT_EQ(stream(19, 0, {25, 0}), 25);
    // The first accumulator is written at stream + R + 1.
    EXPECT_EQ(stream(19, 0, {0, 24 + 5}), 24);
    EXPECT_EQ(stream(19, 0, {0, 24 + 6}), 25);
}

// A fold of one pixel must not read accumulators that the fold before has not written yet.
TEST(MachineTiming, accumulators_are_read_after_they_are_written) {
    const ArrayConfig array{1, 1, "weight-stationary", OperandRegister::output, true};
    protect::PolicyTiming timing;
    timing.decode_cycles[index_of(Memory::output_buffer)] = 9;
    FoldTimer timer(array, timing);
    traces::Fold fold;
    fold.pixels = 1;
    fold.used_cols = 1;
    timer.preload(0);
    traces::Fold writer = fold;
    writer.stream = timer.stream(fold, {}).stream;
    fold.k_fold = 1;
    timer.preload(0);
    EXPECT_EQ(timer.stream(fold, {0, 0, {}, &writer, 0}).stream, writer.stream + 1 + 9);
}

}  // namespace
}  // namespace fluence::accel
