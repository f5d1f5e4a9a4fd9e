// Time that the fast machine takes for the timing of ResNet-18 at 224×224, for each dataflow, the child
// process and the way back of the timeline included.
#include <benchmark/benchmark.h>

#include "sim/accel/machine.h"
#include "sim/core/config_search.h"
#include "tests/support/resnet18.h"

namespace fluence {
namespace {

void time_resnet18(benchmark::State& state, const std::string& dataflow) {
    RandomStream stream(18, RandomPurpose::testing, 0);
    const workloads::Graph graph = test::resnet18_graph(stream);
    AcceleratorConfig config = read_accelerator(find_config("accelerators", "cloud-32x32"));
    config.array.dataflow = dataflow;
    config.array.shadow_weights = dataflow != "output-stationary";
    traces::Timeline timeline;
    for (auto _ : state) {
        timeline = accel::time_machine(graph, config, {});
    }
    state.counters["cycles"] = static_cast<double>(timeline.cycles);
    state.counters["folds"] = static_cast<double>(timeline.folds.size());
}

BENCHMARK_CAPTURE(time_resnet18, weight_stationary, "weight-stationary")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(time_resnet18, output_stationary, "output-stationary")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(time_resnet18, input_stationary, "input-stationary")->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace fluence

BENCHMARK_MAIN();
