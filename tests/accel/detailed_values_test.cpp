// The register-true machine without upsets computes what the integer engine computes.
#include <gtest/gtest.h>

#include "machines.h"
#include "sim/accel/machine.h"
#include "sim/arith/engine.h"
#include "sim/core/error.h"
#include "tests/support/random_graph.h"

namespace fluence::accel {
namespace {

constexpr std::uint64_t kSeed = 20260902;

void expect_reference(const workloads::Graph& graph, const AcceleratorConfig& config,
                      const protect::Policy& policy, const workloads::Codes& image) {
    const MachineRun fast = run_machine(graph, config, policy, image);
    const DetailedRun run = run_detailed(graph, config, policy, fast.timeline, image, {});
    const std::vector<workloads::Codes> expected = arith::reference_run(graph, {}, image, {});
    ASSERT_EQ(run.tensors.size(), expected.size());
    for (std::size_t t = 0; t < expected.size(); ++t) {
        EXPECT_EQ(run.tensors[t], expected[t]) << config.name << ", tensor " << graph.tensors[t].name;
        EXPECT_EQ(fast.tensors[t], expected[t]) << config.name << ", tensor " << graph.tensors[t].name;
    }
    EXPECT_FALSE(run.corrected || run.detected || run.suppressed || run.unrepaired || run.aborted);
    EXPECT_EQ(run.recovery_cycles, 0);
}

TEST(DetailedValues, random_graphs_on_every_machine_under_every_code) {
    const std::vector<protect::Policy> policies = {test::with_codes("none"), test::with_codes("parity"),
                                                   test::with_codes("secded")};
    int ran = 0;
    for (const AcceleratorConfig& config : test::test_machines()) {
        for (std::uint64_t sample = 0; sample < 12; ++sample) {
            SCOPED_TRACE(config.name + ", seed " + std::to_string(kSeed) + ", sample " +
                         std::to_string(sample));
            RandomStream stream(kSeed, RandomPurpose::testing, sample);
            const workloads::Graph graph = test::random_graph(stream, test::with_batches());
            const workloads::Codes image = test::random_image(graph, stream);
            protect::Policy policy = policies[sample % policies.size()];
            if (sample % 4 == 0) {
                policy.checksum.emplace();
            }
            try {
                expect_reference(graph, config, policy, image);
                ++ran;
            } catch (const InputError& error) {
                EXPECT_NE(std::string(error.what()).find(".bytes: is "), std::string::npos) << error.what();
            }
        }
    }
    EXPECT_GE(ran, 70) << "too many of the drawn networks fit no machine";
}

// Gemmini's mesh and tiny-tpu's array: their control bits travel with the data.
std::vector<AcceleratorConfig> travelling_machines() {
    std::vector<AcceleratorConfig> machines;
    for (const char* dataflow : {"weight-stationary", "input-stationary", "output-stationary"}) {
        AcceleratorConfig mesh = test::machine(std::string("gemmini, ") + dataflow, {5, 4});
        mesh.array.dataflow = dataflow;
        mesh.array.control = ArrayControl::travelling;
        mesh.array.operand_register = OperandRegister::input;
        mesh.array.operand_bits = 32;
        mesh.array.shadow_weights = mesh.array.dataflow_kind() != DataflowKind::output_stationary;
        machines.push_back(mesh);
        if (mesh.array.shadow_weights) {
            AcceleratorConfig tiny = test::machine(std::string("tiny-tpu, ") + dataflow, {4, 6});
            tiny.array.dataflow = dataflow;
            tiny.array.control = ArrayControl::travelling;
            tiny.array.shadow_weights = false;
            machines.push_back(tiny);
        }
    }
    machines.push_back(machines[0]);
    machines.back().array.preload = Preload::serial;
    return machines;
}

TEST(DetailedValues, random_graphs_on_arrays_with_travelling_control) {
    int ran = 0;
    for (const AcceleratorConfig& config : travelling_machines()) {
        for (std::uint64_t sample = 0; sample < 8; ++sample) {
            SCOPED_TRACE(config.name + ", seed " + std::to_string(kSeed) + ", sample " +
                         std::to_string(sample));
            RandomStream stream(kSeed, RandomPurpose::testing, 2000 + sample);
            const workloads::Graph graph = test::random_graph(stream, test::with_batches());
            const workloads::Codes image = test::random_image(graph, stream);
            try {
                expect_reference(graph, config, test::with_codes("none"), image);
                ++ran;
            } catch (const InputError& error) {
                EXPECT_NE(std::string(error.what()).find(".bytes: is "), std::string::npos) << error.what();
            }
        }
    }
    EXPECT_GE(ran, 30) << "too many of the drawn networks fit no machine";
}

TEST(DetailedValues, known_networks) {
    RandomStream stream(kSeed, RandomPurpose::testing, 1000);
    for (const workloads::Graph& graph : {test::lenet_like_graph(stream), test::resnet_like_graph(stream)}) {
        const workloads::Codes image = test::random_image(graph, stream);
        for (const std::size_t index : {std::size_t{0}, std::size_t{2}}) {
            AcceleratorConfig config = test::test_machines()[index];
            config.output_buffer.size = Bytes(32768);
            expect_reference(graph, config, test::with_codes("none"), image);
        }
    }
}

}  // namespace
}  // namespace fluence::accel
