// Where a fault was masked, by hand on a network small enough to follow every value:
//   conv (1×1, two channels, clamp 0 … 20, halves rounded up) of a 2×2 image → max_pool 2×2 → linear, two
//   logits.
#include "sim/campaign/ledger.h"

#include <gtest/gtest.h>

#include <set>

#include "sim/campaign/plan.h"
#include "sim/campaign/runner.h"
#include "tests/campaign/small_campaign.h"
#include "tests/support/temporary_directory.h"

namespace fluence::campaign {
namespace {

using arith::LayerFault;
using workloads::Codes;
using workloads::Layer;
using workloads::NumberFormat;
using workloads::OpKind;

// Image 4 8 12 0. Sums of the conv: channel 0 x·2, channel 1 x·(−1); codes ⌊(sum + 1)/2⌋ clamped:
// channel 0 4 8 12 0, channel 1 all 0 (−2, −4, −6, 0 in front of the clamp). Pool: 12, 0.
// Logits: 12·3 + 0·1 = 36 and 12·1 + 0·1 = 12.
workloads::Graph tiny_graph() {
    workloads::Graph graph;
    graph.name = "tiny";
    graph.tensors = {{"image", {1, 2, 2}, NumberFormat::u8, 1},
                     {"conv", {2, 2, 2}, NumberFormat::u8, 1},
                     {"pool", {2, 1, 1}, NumberFormat::u8, 1},
                     {"logits", {2, 1, 1}, NumberFormat::s32, 1}};
    Layer conv;
    conv.name = "conv";
    conv.kind = OpKind::conv;
    conv.inputs = {tensor_id(0)};
    conv.output = tensor_id(1);
    conv.weights = {2, -1};
    conv.bias = {0, 0};
    conv.multiplier = {1, 1};
    conv.shift = {1, 1};
    conv.clamp_lo = 0;
    conv.clamp_hi = 20;
    Layer pool;
    pool.name = "pool";
    pool.kind = OpKind::max_pool;
    pool.inputs = {tensor_id(1)};
    pool.output = tensor_id(2);
    pool.window.kernel_h = pool.window.kernel_w = 2;
    pool.window.stride_h = pool.window.stride_w = 2;
    Layer linear;
    linear.name = "linear";
    linear.kind = OpKind::linear;
    linear.inputs = {tensor_id(2)};
    linear.output = tensor_id(3);
    linear.weights = {3, 0, 1, 0};
    linear.bias = {0, 0};
    linear.multiplier = {1, 1};
    linear.shift = {0, 0};
    linear.clamp_lo = INT32_MIN;
    linear.clamp_hi = INT32_MAX;
    graph.layers = {conv, pool, linear};
    graph.input = tensor_id(0);
    graph.logits = tensor_id(3);
    return graph;
}

const Codes kImage = {4, 8, 12, 0};

class Ledger : public testing::Test {
  protected:
    explicit Ledger(std::vector<arith::OutputBounds> bounds = {})
        : engine_(graph_, std::move(bounds)), golden_(engine_.run(kImage)) {}

    // The entry of a fault that a resolver found, without detectors.
    LedgerEntry entry(const std::vector<LayerFault>& faults, fault::Resolution resolution = {}) {
        const arith::FaultyRun run = engine_.propagate(golden_, faults);
        const Codes& logits = golden_.tensors[index_of(graph_.logits)];
        const Inference inference = conclude(logits, resolution, PolicyFlags(), run);
        return ledger_entry({golden_, resolution, faults, run, inference.outcome, inference.dead}, engine_);
    }
    static LayerFault in(std::size_t layer) {
        LayerFault fault;
        fault.layer = layer_id(layer);
        return fault;
    }
    // Output element `index` of the conv is off by `delta` in its sum.
    static LayerFault sum_off(std::int64_t index, std::int32_t delta) {
        LayerFault fault = in(0);
        fault.accumulators = {{index, delta}};
        return fault;
    }
    static void expect(const LedgerEntry& found, MaskedBy by, std::int32_t layer) {
        EXPECT_STREQ(name_of(found.by), name_of(by));
        EXPECT_EQ(found.layer, layer);
    }

    workloads::Graph graph_ = tiny_graph();
    arith::Engine engine_;
    arith::GoldenRun golden_;
};

TEST_F(Ledger, TheNetworkIsAsWorkedByHand) {
    EXPECT_EQ(golden_.tensors[1], (Codes{4, 8, 12, 0, 0, 0, 0, 0}));
    EXPECT_EQ(golden_.tensors[2], (Codes{12, 0}));
    EXPECT_EQ(golden_.tensors[3], (Codes{36, 12}));
}

TEST_F(Ledger, WithoutALayerFaultTheReasonOfTheResolverCounts) {
    const std::vector<std::pair<fault::DeadReason, MaskedBy>> reasons = {
        {fault::DeadReason::absent, MaskedBy::absent},
        {fault::DeadReason::idle, MaskedBy::idle},
        {fault::DeadReason::overwritten, MaskedBy::overwritten},
        {fault::DeadReason::never_read, MaskedBy::never_read},
        {fault::DeadReason::padding, MaskedBy::padding},
        {fault::DeadReason::corrected, MaskedBy::corrected},
    };
    for (const auto& [reason, by] : reasons) {
        fault::Resolution resolution;
        resolution.dead = reason;
        resolution.layer = 1;
        expect(entry({}, resolution), by, -1);
    }
    fault::Resolution used;
    used.dead = fault::DeadReason::no_effect;
    used.layer = 1;
    expect(entry({}, used), MaskedBy::gemm, 1);
    used.sums_absorbed = true;
    expect(entry({}, used), MaskedBy::accumulate, 1);
    used.zeroed = true;  // a word that the code could not correct reads as the zero that it held
    expect(entry({}, used), MaskedBy::suppressed, 1);
}

// Sum 16 of element 1: 15 gives (15 + 1) >> 1 = 8 as well, 14 does not.
TEST_F(Ledger, RoundingMasks) {
    expect(entry({sum_off(1, -1)}), MaskedBy::requantise, 0);
    LayerFault twice = sum_off(1, -5);
    twice.accumulators.push_back({1, 5});
    expect(entry({twice}), MaskedBy::accumulate, 0);
}

// Channel 1 of pixel 1 has the sum −8 and the code −4 in front of the clamp: anything below 0 is 0.
TEST_F(Ledger, TheClampMasks) {
    expect(entry({sum_off(5, 6)}), MaskedBy::relu, 0);
    expect(entry({sum_off(5, -1)}), MaskedBy::requantise, 0);  // (−9 + 1) >> 1 = −4
}

TEST_F(Ledger, ParametersOfTheVectorUnit) {
    LayerFault bias = in(0);
    bias.parameters = {{arith::Parameter::bias, 1, -3}};  // further below zero
    expect(entry({bias}), MaskedBy::relu, 0);
    LayerFault unused = in(0);
    unused.parameters = {{arith::Parameter::shift, 1, 40}};  // all of them become 0
    expect(entry({unused}), MaskedBy::relu, 0);
}

// Element 0 of the conv wins no maximum: 4 → 7 stays below 12.
TEST_F(Ledger, APoolMasks) {
    expect(entry({sum_off(0, 6)}), MaskedBy::pool, 1);
    LayerFault operand = in(1);  // the pool itself reads a wrong code
    operand.operands = {{0, 1, 11, 0, 2}};
    expect(entry({operand}), MaskedBy::pool, 1);
}

// Channel 1 has no weight in the linear layer: its maximum changes, the logits do not.
TEST_F(Ledger, TheLayerOfTheLogitsMasks) {
    expect(entry({sum_off(4, 20)}), MaskedBy::logits, 2);
}

TEST_F(Ledger, LogitsThatDifferAreNotMasked) {
    expect(entry({sum_off(2, 4)}), MaskedBy::same_top1, -1);  // 14: 42 and 14
    LayerFault flipped = in(2);
    flipped.outputs = {{1, 64}};  // 12 → 76
    expect(entry({flipped}), MaskedBy::nothing, -1);
}

class LedgerWithBounds : public Ledger {
  protected:
    // The conv's codes are at most 12.
    LedgerWithBounds() : Ledger(bounds()) {}
    static std::vector<arith::OutputBounds> bounds() {
        std::vector<arith::OutputBounds> all(3);
        all[0].lo = {0, 0};
        all[0].hi = {12, 12};
        return all;
    }
};

TEST_F(LedgerWithBounds, RestrictionOfTheStruckLayerMasks) {
    expect(entry({sum_off(2, 12)}), MaskedBy::suppressed, 0);  // 18 → 12
    expect(entry({sum_off(1, -1)}), MaskedBy::requantise, 0);  // it had nothing to do
}

TEST_F(LedgerWithBounds, RestrictionAndALaterLayerAreTheRestrictions) {
    expect(entry({sum_off(0, 40)}), MaskedBy::suppressed, 1);  // 20 → 12, as large as the maximum
}

// a → b → c → d, and add(d, b): the difference in c ends in d, that in b ends later, in the add.
TEST(LedgerOfResiduals, TheLastReaderOfTheLastDifferenceCounts) {
    workloads::Graph graph;
    graph.tensors = {{"image", {1, 1, 1}, NumberFormat::u8, 1}};
    const auto append = [&](const char* name, std::vector<TensorId> inputs, std::uint8_t shift) {
        Layer layer;
        layer.name = name;
        layer.kind = inputs.size() == 2 ? OpKind::add : OpKind::linear;
        layer.multiplier.assign(inputs.size(), 1);
        layer.shift = {shift};
        if (layer.kind == OpKind::linear) {
            layer.weights = {1};
            layer.bias = {0};
        }
        layer.inputs = std::move(inputs);
        layer.output = tensor_id(graph.tensors.size());
        layer.clamp_hi = 255;
        graph.layers.push_back(layer);
        graph.tensors.push_back({name, {1, 1, 1}, NumberFormat::u8, 1});
        return layer.output;
    };
    const TensorId a = append("a", {tensor_id(0)}, 0);
    const TensorId b = append("b", {a}, 0);
    const TensorId d = append("d", {append("c", {b}, 0)}, 3);
    append("logits", {append("add", {d, b}, 3)}, 0);
    graph.tensors.back().format = NumberFormat::s32;
    graph.layers.back().clamp_lo = INT32_MIN;
    graph.layers.back().clamp_hi = INT32_MAX;
    graph.input = tensor_id(0);
    graph.logits = graph.layers.back().output;
    arith::Engine engine(graph);
    const arith::GoldenRun golden = engine.run({8});
    ASSERT_EQ(golden.tensors[index_of(d)], Codes{1});  // (8 + 4) >> 3
    ASSERT_EQ(golden.tensors[5], Codes{1});            // (1 + 8 + 4) >> 3
    LayerFault fault;
    fault.layer = layer_id(0);
    fault.accumulators = {{0, 1}};  // a, b, c become 9; d and add stay
    const std::vector<LayerFault> faults = {fault};
    const arith::FaultyRun run = engine.propagate(golden, faults);
    EXPECT_EQ(run.last_changed_layer, 2);
    const LedgerEntry found =
        ledger_entry({golden, {}, faults, run, Outcome::masked, fault::DeadReason::none}, engine);
    EXPECT_STREQ(name_of(found.by), "later_layer");
    EXPECT_EQ(found.layer, 4);
}

// Every row of a campaign has an entry that fits its outcome and its flags.
TEST(LedgerOfACampaign, FitsOutcomesAndReasons) {
    const test::TemporaryDirectory folder;
    const workloads::Bundle bundle = test::small_bundle();
    std::set<MaskedBy> seen;
    for (const char* model : {"seu", "neuron-flip"}) {
        Experiment experiment = test::small_experiment(model);
        experiment.faults = 6000;
        RunOptions options;
        options.result_path = folder.file(model);
        options.workers = 2;
        run_campaign(experiment, bundle, options);
        ResultReader(options.result_path)
            .for_each_fault([&](const FaultRow& fault, const std::vector<OutcomeRow>& rows) {
                for (const OutcomeRow& row : rows) {
                    SCOPED_TRACE(std::string(model) + " fault " + std::to_string(fault.id) + " policy " +
                                 std::to_string(row.policy) + " " + name_of(row.masked_by));
                    seen.insert(row.masked_by);
                    EXPECT_EQ(row.masked_by == MaskedBy::nothing,
                              row.outcome == Outcome::sdc || row.outcome == Outcome::due);
                    EXPECT_EQ(row.masked_by == MaskedBy::same_top1, row.outcome == Outcome::benign);
                    const bool behind =
                        row.masked_by == MaskedBy::later_layer || row.masked_by == MaskedBy::logits;
                    EXPECT_TRUE(!behind || row.changed_values > 0);
                    EXPECT_TRUE(!behind || row.masked_layer > row.last_changed_layer);
                    const bool before =
                        row.masked_by == MaskedBy::gemm || row.masked_by == MaskedBy::accumulate ||
                        row.masked_by == MaskedBy::requantise || row.masked_by == MaskedBy::relu;
                    EXPECT_TRUE(!before || row.dead == fault::DeadReason::no_effect);
                    EXPECT_EQ(row.masked_by == MaskedBy::corrected, row.dead == fault::DeadReason::corrected);
                    EXPECT_TRUE(row.masked_by != MaskedBy::suppressed || row.suppressed);
                }
            });
    }
    for (const MaskedBy by : {MaskedBy::nothing, MaskedBy::idle, MaskedBy::corrected, MaskedBy::same_top1}) {
        EXPECT_EQ(seen.count(by), 1U) << name_of(by);
    }
}

}  // namespace
}  // namespace fluence::campaign
