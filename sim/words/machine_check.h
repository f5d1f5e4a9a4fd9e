// Which machines of words are modelled with values, and under which policies.
#pragma once

#include "sim/core/accelerator_config.h"
#include "sim/protect/policy.h"
#include "workloads/word_graph.h"

namespace fluence::words {

// The format of the machines that run graphs of this format.
OperandFormat machine_format(workloads::WordFormat format);

// Throws InputError(policy, key, reason) for parts other than codes of memories, and for codes whose errors
// are not answered by zero or abort, or that are scrubbed.
void check_policy(const protect::Policy& policy);

// Throws InputError(machine, key, reason) for a machine of another format, with travelling control, or whose
// registers for sums could overflow without upsets; and what check_policy() throws.
void check_machine(const workloads::WordGraph& graph, const AcceleratorConfig& config,
                   const protect::Policy& policy);

}  // namespace fluence::words
