// Area of the codes of PE registers (sim/protect/register_code.h), beside the unprotected array's.
#pragma once

#include "sim/core/accelerator_config.h"
#include "sim/cost/area_tree.h"
#include "sim/protect/policy.h"

namespace fluence::accel {

// A node a protected register bank. Parity, SECDED: a register a check bit, an encoder and a decoder a
// register. TMR: two more registers and a voter a bit. Where whole PEs are copied, their multipliers, adders
// and what selects operands are copied with them (a node of its own), and the voters (TMR) or comparators
// (DMR) stand behind every register. Protected PEs (ppe.h) take that in their columns alone, and what sends
// channels to columns. No parts where the policy protects no register.
cost::AreaNode pe_protection_area(const ArrayConfig& array, const protect::Policy& policy);

}  // namespace fluence::accel
