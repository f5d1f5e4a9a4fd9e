// Layers without MACs, worked by hand on one 3×3 plane: −9 −8 −7 / −6 −5 −4 / −3 −2 −1.
#include <gtest/gtest.h>

#include "sim/arith/engine.h"

namespace fluence {
namespace {

using arith::reference_run;
using workloads::Codes;
using workloads::Layer;
using workloads::NumberFormat;
using workloads::OpKind;
using workloads::Shape;

const Codes kPlane = {-9, -8, -7, -6, -5, -4, -3, -2, -1};

void expect_output(Layer layer, std::size_t inputs, const Shape& output, const Codes& expected,
                   const Shape& input = {1, 3, 3}, const Codes& codes = kPlane) {
    workloads::Graph graph;
    graph.tensors = {{"input", input, NumberFormat::s8, 1}, {"output", output, NumberFormat::s8, 1}};
    graph.input = tensor_id(0);
    graph.logits = tensor_id(1);
    layer.name = name_of(layer.kind);
    layer.inputs.assign(inputs, graph.input);
    layer.output = graph.logits;
    graph.layers = {layer};
    EXPECT_EQ(arith::Engine(graph).run(codes).tensors[1], expected) << layer.name;
    EXPECT_EQ(reference_run(graph, {}, codes, {})[1], expected) << layer.name;
}

Layer layer_of(OpKind kind, std::vector<std::int32_t> multiplier, std::vector<std::uint8_t> shift) {
    Layer layer;
    layer.kind = kind;
    layer.multiplier = std::move(multiplier);
    layer.shift = std::move(shift);
    layer.clamp_lo = -12;
    layer.clamp_hi = 127;
    return layer;
}

constexpr workloads::Window kPool = {3, 3, 2, 2, 1, 1, 1, 1};

TEST(OperatorsTest, PaddingNeverWinsAMaximum) {
    Layer layer = layer_of(OpKind::max_pool, {}, {});
    layer.window = kPool;
    expect_output(layer, 1, {1, 2, 2}, {-5, -4, -2, -1});
}

// Sums −28, −24, −16, −12 with padding as 0; eighths −3.5, −3, −2, −1.5, halves up.
TEST(OperatorsTest, AveragePoolCountsPaddingAsZeroAndRoundsHalvesUp) {
    Layer layer = layer_of(OpKind::avg_pool, {1}, {3});
    layer.window = kPool;
    expect_output(layer, 1, {1, 2, 2}, {-3, -3, -2, -1});
}

// (x + 2x) / 2, halves up, saturated at −12: −13.5 → −12.
TEST(OperatorsTest, AddScalesEachInputAndRoundsOnce) {
    expect_output(layer_of(OpKind::add, {1, 2}, {1}), 2, {1, 3, 3}, {-12, -12, -10, -9, -7, -6, -4, -3, -1});
}

// x, then 3x/2.
TEST(OperatorsTest, ConcatRequantisesEachInput) {
    expect_output(layer_of(OpKind::concat, {1, 3}, {0, 1}), 2, {2, 3, 3},
                  {-9, -8, -7, -6, -5, -4, -3, -2, -1, -12, -12, -10, -9, -7, -6, -4, -3, -1});
}

TEST(OperatorsTest, SubsampleAddsZeroChannels) {
    Layer layer = layer_of(OpKind::subsample, {}, {});
    layer.window.stride_h = layer.window.stride_w = 2;
    layer.channels_before = 1;
    layer.channels_after = 2;
    expect_output(layer, 1, {4, 2, 2}, {0, 0, 0, 0, -9, -7, -3, -1, 0, 0, 0, 0, 0, 0, 0, 0});
}

// The second of two channels, every second column.
TEST(OperatorsTest, SubsampleLeavesChannelsOut) {
    Layer layer = layer_of(OpKind::subsample, {}, {});
    layer.window.stride_w = 2;
    layer.channels_before = -1;
    expect_output(layer, 1, {1, 1, 2}, {4, 6}, {2, 1, 3}, {1, 2, 3, 4, 5, 6});
}

// Channels 0 … 5 as two rows of three, read by columns.
TEST(OperatorsTest, SubsampleTransposesGroupsOfChannels) {
    Layer layer = layer_of(OpKind::subsample, {}, {});
    layer.groups = 2;
    expect_output(layer, 1, {6, 1, 2}, {0, 10, 3, 13, 1, 11, 4, 14, 2, 12, 5, 15}, {6, 1, 2},
                  {0, 10, 1, 11, 2, 12, 3, 13, 4, 14, 5, 15});
}

// Windows of 2x2 and stride 2 that hang over the lower and right edge.
TEST(OperatorsTest, PoolingMayHangOverTheEdge) {
    Layer layer = layer_of(OpKind::max_pool, {}, {});
    layer.window = {2, 2, 2, 2, 0, 0, 1, 1};
    expect_output(layer, 1, {1, 2, 2}, {-5, -4, -2, -1});
}

TEST(OperatorsTest, FlattenKeepsCodes) {
    expect_output(layer_of(OpKind::flatten, {}, {}), 1, {9, 1, 1}, kPlane);
}

}  // namespace
}  // namespace fluence
