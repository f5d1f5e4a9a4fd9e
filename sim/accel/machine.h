// The tile-level machine: SystemC/TLM-2.0 modules through which the real words of one inference flow.
#pragma once

#include "sim/core/accelerator_config.h"
#include "sim/protect/policy.h"
#include "traces/timeline.h"
#include "workloads/graph.h"

namespace fluence::accel {

struct MachineRun {
    traces::Timeline timeline;
    std::vector<workloads::Codes> tensors;  // what the machine left in DRAM, by tensor
};

// Simulates one inference. The policy's codes, checksum column and longer vector pipeline cost cycles here;
// what its parts do to values (range restriction, zeroing) is the engine's, so `tensors` are without it.
// Throws InputError where the machine cannot run the workload (a buffer smaller
// than a tile …). SystemC allows one elaboration a process: use run_machine() from programs.
MachineRun elaborate_and_run(const workloads::Graph& graph, const AcceleratorConfig& config,
                             const protect::Policy& policy, const workloads::Codes& image);

// The same in a child process, any number of times.
MachineRun run_machine(const workloads::Graph& graph, const AcceleratorConfig& config,
                       const protect::Policy& policy, const workloads::Codes& image);

}  // namespace fluence::accel
