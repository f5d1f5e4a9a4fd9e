// What all modules of one run look at: the network, the machine, where words lie and the order of work.
#pragma once

#include "sim/accel/clock.h"
#include "sim/core/accelerator_config.h"
#include "sim/dataflow/memory_map.h"
#include "sim/dataflow/tile_plan.h"
#include "sim/dataflow/unit_state.h"
#include "sim/protect/policy.h"
#include "workloads/graph.h"

namespace fluence::accel {

// Do the words of the inference flow, or only their cycles? Timing does not depend on what they hold.
enum class Words { move, stay };

struct Workload;
// What the policy puts into the machine beside codes.
dataflow::UnitParts unit_parts(const Workload& workload);

// When codes leave the vector unit under the policy's filter (sim/protect/layer_filters.h).
dataflow::PlanOptions plan_options(const protect::Policy& policy, const workloads::Graph& graph);

struct Workload {
    const workloads::Graph& graph;
    const AcceleratorConfig& config;
    const protect::Policy& policy;
    protect::PolicyTiming timing;
    dataflow::MemoryMap map;
    dataflow::TilePlan plan;
    Clock clock;
    Words words;

    // Throws InputError where the machine cannot run the network.
    Workload(const workloads::Graph& graph, const AcceleratorConfig& config, const protect::Policy& policy,
             Words words = Words::move);
    bool moves_words() const { return words == Words::move; }
    std::int32_t decode_cycles(Memory memory) const { return timing.decode_cycles[index_of(memory)]; }
};

}  // namespace fluence::accel
