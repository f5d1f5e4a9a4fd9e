// Rates of the int8 engine on one core, for each kernel this CPU has: dense multiply-accumulates a second
// on convolutions of CIFAR ResNet-20, and single neuron flips a second on the whole network. Weights are
// random, scaled so that codes fill their formats. Also: sums of layers of words (word_dense.h), every format
// and kernel, on the same convolutions.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>
#include <vector>

#include "bench/networks.h"
#include "sim/arith/engine.h"
#include "sim/arith/word_dense.h"
#include "tests/support/random_graph.h"

namespace fluence {
namespace {

using arith::Engine;
using arith::KernelKind;
using workloads::Graph;
using workloads::NumberFormat;
using workloads::Window;

using bench::kSeed;
using bench::resnet20;
using bench::square;

// One convolution of ResNet-20 in front of the smallest classifier.
Graph single_conv(int channels, int extent) {
    RandomStream stream(kSeed, RandomPurpose::testing, 1);
    test::GraphBuilder builder("conv", stream, {channels, extent, extent}, NumberFormat::u8);
    const TensorId at = builder.conv(builder.input(), channels, {square(3, 1, 1), 1, true});
    builder.logits(builder.avg_pool(at, square(extent, 1, 0)), 2);
    return builder.finish();
}

std::int64_t total_macs(const Graph& graph) {
    std::int64_t macs = 0;
    for (const workloads::Layer& layer : graph.layers) {
        macs += layer.has_macs() ? gemm_shape(graph, layer).macs() : 0;
    }
    return macs;
}

void dense(benchmark::State& state, const Graph& graph, KernelKind kind) {
    RandomStream stream(kSeed, RandomPurpose::testing, 2);
    const Engine engine(graph, {}, kind);
    const workloads::Codes image = test::random_image(graph, stream);
    for (auto _ : state) {
        benchmark::DoNotOptimize(engine.run(image));
    }
    state.counters["MAC/s"] = benchmark::Counter(static_cast<double>(total_macs(graph)),
                                                 benchmark::Counter::kIsIterationInvariantRate);
}

// All sums of a 3×3 convolution.
template <class Value, class Sum>
void word_sums(benchmark::State& state, int channels, int extent, KernelKind kind) {
    RandomStream stream(kSeed, RandomPurpose::testing, 4);
    const auto random_values = [&](std::int64_t count) {
        std::vector<Value> values;
        for (std::int64_t i = 0; i < count; ++i) {
            values.push_back(
                static_cast<Value>(static_cast<std::int32_t>(stream.below(1 << 16)) - (1 << 15)));
        }
        return values;
    };
    arith::DenseLayer<Value, Sum> layer;
    layer.window = square(3, 1, 1);
    layer.in = layer.out = {channels, extent, extent};
    layer.gemm = {layer.out.plane(), std::int64_t{9} * channels, channels, 1};
    const std::vector<Value> input = random_values(layer.in.elements());
    const std::vector<Value> weights = random_values(layer.gemm.k * layer.gemm.n);
    const std::vector<Sum> bias(static_cast<std::size_t>(channels));
    std::vector<Sum> sums(static_cast<std::size_t>(layer.out.elements()));
    layer.input = input.data();
    layer.weights = weights.data();
    layer.bias = bias.data();
    layer.sums = sums.data();
    for (auto _ : state) {
        dense_sums(layer, kind);
        benchmark::DoNotOptimize(sums.data());
        benchmark::ClobberMemory();
    }
    state.counters["MAC/s"] = benchmark::Counter(static_cast<double>(layer.gemm.macs()),
                                                 benchmark::Counter::kIsIterationInvariantRate);
}

void register_word_sums(KernelKind kind) {
    for (const int channels : {16, 64, 512}) {
        const int extent = std::max(512 / channels, 4);
        const auto add = [&](const char* format, auto function) {
            benchmark::RegisterBenchmark(
                ("words/conv" + std::to_string(channels) + "x" + std::to_string(extent) + "/" + format + "/" +
                 arith::name_of(kind))
                    .c_str(),
                [=](benchmark::State& state) { function(state, channels, extent, kind); });
        };
        add("fxp16", word_sums<std::int32_t, std::int64_t>);
        add("fxp32", word_sums<std::int32_t, arith::Int128>);
        add("fp32", word_sums<float, float>);
    }
}

// One random bit of one random neuron of an 8-bit layer output, as the neuron-flip fault model.
arith::LayerFault random_flip(const Graph& graph, RandomStream& stream) {
    std::int64_t neurons = 0;
    for (const workloads::Layer& layer : graph.layers) {
        neurons += layer.has_macs() && layer.output != graph.logits
                       ? graph.tensor(layer.output).shape.elements()
                       : 0;
    }
    auto neuron = static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(neurons)));
    arith::LayerFault fault;
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        const workloads::Layer& layer = graph.layers[i];
        if (!layer.has_macs() || layer.output == graph.logits) {
            continue;
        }
        const std::int64_t elements = graph.tensor(layer.output).shape.elements();
        if (neuron < elements) {
            fault.layer = layer_id(i);
            break;
        }
        neuron -= elements;
    }
    fault.outputs = {{neuron, 1u << stream.below(8)}};
    return fault;
}

void neuron_flips(benchmark::State& state, const Graph& graph, KernelKind kind) {
    RandomStream stream(kSeed, RandomPurpose::testing, 3);
    Engine engine(graph, {}, kind);
    const arith::GoldenRun golden = engine.run(test::random_image(graph, stream));
    std::int64_t changed = 0;
    std::vector<arith::LayerFault> fault(1);
    for (auto _ : state) {
        fault[0] = random_flip(graph, stream);
        changed += engine.propagate(golden, fault).changed_values;
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
    state.counters["changed values"] =
        benchmark::Counter(static_cast<double>(changed), benchmark::Counter::kAvgIterations);
}

}  // namespace
}  // namespace fluence

int main(int argc, char** argv) {
    using namespace fluence;
    benchmark::Initialize(&argc, argv);
    const Graph network = resnet20();
    for (const KernelKind kind : arith::supported_kernels()) {
        const std::string name = arith::name_of(kind);
        for (const int channels : {16, 32, 64}) {
            const Graph conv = single_conv(channels, 512 / channels);
            benchmark::RegisterBenchmark(("dense/conv" + std::to_string(channels) + "/" + name).c_str(),
                                         [=](benchmark::State& state) { dense(state, conv, kind); });
        }
        benchmark::RegisterBenchmark(("dense/resnet20/" + name).c_str(),
                                     [&, kind](benchmark::State& state) { dense(state, network, kind); });
        benchmark::RegisterBenchmark(
            ("neuron_flips/resnet20/" + name).c_str(),
            [&, kind](benchmark::State& state) { neuron_flips(state, network, kind); });
        if (kind != KernelKind::onednn) {
            register_word_sums(kind);
        }
    }
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
