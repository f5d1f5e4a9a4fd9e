// Rate of the resolver on one core: upsets drawn over all storage of a 16×16 machine that runs CIFAR
// ResNet-20, under SECDED memories, one an inference.
#include <benchmark/benchmark.h>

#include "bench/networks.h"
#include "sim/accel/machine.h"
#include "sim/arith/engine.h"
#include "sim/fault/resolver.h"
#include "sim/fault/sampler.h"
#include "tests/support/random_graph.h"

namespace fluence {
namespace {

AcceleratorConfig machine() {
    AcceleratorConfig config;
    config.name = "16x16";
    config.clock_mhz = 500;
    config.array = {16, 16, "weight-stationary", OperandRegister::output, true};
    config.weight_buffer = {Bytes(16384), 64};
    config.activation_buffer = {Bytes(65536), 64};
    config.output_buffer = {Bytes(65536), 32};
    config.dram = {64, 8, Cycles(40)};
    config.vector_unit = {8, Cycles(4)};
    return config;
}

void resolve(benchmark::State& state) {
    const workloads::Graph graph = bench::resnet20();
    RandomStream random(bench::kSeed, RandomPurpose::testing, 2);
    const workloads::Codes image = test::random_image(graph, random);
    const AcceleratorConfig config = machine();
    protect::Policy policy;
    for (const Memory memory : kMemories) {
        policy.memory[index_of(memory)].code = "secded";
    }
    const traces::Timeline timeline = accel::run_machine(graph, config, policy, image).timeline;
    const arith::GoldenRun golden = arith::Engine(graph).run(image);
    const fault::Resolver resolver(graph, config, policy, timeline);
    fault::FaultModelConfig model;
    // The array as often as the memories, which are a thousand times as large.
    for (const char* site : {"weight_buffer", "activation_buffer", "output_buffer", "dram"}) {
        model.cross_section[site] = 0.003;
    }
    const fault::Sampler sampler(model, graph, fault::site_classes(graph, config, policy));
    std::vector<fault::Upset> upsets;
    for (std::uint64_t sample = 0; sample < 20000; ++sample) {
        upsets.push_back(sampler.draw(bench::kSeed, sample).at(timeline.cycles));
    }
    std::size_t next = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(resolver.resolve(upsets[next], golden));
        next = (next + 1) % upsets.size();
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(resolve);

}  // namespace
}  // namespace fluence

BENCHMARK_MAIN();
