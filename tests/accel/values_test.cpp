// The machine computes the network: every tensor it leaves in DRAM equals the plain loops of sim/arith.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "machines.h"
#include "sim/accel/machine.h"
#include "sim/arith/engine.h"
#include "sim/core/error.h"
#include "sim/fault/sum_rule.h"
#include "tests/support/random_graph.h"

namespace fluence::accel {
namespace {

constexpr std::uint64_t kSeed = 20260101;

void expect_reference(const workloads::Graph& graph, const AcceleratorConfig& config,
                      const protect::Policy& policy, const workloads::Codes& image) {
    const MachineRun run = run_machine(graph, config, policy, image);
    const std::vector<workloads::Codes> expected =
        arith::reference_run(graph, {}, image, {}, fault::sum_rule(graph, config));
    ASSERT_EQ(run.tensors.size(), expected.size());
    for (std::size_t t = 0; t < expected.size(); ++t) {
        EXPECT_EQ(run.tensors[t], expected[t]) << config.name << ", tensor " << graph.tensors[t].name;
    }
}

TEST(MachineValues, random_graphs_on_every_machine) {
    int ran = 0;
    for (const AcceleratorConfig& config : test::test_machines()) {
        for (std::uint64_t sample = 0; sample < 40; ++sample) {
            SCOPED_TRACE(config.name + ", seed " + std::to_string(kSeed) + ", sample " +
                         std::to_string(sample));
            RandomStream stream(kSeed, RandomPurpose::testing, sample);
            const workloads::Graph graph = test::random_graph(stream, test::with_batches());
            const workloads::Codes image = test::random_image(graph, stream);
            try {
                expect_reference(graph, config, protect::Policy{}, image);
                ++ran;
            } catch (const InputError& error) {
                // The tiny machines are too small for some of the graphs, and say so.
                EXPECT_NE(std::string(error.what()).find(".bytes: is "), std::string::npos) << error.what();
            }
        }
    }
    EXPECT_GE(ran, 250) << "too many of the drawn networks fit no machine";
}

// Every dataflow under every convention, with and without memory codes.
TEST(MachineValues, random_graphs_on_random_machines) {
    const protect::Policy secded = test::with_codes("secded");
    std::map<std::string, int> ran;
    for (std::uint64_t sample = 3000; sample < 3600; ++sample) {
        RandomStream stream(kSeed, RandomPurpose::testing, sample);
        const AcceleratorConfig config = test::random_machine(stream);
        SCOPED_TRACE("seed " + std::to_string(kSeed) + ", sample " + std::to_string(sample) + ", " +
                     to_json(config).dump());
        const workloads::Graph graph = test::random_graph(stream, test::with_batches());
        const workloads::Codes image = test::random_image(graph, stream);
        try {
            expect_reference(graph, config, sample % 4 == 0 ? secded : protect::Policy{}, image);
            ++ran[config.array.dataflow];
        } catch (const InputError& error) {
            EXPECT_NE(std::string(error.what()).find(".bytes: is "), std::string::npos) << error.what();
        }
        ASSERT_FALSE(HasFailure());
    }
    for (const char* dataflow : {"weight-stationary", "output-stationary", "input-stationary"}) {
        EXPECT_GE(ran[dataflow], 130) << dataflow << ": too many of the drawn networks fit no machine";
    }
}

TEST(MachineValues, known_networks) {
    RandomStream stream(kSeed, RandomPurpose::testing, 1000);
    for (const workloads::Graph& graph : {test::lenet_like_graph(stream), test::resnet_like_graph(stream)}) {
        const workloads::Codes image = test::random_image(graph, stream);
        for (const std::size_t index : {std::size_t{0}, std::size_t{2}}) {
            AcceleratorConfig config = test::test_machines()[index];
            config.output_buffer.size = Bytes(32768);
            expect_reference(graph, config, protect::Policy{}, image);
        }
    }
}

TEST(MachineValues, memory_codes_change_no_value) {
    for (const std::string code : {"parity", "sec", "secded"}) {
        const protect::Policy policy = test::with_codes(code);
        for (const std::size_t index : {std::size_t{0}, std::size_t{1}, std::size_t{3}}) {
            RandomStream stream(kSeed, RandomPurpose::testing, 2000 + index);
            const workloads::Graph graph = test::random_graph(stream, test::with_batches());
            expect_reference(graph, test::test_machines()[index], policy, test::random_image(graph, stream));
        }
    }
}

}  // namespace
}  // namespace fluence::accel
