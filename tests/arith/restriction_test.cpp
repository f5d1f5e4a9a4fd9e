// Which codes count as altered by range restriction, by hand on one 3×3 plane: −9 −8 −7 / −6 −5 −4 / −3 −2
// −1. A code that restriction alters in the fault-free inference as well is no suppressed error.
#include <gtest/gtest.h>

#include "sim/arith/engine.h"

namespace fluence {
namespace {

using arith::Engine;
using arith::FaultyRun;
using arith::LayerFault;
using arith::OutputBounds;
using workloads::Codes;
using workloads::NumberFormat;

const Codes kPlane = {-9, -8, -7, -6, -5, -4, -3, -2, -1};

workloads::Graph one_layer(workloads::Layer layer) {
    workloads::Graph graph;
    graph.tensors = {{"input", {1, 3, 3}, NumberFormat::s8, 1}, {"output", {1, 3, 3}, NumberFormat::s8, 1}};
    graph.input = tensor_id(0);
    graph.logits = tensor_id(1);
    layer.output = graph.logits;
    layer.clamp_lo = -128;
    layer.clamp_hi = 127;
    layer.shift = {0};
    graph.layers = {layer};
    return graph;
}

FaultyRun run(const workloads::Graph& graph, const OutputBounds& bounds, const LayerFault& fault) {
    Engine engine(graph, {bounds});
    return engine.propagate(engine.run(kPlane), {fault});
}

TEST(RangeRestriction, CountsWrongSumsThatItAltered) {
    workloads::Layer layer;  // 2·x: −18 … −2
    layer.kind = workloads::OpKind::add;
    layer.inputs = {tensor_id(0), tensor_id(0)};
    layer.multiplier = {1, 1};
    const workloads::Graph graph = one_layer(layer);
    const OutputBounds bounds = {{-10}, {-4}, false};

    LayerFault back_to_golden;  // −1 + 100 → −4, which the fault-free −2 becomes too
    back_to_golden.operands = {{0, 8, 100, 0, 9}};
    EXPECT_EQ(run(graph, bounds, back_to_golden).restricted_values, 1);
    EXPECT_EQ(run(graph, bounds, back_to_golden).changed_values, 0);

    LayerFault inside;  // −5 → −4: −9 is inside
    inside.operands = {{0, 4, -4, 0, 9}};
    EXPECT_EQ(run(graph, bounds, inside).restricted_values, 0);
    EXPECT_EQ(run(graph, bounds, inside).changed_values, 1);

    LayerFault halved;  // (2x + 1) >> 1 = x for all: −3, −2, −1 are wrong and outside
    halved.parameters = {{arith::Parameter::shift, 0, 1}};
    EXPECT_EQ(run(graph, bounds, halved).restricted_values, 3);
}

TEST(RangeRestriction, CountsWrongProductsThatItAltered) {
    workloads::Layer layer;  // x
    layer.kind = workloads::OpKind::conv;
    layer.inputs = {tensor_id(0)};
    layer.weights = {1};
    layer.bias = {0};
    layer.multiplier = {1};
    const workloads::Graph graph = one_layer(layer);
    const OutputBounds bounds = {{-6}, {-2}, false};

    LayerFault suppressed;  // −9 + 1 = −8 → −6, as fault-free
    suppressed.accumulators = {{0, 1}};
    EXPECT_EQ(run(graph, bounds, suppressed).restricted_values, 1);
    EXPECT_EQ(run(graph, bounds, suppressed).changed_values, 0);

    LayerFault inside;
    inside.accumulators = {{4, 1}};
    EXPECT_EQ(run(graph, bounds, inside).restricted_values, 0);

    LayerFault bias;  // −8 … 0: −8, −7, −1 and 0 are outside
    bias.parameters = {{arith::Parameter::bias, 0, 1}};
    EXPECT_EQ(run(graph, bounds, bias).restricted_values, 4);
}

}  // namespace
}  // namespace fluence
