// Buffer words of folds and passes, counted one by one.
#include "sim/dataflow/traffic.h"

#include <gtest/gtest.h>

#include "sim/core/error.h"
#include "sim/dataflow/im2col.h"
#include "sim/dataflow/registry.h"
#include "tests/support/random_graph.h"

namespace fluence::dataflow {
namespace {

constexpr std::uint64_t kSeed = 31;

AcceleratorConfig machine(const char* dataflow, RandomStream& stream) {
    AcceleratorConfig config;
    config.name = "machine";
    config.array.rows = static_cast<int>(1 + stream.below(6));
    config.array.cols = static_cast<int>(1 + stream.below(6));
    config.array.dataflow = dataflow;
    config.weight_buffer = {Bytes(1024), 32};
    config.activation_buffer = {Bytes(2048), 32};
    config.output_buffer = {Bytes(4096), 32};
    config.dram = {32, 4, Cycles(1)};
    config.vector_unit = {4, Cycles(1)};
    return config;
}

BufferTraffic counted(const workloads::Graph& graph, const AcceleratorConfig& config,
                      const traces::Fold& fold) {
    const Im2col im2col(graph, graph.layer(fold.layer));
    BufferTraffic traffic;
    for (std::int64_t k = fold.first_k; k < fold.first_k + fold.terms; ++k) {
        for (std::int64_t m = fold.first_pixel; m < fold.first_pixel + fold.pixels; ++m) {
            traffic.reads += im2col.input_element(fold.group, m, k) >= 0 ? 1 : 0;
        }
        const std::int64_t words = (fold.channels + 3) / 4;  // of 32 bits, weights side by side
        traffic.reads +=
            config.array.dataflow_kind() == DataflowKind::weight_stationary ? words : fold.channels;
    }
    traffic.writes = fold.pixels * fold.channels;
    traffic.reads += fold.k_fold > 0 ? traffic.writes : 0;
    return traffic;
}

// Elements that one output element of a layer without MACs reads, padding and zero channels left out.
std::int64_t operands(const workloads::Graph& graph, const workloads::Layer& layer, std::int64_t element) {
    using workloads::OpKind;
    const workloads::Shape& in = graph.tensor(layer.inputs[0]).shape;
    const workloads::Shape& out = graph.tensor(layer.output).shape;
    if (layer.kind == OpKind::add) {
        return static_cast<std::int64_t>(layer.inputs.size());
    }
    if (layer.kind == OpKind::subsample) {
        const std::int64_t channel = element / out.plane();
        return channel >= layer.channels_before && channel < layer.channels_before + in.channels ? 1 : 0;
    }
    if (layer.kind == OpKind::concat) {
        return 1;
    }
    std::int64_t count = 0;
    const workloads::Window& w = layer.window;
    for (int ky = 0; ky < w.kernel_h; ++ky) {
        for (int kx = 0; kx < w.kernel_w; ++kx) {
            const std::int64_t y =
                element / out.width % out.height * w.stride_h - w.pad_h + ky * w.dilation_h;
            const std::int64_t x = element % out.width * w.stride_w - w.pad_w + kx * w.dilation_w;
            count += y >= 0 && y < in.height && x >= 0 && x < in.width ? 1 : 0;
        }
    }
    return count;
}

TEST(Traffic, is_what_counting_gives) {
    int folds = 0;
    for (const char* dataflow : {"weight-stationary", "output-stationary", "input-stationary"}) {
        for (std::uint64_t sample = 0; sample < 40; ++sample) {
            SCOPED_TRACE(std::string(dataflow) + ", seed " + std::to_string(kSeed) + ", sample " +
                         std::to_string(sample));
            RandomStream stream(kSeed, RandomPurpose::testing, sample);
            const AcceleratorConfig config = machine(dataflow, stream);
            const workloads::Graph graph = test::random_graph(stream, test::with_batches());
            const MemoryMap map(graph, config);
            TilePlan plan;
            try {
                plan = dataflow_of(config).plan(graph, config, map, {});
            } catch (const InputError&) {
                continue;  // too small a machine
            }
            for (const traces::Fold& fold : plan.folds) {
                const BufferTraffic traffic = fold_traffic(graph, config.array.dataflow_kind(), map, fold);
                const BufferTraffic expected = counted(graph, config, fold);
                ASSERT_EQ(traffic.reads, expected.reads);
                ASSERT_EQ(traffic.writes, expected.writes);
                ++folds;
            }
            for (const traces::VectorPass& pass : plan.passes) {
                const workloads::Layer& layer = graph.layer(pass.layer);
                std::int64_t expected = layer.has_macs() ? pass.elements : 0;
                for (std::int64_t i = 0; i < pass.elements && !layer.has_macs(); ++i) {
                    expected += operands(graph, layer, pass.first_element + i);
                }
                ASSERT_EQ(pass_traffic(graph, pass).reads, expected) << layer.name;
            }
        }
    }
    EXPECT_GT(folds, 1000);
}

}  // namespace
}  // namespace fluence::dataflow
