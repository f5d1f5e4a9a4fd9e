// The storage of a machine that upsets can strike.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/core/accelerator_config.h"
#include "sim/dataflow/unit_state.h"
#include "sim/fault/upset.h"
#include "sim/protect/policy.h"
#include "workloads/graph.h"

namespace fluence::fault {

// All sites of one kind: `units` of `bits` bits each.
struct SiteClass {
    SiteKind kind = SiteKind::pe_weight;
    std::int64_t units = 0;
    std::int32_t bits = 0;
    std::int32_t layer = -1;   // neuron only: one class a layer
    double cross_section = 1;  // relative sensitivity of a bit
    // Registers of the array: the first of `bits`, without check bits and copies of a code; otherwise 0.
    std::int32_t own_bits = 0;
    double weight() const { return static_cast<double>(units) * bits * cross_section; }
};

// The storage of a machine under a policy. Sites of several policies are united with unite(): check bits
// that only one of them stores are sites for all, and dead (absent) where they do not exist.
std::vector<SiteClass> site_classes(const workloads::Graph& graph, const AcceleratorConfig& config,
                                    const protect::Policy& policy);
// What the policy puts into the machine beside codes.
dataflow::UnitParts unit_parts(const protect::Policy& policy);
std::vector<SiteClass> unite(const std::vector<std::vector<SiteClass>>& classes);

}  // namespace fluence::fault
