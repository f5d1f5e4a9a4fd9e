// What the delta engine says a fault does equals a full re-execution by the reference.
#include <gtest/gtest.h>

#include "sim/arith/engine.h"
#include "tests/arith/exactness.h"
#include "tests/arith/random_faults.h"
#include "tests/support/graph_builder.h"
#include "tests/support/random_graph.h"

namespace fluence {
namespace {

using arith::Engine;
using arith::FaultyRun;
using arith::GoldenRun;
using arith::KernelKind;
using arith::LayerFault;
using arith::OutputBounds;
using arith::reference_run;
using workloads::Codes;
using workloads::Graph;
using workloads::NumberFormat;
using workloads::Window;

using test::expect_exact;

constexpr std::uint64_t kSeed = 12;

class Propagate : public testing::TestWithParam<KernelKind> {};
INSTANTIATE_TEST_SUITE_P(Arith, Propagate, testing::ValuesIn(arith::supported_kernels()),
                         [](const auto& row) { return std::string(arith::name_of(row.param)); });

TEST_P(Propagate, RandomFaultsOnRandomGraphs) {
    for (std::uint64_t sample = 0; sample < 250; ++sample) {
        RandomStream stream(kSeed, RandomPurpose::testing, sample);
        const Graph graph = test::random_graph(stream);
        const Codes image = test::random_image(graph, stream);
        const auto bounds =
            sample % 2 == 0 ? test::random_bounds(graph, stream) : std::vector<OutputBounds>{};
        Engine engine(graph, bounds, GetParam());
        const GoldenRun golden = engine.run(image);
        for (int fault = 0; fault < 20; ++fault) {
            SCOPED_TRACE("seed " + std::to_string(kSeed) + " sample " + std::to_string(sample) + " fault " +
                         std::to_string(fault));
            expect_exact(engine, bounds, golden, image, test::random_faults(graph, golden, stream));
            ASSERT_FALSE(testing::Test::HasFailure());
        }
    }
}

TEST_P(Propagate, RandomFaultsOnNetworks) {
    RandomStream stream(kSeed, RandomPurpose::testing, 1000);
    for (const Graph& graph : {test::lenet_like_graph(stream), test::resnet_like_graph(stream)}) {
        const Codes image = test::random_image(graph, stream);
        Engine engine(graph, {}, GetParam());
        const GoldenRun golden = engine.run(image);
        for (int fault = 0; fault < 60; ++fault) {
            SCOPED_TRACE("seed " + std::to_string(kSeed) + " " + graph.name + " fault " +
                         std::to_string(fault));
            expect_exact(engine, {}, golden, image, test::random_faults(graph, golden, stream));
            ASSERT_FALSE(testing::Test::HasFailure());
        }
    }
}

// A tensor that two later layers read keeps its changes until the second one: conv → (conv, add), logits.
class TwoConsumers : public testing::Test {
  protected:
    TwoConsumers() : stream_(kSeed, RandomPurpose::testing, 2000), graph_(build()), engine_(graph_) {
        image_ = test::random_image(graph_, stream_);
        golden_ = engine_.run(image_);
    }

    Graph build() {
        test::GraphBuilder builder("two-consumers", stream_, {3, 6, 6}, NumberFormat::u8);
        const Window window = {3, 3, 1, 1, 1, 1, 1, 1};
        const TensorId first = builder.conv(builder.input(), 5, {window, 1, true});
        const TensorId second = builder.conv(first, 5, {window, 1, false});
        builder.logits(builder.add(first, second, true), 4);
        return builder.finish();
    }

    void check(const LayerFault& fault) { expect_exact(engine_, {}, golden_, image_, {fault}); }

    RandomStream stream_;
    Graph graph_;
    Engine engine_;
    Codes image_;
    GoldenRun golden_;
};

TEST_F(TwoConsumers, EveryNeuronAndBitOfTheSharedTensor) {
    LayerFault fault;
    fault.layer = layer_id(0);
    for (std::int64_t index = 0; index < 5 * 36; index += 7) {
        for (int bit = 0; bit < 8; ++bit) {
            fault.outputs = {{index, 1u << bit}};
            check(fault);
        }
    }
}

TEST_F(TwoConsumers, FaultInTheLastLayer) {
    LayerFault fault;
    fault.layer = layer_id(3);
    fault.accumulators = {{1, 1 << 30}, {2, -5}};
    fault.outputs = {{3, 0x80000001u}};
    check(fault);
}

TEST_F(TwoConsumers, AllInputsChangedEverywhere) {
    LayerFault fault;
    fault.layer = layer_id(0);
    for (std::int64_t index = 0; index < 5 * 36; ++index) {
        fault.outputs.push_back({index, 0xffu});
    }
    check(fault);
}

TEST_F(TwoConsumers, ForcedOutputEqualToGoldenChangesNothing) {
    LayerFault fault;
    fault.layer = layer_id(1);
    fault.outputs = {{17, 0x40u}};
    fault.accumulators = {{17, 123456}};
    fault.forced = {{17, golden_.tensors[index_of(graph_.layers[1].output)][17]}};
    const FaultyRun run = engine_.propagate(golden_, {fault});
    EXPECT_TRUE(run.logits.empty());
    EXPECT_EQ(run.first_changed_layer, -1);
    EXPECT_EQ(run.last_changed_layer, -1);
    EXPECT_EQ(run.changed_values, 0);
}

TEST_F(TwoConsumers, DeltasOfOneAccumulatorAddAndWrap) {
    LayerFault fault;
    fault.layer = layer_id(1);
    fault.accumulators = {{20, 2147483647}, {20, 2147483647}, {20, 2}};
    EXPECT_EQ(engine_.propagate(golden_, {fault}).changed_values, 0);  // 2³² in all
    fault.accumulators.pop_back();
    check(fault);
}

// An accumulator fault behind a changed input adds to what the changed input gives.
TEST_F(TwoConsumers, AccumulatorFaultOnTopOfChangedInputs) {
    LayerFault first;
    first.layer = layer_id(0);
    first.outputs = {{40, 0x80u}};
    LayerFault second;
    second.layer = layer_id(1);
    second.accumulators = {{40, 70000}, {41, -70000}};
    expect_exact(engine_, {}, golden_, image_, {first, second});
}

// What the visitor saw, put on top of the golden tensors, is the faulty inference by the definition.
TEST_F(TwoConsumers, VisitorSeesEveryLayersChanges) {
    LayerFault first;
    first.layer = layer_id(0);
    first.outputs = {{40, 0x80u}, {3, 0x7fu}};
    LayerFault last;
    last.layer = layer_id(2);
    last.outputs = {{17, 0x3fu}};
    std::vector<Codes> tensors = golden_.tensors;
    std::vector<std::size_t> layers;
    const FaultyRun run = engine_.propagate(
        golden_, {first, last}, [&](LayerId layer, const std::vector<arith::ValueChange>& changes) {
            layers.push_back(index_of(layer));
            for (const arith::ValueChange& change : changes) {
                tensors[index_of(graph_.layer(layer).output)][static_cast<std::size_t>(change.index)] =
                    change.code;
            }
        });
    EXPECT_EQ(tensors, reference_run(graph_, {}, image_, {first, last}));
    EXPECT_TRUE(std::is_sorted(layers.begin(), layers.end()));
    ASSERT_FALSE(layers.empty());
    EXPECT_EQ(static_cast<std::int32_t>(layers.front()), run.first_changed_layer);
    EXPECT_EQ(static_cast<std::int32_t>(layers.back()), run.last_changed_layer);
}

TEST_F(TwoConsumers, NoFaultsNoChanges) {
    EXPECT_EQ(engine_.propagate(golden_, {}).first_changed_layer, -1);
}

TEST_F(TwoConsumers, ReuseLeavesNoTraces) {
    LayerFault big;
    big.layer = layer_id(0);
    for (std::int64_t index = 0; index < 5 * 36; ++index) {
        big.forced.push_back({index, 255});
    }
    LayerFault none;
    none.layer = layer_id(2);
    for (int i = 0; i < 3; ++i) {
        engine_.propagate(golden_, {big});
        EXPECT_EQ(engine_.propagate(golden_, {none}).changed_values, 0);
        check(big);
    }
}

}  // namespace
}  // namespace fluence
