#include "sim/dataflow/im2col.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "sim/core/random.h"

namespace fluence::dataflow {
namespace {

using workloads::Graph;
using workloads::Layer;
using workloads::NumberFormat;
using workloads::OpKind;
using workloads::Shape;

Graph conv_graph(Shape input, int channels, workloads::Window window, int groups) {
    Graph graph;
    const int height =
        (input.height + 2 * window.pad_h - window.dilation_h * (window.kernel_h - 1) - 1) / window.stride_h +
        1;
    const int width =
        (input.width + 2 * window.pad_w - window.dilation_w * (window.kernel_w - 1) - 1) / window.stride_w +
        1;
    graph.tensors = {{"in", input, NumberFormat::u8, 1.0},
                     {"out", {channels, height, width, input.images}, NumberFormat::s8, 1.0}};
    Layer layer;
    layer.name = "conv";
    layer.kind = OpKind::conv;
    layer.inputs = {tensor_id(0)};
    layer.output = tensor_id(1);
    layer.window = window;
    layer.groups = groups;
    graph.layers = {layer};
    return graph;
}

// The definition of a convolution, by nested loops: (group, m, k, element) of every product.
using Use = std::tuple<int, std::int64_t, std::int64_t, std::int64_t>;
std::set<Use> uses_by_definition(const Graph& graph) {
    const Layer& layer = graph.layers[0];
    const Shape in = graph.tensors[0].shape;
    const Shape out = graph.tensors[1].shape;
    const workloads::Window& w = layer.window;
    const int channels = in.channels / layer.groups;
    std::set<Use> uses;
    for (int g = 0; g < layer.groups; ++g) {
        for (int m = 0; m < in.images * out.height * out.width; ++m) {
            const int image = m / out.width / out.height;
            const int oy = m / out.width % out.height;
            const int ox = m % out.width;
            std::int64_t k = 0;
            for (int c = 0; c < channels; ++c) {
                for (int ky = 0; ky < w.kernel_h; ++ky) {
                    for (int kx = 0; kx < w.kernel_w; ++kx, ++k) {
                        const int y = oy * w.stride_h - w.pad_h + ky * w.dilation_h;
                        const int x = ox * w.stride_w - w.pad_w + kx * w.dilation_w;
                        if (y >= 0 && y < in.height && x >= 0 && x < in.width) {
                            const int row = ((g * channels + c) * in.images + image) * in.height + y;
                            uses.emplace(g, m, k, row * in.width + x);
                        }
                    }
                }
            }
        }
    }
    return uses;
}

TEST(Im2col, AllViewsAgreeWithTheDefinitionOfConvolution) {
    for (std::uint64_t sample = 0; sample < 150; ++sample) {
        RandomStream random(20240611, RandomPurpose::testing, sample);
        const auto pick = [&random](int low, int high) {
            return low + static_cast<int>(random.below(high - low + 1));
        };
        SCOPED_TRACE(sample);
        const int groups = pick(1, 3);
        const workloads::Window window{pick(1, 3), pick(1, 3), pick(1, 3), pick(1, 3),
                                       pick(0, 2), pick(0, 2), pick(1, 2), pick(1, 2)};
        const Graph graph =
            conv_graph({groups * pick(1, 3), pick(5, 8), pick(5, 8), pick(1, 3)}, groups * 2, window, groups);
        const std::set<Use> expected = uses_by_definition(graph);
        const Im2col im2col(graph, graph.layers[0]);
        const workloads::GemmShape gemm = im2col.gemm();

        std::set<Use> by_index, by_element, by_pixel, by_term;
        for (int g = 0; g < groups; ++g) {
            for (std::int64_t m = 0; m < gemm.m; ++m) {
                for (std::int64_t k = 0; k < gemm.k; ++k) {
                    const std::int64_t element = im2col.input_element(g, m, k);
                    if (element >= 0) {
                        by_index.emplace(g, m, k, element);
                    }
                }
                const std::int64_t middle = pick(0, static_cast<int>(gemm.k));
                const auto term = [&](std::int64_t k, std::int64_t e) { by_term.emplace(g, m, k, e); };
                im2col.for_each_term(g, m, 0, middle, term);
                im2col.for_each_term(g, m, middle, gemm.k, term);
            }
            for (std::int64_t k = 0; k < gemm.k; ++k) {
                const std::int64_t middle = pick(0, static_cast<int>(gemm.m));
                const auto pixel = [&](std::int64_t m, std::int64_t e) { by_pixel.emplace(g, m, k, e); };
                im2col.for_each_pixel(g, k, 0, middle, pixel);
                im2col.for_each_pixel(g, k, middle, gemm.m, pixel);
            }
        }
        for (std::int64_t element = 0; element < graph.tensors[0].shape.elements(); ++element) {
            std::int64_t last_k = -1;
            im2col.for_each_use(element, [&](std::int64_t m, std::int64_t k) {
                by_element.emplace(im2col.group_of(element), m, k, element);
                EXPECT_GE(k, last_k);
                last_k = k;
            });
        }
        EXPECT_EQ(by_index, expected);
        EXPECT_EQ(by_term, expected);
        EXPECT_EQ(by_pixel, expected);
        EXPECT_EQ(by_element, expected);
    }
}

TEST(Im2col, LinearTakesItsInputFlat) {
    Graph graph;
    graph.tensors = {{"in", {3, 2, 2}, NumberFormat::u8, 1.0}, {"out", {5, 1, 1}, NumberFormat::s32, 1.0}};
    Layer layer;
    layer.kind = OpKind::linear;
    layer.inputs = {tensor_id(0)};
    layer.output = tensor_id(1);
    graph.layers = {layer};
    const Im2col im2col(graph, graph.layers[0]);
    EXPECT_EQ(im2col.gemm().m, 1);
    EXPECT_EQ(im2col.gemm().k, 12);
    EXPECT_EQ(im2col.gemm().n, 5);
    for (std::int64_t k = 0; k < 12; ++k) {
        EXPECT_EQ(im2col.input_element(0, 0, k), k);
        im2col.for_each_use(k, [k](std::int64_t m, std::int64_t used) {
            EXPECT_EQ(m, 0);
            EXPECT_EQ(used, k);
        });
    }
}

}  // namespace
}  // namespace fluence::dataflow
