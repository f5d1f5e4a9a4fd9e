// Energy of operations and accesses: a proxy that orders machines and policies, no sign-off.
//
// Anchors, 45 nm at 0.9 V (M. Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC
// 2014, fig. 1.1.9): 8-bit add 0.03 pJ, 32-bit add 0.1 pJ, 8-bit multiply 0.2 pJ, 32-bit multiply 3.1 pJ;
// floating-point add 0.9 pJ for 32 bits, multiply 3.7 pJ and for 16 bits (significands of 11) 1.1 pJ;
// 64-bit read of a memory of 8 KB 10 pJ, 32 KB 20 pJ, 1 MB 100 pJ; DRAM 1.3 to 2.6 nJ for 64 bits. Between
// the anchors: additions grow with the width, multiplications with the product of the widths, accesses with
// the bits and with the square root of the capacity. Other logic and registers: their NAND2 equivalents, at
// what a 32-bit adder takes a gate. A write costs what a read costs.
//
// Process: a switched capacitance shrinks with the linear dimension, E = C·V² (Dennard et al., IEEE JSSC
// 9(5), 1974). DRAM is a chip of its own and does not scale.
#pragma once

#include <cstdint>

#include "sim/core/units.h"

namespace fluence::cost {

struct Process {
    double node_nm = 45;
    double supply_volt = 0.9;
};

class EnergyTable {
  public:
    // Throws InputError for a node outside 5 to 250 nm or a supply outside 0.3 to 3 V.
    explicit EnergyTable(const Process& process = {});

    Picojoules add(int bits) const;
    Picojoules multiply(int a, int b) const;
    Picojoules add_fp32() const;
    Picojoules multiply_fp32() const;
    Picojoules multiply_bf16() const;              // to a product in binary32
    Picojoules logic(GateEquivalents area) const;  // used once
    // One access of `bits` bits to a memory that holds `capacity` bytes.
    Picojoules sram(Bytes capacity, int bits) const;
    Picojoules dram(int bits) const;

  private:
    double scale_;
};

}  // namespace fluence::cost
