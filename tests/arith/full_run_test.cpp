// Full re-execution gives every tensor that the reference gives.
#include "sim/arith/full_run.h"

#include <gtest/gtest.h>

#include "tests/arith/random_faults.h"
#include "tests/support/random_graph.h"

namespace fluence {
namespace {

using arith::Engine;
using arith::FullRun;
using arith::reference_run;
using workloads::Codes;
using workloads::Graph;

constexpr std::uint64_t kSeed = 31;

TEST(FullRun, GivesTheTensorsOfTheReferenceOnRandomGraphs) {
    for (std::uint64_t sample = 0; sample < 150; ++sample) {
        RandomStream stream(kSeed, RandomPurpose::testing, sample);
        const Graph graph = test::random_graph(stream);
        const Codes image = test::random_image(graph, stream);
        const auto bounds =
            sample % 2 == 0 ? test::random_bounds(graph, stream) : std::vector<arith::OutputBounds>{};
        const auto filters =
            sample % 3 == 0 ? test::random_filters(graph, stream) : std::vector<arith::LayerFilters>{};
        const arith::GoldenRun golden = Engine(graph, bounds, {}, filters).run(image);
        const FullRun full(graph, bounds, {}, filters);
        EXPECT_EQ(full.run(image, {}), golden.tensors);
        for (int fault = 0; fault < 6; ++fault) {
            SCOPED_TRACE("seed " + std::to_string(kSeed) + " sample " + std::to_string(sample) + " fault " +
                         std::to_string(fault));
            const std::vector<arith::LayerFault> faults = test::random_faults(graph, golden, stream);
            const std::vector<Codes> expected = reference_run(graph, bounds, image, faults, {}, filters);
            ASSERT_EQ(full.run(image, faults), expected);
            ASSERT_EQ(full.run_behind(golden.tensors, faults), expected);
        }
    }
}

// Dot products are taken in pieces that a sum of 32 bits holds: the largest products at every term.
TEST(FullRun, AddsTheLongestSumsExactly) {
    workloads::Layer layer;
    layer.name = "long";
    layer.kind = workloads::OpKind::linear;
    layer.inputs = {tensor_id(0)};
    layer.output = tensor_id(1);
    layer.weights.assign(2 * 70000, -127);
    layer.bias = {0, 5};
    layer.multiplier = {1, 1};
    layer.shift = {0, 0};
    layer.clamp_lo = INT32_MIN;
    layer.clamp_hi = INT32_MAX;
    Graph graph;
    graph.tensors = {{"input", {70000, 1, 1}, workloads::NumberFormat::u8, 1},
                     {"logits", {2, 1, 1}, workloads::NumberFormat::s32, 1}};
    graph.input = tensor_id(0);
    graph.logits = tensor_id(1);
    graph.layers = {layer};
    const Codes image(70000, 255);
    EXPECT_EQ(FullRun(graph, {}, {}, {}).run(image, {}), reference_run(graph, {}, image, {}));
}

}  // namespace
}  // namespace fluence
