// Area of the weight-stationary PE with its registers or all of it protected. Operands of `width` bits, sums
// of `acc` bits. What each is made of, part by part: docs/costs.md; the same in Verilog, with what synthesis
// makes of it: tests/data/area_rtl.
#pragma once

#include "sim/cost/units.h"

namespace fluence::cost {

// The registers of a PE, for those that protect some of them.
struct PeRegisters {
    bool weight = false;
    bool activation = false;
    bool sum = false;
};

UnitCost protected_pe_base(int width, int acc);
// A parity bit a register, made in front of it and checked behind it; one error wire.
UnitCost protected_pe_parity(int width, int acc);
// Hsiao SECDED: an encoder in front of each of the registers, a decoder behind it.
UnitCost protected_pe_secded(int width, int acc, PeRegisters registers);
// Each of the registers three times, a voter behind them.
UnitCost protected_pe_tmr_registers(int width, int acc, PeRegisters registers);
// Three PEs and voters, two PEs and comparators, on the activation and the sum that leave.
UnitCost protected_pe_tmr(int width, int acc);
UnitCost protected_pe_dmr(int width, int acc);

}  // namespace fluence::cost
