// Rate of the whole register-true machine on one core: PE-cycles a second (PEs × cycles of the timeline) over
// one convolution on a 16×16 array, from the first word out of DRAM to the logits. Time is the processor's,
// of the machine's own process.
#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <string>

#include "sim/accel/machine.h"
#include "sim/core/random.h"
#include "tests/support/graph_builder.h"
#include "tests/support/random_graph.h"

namespace fluence {
namespace {

constexpr int kEdge = 16;

struct Case {
    workloads::Graph graph;
    AcceleratorConfig config;
    protect::Policy policy;
    workloads::Codes image;
    traces::Timeline timeline;
};

// 32 channels of 28×28 pixels in and out, 3×3 taps: 7.2 M MACs.
Case layer(const std::string& dataflow, const std::string& code) {
    Case c;
    RandomStream stream(20, RandomPurpose::testing, 0);
    test::GraphBuilder builder("layer", stream, {32, 28, 28}, workloads::NumberFormat::u8);
    test::GraphBuilder::ConvOptions options;
    options.window.kernel_h = options.window.kernel_w = 3;
    options.window.pad_h = options.window.pad_w = 1;
    const TensorId output = builder.conv(builder.input(), 32, options);
    workloads::Window all;
    all.kernel_h = all.kernel_w = all.stride_h = all.stride_w = 28;
    builder.logits(builder.flatten(builder.max_pool(output, all)), 10);
    c.graph = builder.finish();
    c.image = test::random_image(c.graph, stream);
    c.config.name = "16x16";
    c.config.clock_mhz = 500;
    c.config.array.rows = c.config.array.cols = kEdge;
    c.config.array.dataflow = dataflow;
    c.config.array.shadow_weights = dataflow != "output-stationary";
    c.config.weight_buffer = {Bytes(64 << 10), 64};
    c.config.activation_buffer = {Bytes(128 << 10), 64};
    c.config.output_buffer = {Bytes(256 << 10), 32};
    c.config.dram = {64, 16, Cycles(100)};
    c.config.vector_unit = {kEdge, Cycles(4)};
    for (protect::MemoryPart& part : c.policy.memory) {
        part.code = code;
    }
    c.timeline = accel::run_machine(c.graph, c.config, c.policy, c.image).timeline;
    return c;
}

double seconds_of_children() {
    rusage usage{};
    ::getrusage(RUSAGE_CHILDREN, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// One inference without upsets, its elaboration included.
void BM_Inference(benchmark::State& state, const std::string& dataflow, const std::string& code) {
    const Case c = layer(dataflow, code);
    for (auto _ : state) {
        const double before = seconds_of_children();
        benchmark::DoNotOptimize(accel::run_detailed(c.graph, c.config, c.policy, c.timeline, c.image, {}));
        state.SetIterationTime(seconds_of_children() - before);
    }
    const double cycles = static_cast<double>(c.timeline.cycles) * static_cast<double>(state.iterations());
    state.counters["cycles"] = static_cast<double>(c.timeline.cycles);
    state.counters["PE-cycles/s"] = benchmark::Counter(cycles * kEdge * kEdge, benchmark::Counter::kIsRate);
}

BENCHMARK_CAPTURE(BM_Inference, weight_stationary, "weight-stationary", "none")->UseManualTime();
BENCHMARK_CAPTURE(BM_Inference, output_stationary, "output-stationary", "none")->UseManualTime();
BENCHMARK_CAPTURE(BM_Inference, input_stationary, "input-stationary", "none")->UseManualTime();
BENCHMARK_CAPTURE(BM_Inference, weight_stationary_secded, "weight-stationary", "secded")->UseManualTime();

// Twenty inferences with one upset each at random cycles, from one elaboration.
void BM_Upsets(benchmark::State& state) {
    Case c = layer("weight-stationary", "none");
    RandomStream stream(21, RandomPurpose::testing, 0);
    std::vector<std::vector<traces::Upset>> lists(20);
    for (std::vector<traces::Upset>& list : lists) {
        traces::Upset upset;
        upset.site = traces::SiteKind::pe_psum;
        upset.unit = static_cast<std::int64_t>(stream.below(kEdge * kEdge));
        upset.cycle = static_cast<traces::Cycle>(stream.below(static_cast<std::uint64_t>(c.timeline.cycles)));
        upset.bits.set(20);
        list = {upset};
    }
    for (auto _ : state) {
        const double before = seconds_of_children();
        benchmark::DoNotOptimize(
            accel::run_detailed_each(c.graph, c.config, c.policy, c.timeline, c.image, lists));
        state.SetIterationTime(seconds_of_children() - before);
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(lists.size()));
}
BENCHMARK(BM_Upsets)->UseManualTime();

}  // namespace
}  // namespace fluence

BENCHMARK_MAIN();
