// Filters on whole output pixels: the engine against the reference, and what counts as filtered by hand.
#include <gtest/gtest.h>

#include "sim/arith/engine.h"
#include "tests/arith/exactness.h"
#include "tests/arith/random_faults.h"
#include "tests/support/random_graph.h"

namespace fluence {
namespace {

using arith::Engine;
using arith::FaultyRun;
using arith::GoldenRun;
using arith::LayerFault;
using arith::LayerFilters;
using arith::OutputBounds;
using workloads::Graph;
using workloads::NumberFormat;

constexpr std::uint64_t kSeed = 31;

TEST(PixelFilters, RandomFaultsOnRandomGraphs) {
    std::int64_t filtered = 0;
    for (std::uint64_t sample = 0; sample < 200; ++sample) {
        RandomStream stream(kSeed, RandomPurpose::testing, sample);
        const Graph graph = test::random_graph(stream);
        const auto image = test::random_image(graph, stream);
        const auto bounds =
            sample % 2 == 0 ? test::random_bounds(graph, stream) : std::vector<OutputBounds>{};
        const auto filters = test::random_filters(graph, stream);
        Engine engine(graph, bounds, {}, filters);
        const GoldenRun golden = engine.run(image);
        SCOPED_TRACE("seed " + std::to_string(kSeed) + " sample " + std::to_string(sample));
        ASSERT_EQ(golden.tensors, reference_run(graph, bounds, image, {}, {}, filters));
        for (int fault = 0; fault < 20; ++fault) {
            SCOPED_TRACE("fault " + std::to_string(fault));
            const auto faults = test::random_faults(graph, golden, stream);
            test::expect_exact(engine, bounds, golden, image, faults, {}, filters);
            ASSERT_FALSE(testing::Test::HasFailure());
            filtered += engine.propagate(golden, faults).filtered_values;
        }
    }
    EXPECT_GT(filtered, 0);
}

// Zeroes channels with more than 50.
class ZeroAbove50 : public arith::PixelFilter {
  public:
    void apply(LayerId, std::int64_t, arith::PixelCodes codes) const override {
        for (std::int32_t& code : codes) {
            code = code > 50 ? 0 : code;
        }
    }
};

// x + 0 of two channels with two pixels each.
class TwoPixels : public testing::Test {
  protected:
    static Graph two_pixels() {
        Graph graph;
        graph.tensors = {{"input", {2, 1, 2}, NumberFormat::s8, 1},
                         {"output", {2, 1, 2}, NumberFormat::s8, 1}};
        graph.input = tensor_id(0);
        graph.logits = tensor_id(1);
        workloads::Layer layer;
        layer.kind = workloads::OpKind::add;
        layer.inputs = {graph.input, graph.input};
        layer.output = graph.logits;
        layer.multiplier = {1, 0};
        layer.shift = {0};
        layer.clamp_lo = -128;
        layer.clamp_hi = 127;
        graph.layers = {layer};
        return graph;
    }
    static FaultyRun run(const LayerFilters& filters, const LayerFault& fault) {
        const Graph graph = two_pixels();
        Engine engine(graph, {}, {}, {filters});
        return engine.propagate(engine.run({10, 60, 20, 70}), {fault});
    }
    const LayerFilters always_ = {std::make_shared<ZeroAbove50>(), nullptr};
    const LayerFilters detected_ = {nullptr, std::make_shared<ZeroAbove50>()};
};

TEST_F(TwoPixels, AlwaysOnFilterHidesWhatTheGoldenRunHidesToo) {
    LayerFault fault;
    fault.outputs = {{1, 1}};  // 60 → 61, zero either way
    EXPECT_EQ(run(always_, fault).filtered_values, 1);
    EXPECT_EQ(run(always_, fault).changed_values, 0);
    fault.outputs = {{0, 64}};  // 10 → 74 → 0
    EXPECT_EQ(run(always_, fault).filtered_values, 1);
    ASSERT_EQ(run(always_, fault).logits.size(), 1u);
    EXPECT_EQ(run(always_, fault).logits[0].code, 0);
    fault.outputs = {{0, 1}};  // 10 → 11 passes
    EXPECT_EQ(run(always_, fault).filtered_values, 0);
    EXPECT_EQ(run(always_, fault).changed_values, 1);
}

TEST_F(TwoPixels, DetectionFiltersCleanValuesToo) {
    LayerFault fault;
    fault.outputs = {{0, 64}};
    EXPECT_EQ(run(detected_, fault).filtered_values, 0);
    EXPECT_EQ(run(detected_, fault).changed_values, 1);
    fault.filter_outputs = true;  // 74, 60 and 70 become 0; only 74 was wrong
    EXPECT_EQ(run(detected_, fault).filtered_values, 1);
    EXPECT_EQ(run(detected_, fault).changed_values, 3);
    fault.forced = {{1, 60}, {0, 5}, {0, 10}};  // forced behind the filter; the last holds
    EXPECT_EQ(run(detected_, fault).changed_values, 1);
    EXPECT_EQ(run(detected_, fault).logits[0].index, 3);
}

// Zeroes channels with more than 50, or what is left of that limit.
class ZeroAboveStruckLimit : public ZeroAbove50 {
  public:
    void apply_struck(LayerId, std::int64_t, arith::PixelCodes codes,
                      const std::vector<std::uint32_t>& masks) const override {
        for (std::int32_t c = 0; c < codes.channels; ++c) {
            const auto limit = static_cast<std::int32_t>(50 ^ masks[static_cast<std::size_t>(c + 1)]);
            codes[c] = codes[c] > limit ? 0 : codes[c];
        }
    }
};

// A walk takes what an earlier one found only where the same thresholds are struck.
TEST_F(TwoPixels, WalksWithOtherThresholdsAreOtherWalks) {
    const Graph graph = two_pixels();
    Engine engine(graph, {}, {}, {{std::make_shared<ZeroAboveStruckLimit>(), nullptr}});
    const GoldenRun golden = engine.run({10, 60, 20, 70});
    // Pixel 0 of channel 0 is 10: above 50 ^ 48 = 2, not above 50 ^ 1 = 51.
    for (const auto& [mask, changed] : {std::pair<std::uint32_t, std::size_t>(48, 1), {1, 0}, {48, 1}}) {
        LayerFault fault;
        fault.thresholds = {{0, 1, 2, mask}};
        Engine::Walk walk(engine, golden);
        walk.add(fault);
        std::size_t changes = 0;
        walk.advance(
            1, [&](LayerId, const std::vector<arith::ValueChange>& values) { changes = values.size(); });
        EXPECT_EQ(changes, changed) << mask;
    }
}

TEST(PixelFilters, RejectsAWrongCount) {
    RandomStream stream(kSeed, RandomPurpose::testing, 5000);
    const Graph graph = test::random_graph(stream);
    EXPECT_THROW(Engine(graph, {}, {}, std::vector<LayerFilters>(graph.layers.size() + 1)),
                 std::invalid_argument);
}

}  // namespace
}  // namespace fluence
