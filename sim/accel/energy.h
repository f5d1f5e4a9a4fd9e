// Energy of one inference under a policy, from the words and operations of its timeline and the table of
// sim/cost/energy.h. Counted: MACs with the registers they write, the vector unit, every access to the three
// buffers and to DRAM, and what a policy adds: check bits, encoders, decoders, scrubbing, checksum column,
// codes and copies of PEs, range restriction, filters. A gated filter counts as always on. Not counted:
// leakage, clock tree, wires, control, idle PEs (taken as gated).
#pragma once

#include <string>
#include <vector>

#include "sim/core/accelerator_config.h"
#include "sim/cost/energy.h"
#include "sim/protect/policy.h"
#include "traces/timeline.h"

namespace fluence::accel {

struct EnergyPart {
    std::string name;         // "MACs", "weight buffer", "secded decoders" …
    std::int64_t count = 0;   // operations or accesses
    Picojoules each{};        // of one
    bool protection = false;  // exists only because of the policy
    Picojoules total() const { return each * static_cast<double>(count); }
};

// Accesses in words of each memory; an operand, a row of stationary weights and an accumulator count once a
// use.
struct MemoryAccesses {
    std::int64_t reads = 0, writes = 0;
    std::int64_t all() const { return reads + writes; }
};
MemoryAccesses accesses_of(const AcceleratorConfig& config, const traces::Timeline& timeline, Memory memory);

// Parts of no energy are left out.
std::vector<EnergyPart> energy_of(const AcceleratorConfig& config, const protect::Policy& policy,
                                  const traces::Timeline& timeline, const cost::EnergyTable& table);
Picojoules total_of(const std::vector<EnergyPart>& parts);
Picojoules added_of(const std::vector<EnergyPart>& parts);  // those of protection

}  // namespace fluence::accel
