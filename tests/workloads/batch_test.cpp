#include "workloads/batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "sim/core/error.h"
#include "tests/support/graph_builder.h"

namespace fluence::workloads {
namespace {

// Two channels of 1×2 pixels; codes are image, channel and column in decimal.
TEST(Batch, StacksImagesInsideEachChannel) {
    const Shape shape = {2, 1, 2, 3};
    const std::vector<Codes> images = {{100, 101, 110, 111}, {200, 201, 210, 211}, {300, 301, 310, 311}};
    const Codes batch = stacked(images, shape);
    EXPECT_EQ(batch, (Codes{100, 101, 200, 201, 300, 301, 110, 111, 210, 211, 310, 311}));
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(image_of(batch, shape, i), images[static_cast<std::size_t>(i)]);
    }
    EXPECT_THROW(stacked({images[0]}, shape), std::invalid_argument);
    EXPECT_THROW(stacked({{1}, {2}, {3}}, shape), std::invalid_argument);
    EXPECT_THROW(image_of(batch, shape, 3), std::invalid_argument);
    EXPECT_THROW(image_of(images[0], shape, 0), std::invalid_argument);
}

// 4×4 pixels, a window of 3 rows with stride 2 and padding 1: output row 0 reads rows −1 … 1, row 1 rows 1
// … 3.
TEST(Batch, WindowsStayInsideTheirImage) {
    const Shape in = {1, 4, 4, 3};
    const Shape out = {1, 2, 2, 3};
    const Window window = {3, 3, 2, 2, 1, 1, 1, 1};
    const std::int64_t expected[][3] = {{-1, 0, 4}, {1, 0, 4}, {3, 4, 8}, {5, 4, 8}, {7, 8, 12}, {9, 8, 12}};
    for (std::int64_t row = 0; row < 6; ++row) {
        const InputRows rows = input_rows(in, out, window, row);
        EXPECT_EQ(rows.first, expected[row][0]);
        EXPECT_EQ(rows.begin, expected[row][1]);
        EXPECT_EQ(rows.end, expected[row][2]);
    }
}

enum class Reader { linear, conv, logits };

// A convolution of 2×2 pixels, two flattens, and what reads them.
Graph flattened(Reader reader) {
    RandomStream stream(5, RandomPurpose::testing, 0);
    test::GraphBuilder builder("flat", stream, {3, 2, 2}, NumberFormat::u8);
    const Window one = {1, 1, 1, 1, 0, 0, 1, 1};
    TensorId at = builder.conv(builder.input(), 5, {one, 1, true});
    at = builder.flatten(builder.flatten(at));
    if (reader == Reader::conv) {
        at = builder.conv(at, 4, {one, 1, true});
    }
    builder.logits(at, 3);
    Graph graph = builder.finish();
    if (reader == Reader::logits) {
        graph.layers.pop_back();
        graph.tensors.pop_back();
        graph.logits = graph.layers.back().output;
    }
    return graph;
}

TEST(Batch, LinearLayersReadPastFlattens) {
    const Graph single = flattened(Reader::linear);
    const Graph batch = batched(single, 3, "flat");
    ASSERT_EQ(batch.layers.size(), 2u);
    ASSERT_EQ(batch.tensors.size(), 3u);
    EXPECT_EQ(batch.images(), 3);
    EXPECT_EQ(batch.layers[1].inputs[0], batch.layers[0].output);
    EXPECT_EQ(batch.tensor(batch.logits).shape, (Shape{3, 1, 1, 3}));
    const GemmShape conv = gemm_shape(batch, batch.layers[0]);
    EXPECT_EQ(conv.m, 3 * 4);
    EXPECT_EQ(conv.k, 3);
    const GemmShape linear = gemm_shape(batch, batch.layers[1]);
    EXPECT_EQ(linear.m, 3);
    EXPECT_EQ(linear.k, 5 * 2 * 2);
    EXPECT_EQ(linear.n, 3);
    EXPECT_EQ(batched(single, 1, "flat").layers.size(), single.layers.size());
}

std::string refusal(const Graph& graph, int images) {
    try {
        batched(graph, images, "file");
        return "";
    } catch (const InputError& error) {
        return error.what();
    }
}

TEST(Batch, RefusesWhatItCannotBe) {
    EXPECT_THAT(refusal(flattened(Reader::linear), 0), testing::HasSubstr("file: batch: is 0"));
    EXPECT_THAT(refusal(flattened(Reader::linear), INT32_MAX), testing::HasSubstr("file: tensors[0].shape"));
    EXPECT_THAT(refusal(flattened(Reader::conv), 2), testing::HasSubstr("file: layers[3].inputs"));
    EXPECT_THAT(refusal(flattened(Reader::logits), 2), testing::HasSubstr("file: logits"));
    Graph uneven = batched(flattened(Reader::linear), 2, "file");
    uneven.tensors[1].shape.images = 3;
    EXPECT_THROW(validate(uneven, "file"), InputError);
}

}  // namespace
}  // namespace fluence::workloads
