// Energy of an inference worked out by hand, and how it follows policy and process.
#include "sim/accel/energy.h"

#include <gtest/gtest.h>

#include <cmath>

#include "machines.h"
#include "sim/accel/machine.h"
#include "sim/core/error.h"
#include "tests/support/graph_builder.h"
#include "tests/support/random_graph.h"

namespace fluence::accel {
namespace {

workloads::Graph linear_graph(int inputs) {
    RandomStream stream(1, RandomPurpose::testing, 0);
    test::GraphBuilder builder("linear", stream, {inputs, 1, 1}, workloads::NumberFormat::s8);
    builder.logits(builder.input(), 2);
    return builder.finish();
}

workloads::Graph residual_graph() {
    RandomStream stream(5, RandomPurpose::testing, 0);
    return test::resnet_like_graph(stream);
}

std::vector<EnergyPart> energy(const workloads::Graph& graph, const AcceleratorConfig& config,
                               const std::string& policy, const cost::Process& process = {}) {
    const protect::Policy loaded = protect::load_policy(policy);
    return energy_of(config, loaded, time_machine(graph, config, loaded), cost::EnergyTable(process));
}

const EnergyPart& part(const std::vector<EnergyPart>& parts, const std::string& name) {
    for (const EnergyPart& one : parts) {
        if (one.name == name) {
            return one;
        }
    }
    throw std::out_of_range(name);
}

// Three inputs, two outputs, 4x4 PEs, words of 64 bits. DRAM: 3 words of parameters, one of inputs, one for
// each of three rows of weights, one of outputs. Buffers of 2 KiB a half, the output buffer of 4.
TEST(Energy, one_linear_layer_by_hand) {
    const auto parts = energy(linear_graph(3), test::machine("hand", {}), "none");
    EXPECT_EQ(part(parts, "MACs").count, 6);
    EXPECT_NEAR(part(parts, "MACs").total().count(), 6 * (3.1 / 16 + 0.1), 1e-9);
    EXPECT_EQ(part(parts, "vector unit").count, 2);
    EXPECT_EQ(part(parts, "weight buffer").count, 3 + 3);
    EXPECT_NEAR(part(parts, "weight buffer").each.count(), 10.0 / 2,
                1e-9);  // a quarter of 8 KB: half of 10 pJ
    EXPECT_EQ(part(parts, "activation buffer").count, 1 + 3);
    EXPECT_EQ(part(parts, "output buffer").count, 2 + 2);
    EXPECT_NEAR(part(parts, "output buffer").each.count(), 5 / std::sqrt(2.0), 1e-9);
    EXPECT_EQ(part(parts, "DRAM").count, 7 + 1);
    EXPECT_NEAR(part(parts, "DRAM").total().count(), 8 * 1950.0, 1e-9);
    EXPECT_EQ(added_of(parts), Picojoules());
}

TEST(Energy, anchors_of_the_table) {
    const cost::EnergyTable table;
    EXPECT_NEAR(table.add(32).count(), 0.1, 1e-12);
    EXPECT_NEAR(table.add(8).count(), 0.03, 0.006);
    EXPECT_NEAR(table.multiply(8, 8).count(), 0.2, 0.01);
    EXPECT_NEAR(table.multiply(32, 32).count(), 3.1, 1e-12);
    EXPECT_NEAR(table.sram(Bytes(8 << 10), 64).count(), 10, 1e-9);
    EXPECT_NEAR(table.sram(Bytes(32 << 10), 64).count(), 20, 1e-9);
    EXPECT_NEAR(table.sram(Bytes(1 << 20), 64).count(), 100, 15);
    EXPECT_GT(table.dram(64).count(), 1300);
    EXPECT_LT(table.dram(64).count(), 2600);
}

// Half the node and half the supply: an eighth, but for DRAM.
TEST(Energy, processes_scale_what_is_on_chip) {
    const cost::EnergyTable reference, scaled({22.5, 0.45});
    EXPECT_NEAR(scaled.add(32) / reference.add(32), 1.0 / 8, 1e-12);
    EXPECT_NEAR(scaled.sram(Bytes(4096), 64) / reference.sram(Bytes(4096), 64), 1.0 / 8, 1e-12);
    EXPECT_EQ(scaled.dram(64), reference.dram(64));
    EXPECT_THROW(cost::EnergyTable({0, 0.9}), InputError);
    EXPECT_THROW(cost::EnergyTable({45, 0}), InputError);
}

TEST(Energy, a_policy_only_adds) {
    const workloads::Graph graph = residual_graph();
    const AcceleratorConfig config = test::machine("hand", {});
    const Picojoules plain = total_of(energy(graph, config, "none"));
    for (const protect::Policy& policy : protect::preset_policies()) {
        const auto parts = energy(graph, config, policy.name);
        EXPECT_EQ(added_of(parts) > Picojoules(), policy.name != "none") << policy.name;
        if (policy.duplication) {  // copies are MACs and traffic of the machine's own
            EXPECT_GT((total_of(parts) - added_of(parts)).count(), plain.count()) << policy.name;
            continue;
        }
        EXPECT_NEAR((total_of(parts) - added_of(parts)).count(), plain.count(), 1e-6 * plain.count())
            << policy.name;
    }
    // A parity bit on words of 64 bits; the reads of every memory are decoded, its writes encoded.
    const auto parts = energy(graph, config, "parity");
    EXPECT_NEAR(part(parts, "DRAM check bits").total() / part(parts, "DRAM").total(), 1.0 / 64, 1e-9);
    EXPECT_EQ(part(parts, "DRAM encoders").count + part(parts, "DRAM decoders").count,
              part(parts, "DRAM").count);
}

// temporal-dmr does everything twice, and reads, keeps and compares the answers of both runs.
TEST(Energy, a_second_run_takes_what_the_first_takes) {
    const workloads::Graph graph = residual_graph();
    const AcceleratorConfig config = test::machine("hand", {});
    const auto once = energy(graph, config, "none"), twice = energy(graph, config, "temporal-dmr");
    const std::int64_t logits = graph.tensor(graph.logits).shape.elements();
    EXPECT_NEAR(part(twice, "further run").total().count(), total_of(once).count(),
                1e-9 * total_of(once).count());
    EXPECT_EQ(part(twice, "answers kept").count, 2 * logits);
    EXPECT_EQ(part(twice, "answers read").count, 2 * ((4 * logits + 7) / 8));
}

// The three buffers' accesses are those that the layers state, whatever the machine.
TEST(Energy, accesses_add_up_to_the_layers) {
    const workloads::Graph graph = residual_graph();
    int ran = 0;
    for (const AcceleratorConfig& config : test::test_machines()) {
        traces::Timeline timeline;
        try {
            timeline = time_machine(graph, config, {});
        } catch (const InputError&) {
            continue;  // buffers that are too small for the network
        }
        ++ran;
        std::int64_t reads = 0, all = 0;
        for (const Memory memory :
             {Memory::weight_buffer, Memory::activation_buffer, Memory::output_buffer}) {
            const MemoryAccesses accesses = accesses_of(config, timeline, memory);
            EXPECT_GT(accesses.reads, 0) << config.name;
            EXPECT_GT(accesses.writes, 0) << config.name;
            reads += accesses.reads;
            all += accesses.writes;
        }
        std::int64_t stated_reads = 0, stated_writes = 0;
        for (const traces::LayerStats& layer : timeline.layers) {
            stated_reads += layer.buffer_reads;
            stated_writes += layer.buffer_writes;
        }
        EXPECT_EQ(reads, stated_reads) << config.name;
        EXPECT_EQ(all, stated_writes) << config.name;
    }
    EXPECT_GE(ran, 5);
}

}  // namespace
}  // namespace fluence::accel
