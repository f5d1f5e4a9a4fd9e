// A machine without a recorder does the same in the same cycles.
#include "sim/accel/recorder.h"

#include <gtest/gtest.h>

#include "machines.h"
#include "sim/accel/accelerator.h"
#include "sim/accel/machine.h"
#include "sim/accel/memory_image.h"
#include "tests/support/random_graph.h"

namespace fluence::accel {
namespace {

TEST(Recorder, is_not_noticed) {
    RandomStream stream(11, RandomPurpose::testing, 0);
    const workloads::Graph graph = test::resnet_like_graph(stream);
    const workloads::Codes image = test::random_image(graph, stream);
    AcceleratorConfig config = test::machine("m", {8, 8});
    config.output_buffer.size = Bytes(16384);
    const protect::Policy policy;
    const MachineRun recorded = run_machine(graph, config, policy, image);

    const Workload workload(graph, config, policy);
    Accelerator accelerator("accelerator", workload, memory_image(workload, image), nullptr);
    sc_core::sc_start();
    EXPECT_TRUE(accelerator.finished());
    EXPECT_EQ(accelerator.tensors(), recorded.tensors);
    // The last thing that happens is that the DMA takes the last store, in the middle of a cycle.
    EXPECT_EQ(workload.clock.cycles(sc_core::sc_time_stamp()), recorded.timeline.stores.back().begin);
}

}  // namespace
}  // namespace fluence::accel
