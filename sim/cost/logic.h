// Area of logic in NAND2 equivalents, as formulas in the widths. Structure gives the terms (a register bit,
// an adder bit, a partial product …), synthesis for Nangate45 (NAND2_X1 = 0.798 µm²; tests/data/area) gives
// their size. Widths are in bits and at least 1.
#pragma once

#include "sim/core/units.h"

namespace fluence::cost {

// Registers and small logic.
GateEquivalents flipflops(int bits);
GateEquivalents enabled_flipflops(int bits);    // with load enable
GateEquivalents shadow_register(int bits);      // second register of a pair, with its enable and the select
GateEquivalents clearable_flipflops(int bits);  // accumulator: starts at zero, holds
GateEquivalents multiplexers(int bits);         // two inputs
GateEquivalents adder(int width);               // ripple carry
GateEquivalents multiplier(int a, int b);       // signed array multiplier
// The same where only the `kept` low bits of the product are used: 1 … a + b.
GateEquivalents multiplier_low(int a, int b, int kept);
// Sum of `inputs` values of `width` bits, full precision: levels of adders that grow by a bit each.
GateEquivalents adder_tree(int inputs, int width);
// Bits that a sum of `inputs` values is wider than one of them: ⌈log₂ inputs⌉.
int growth_bits(int inputs);

// Processing elements: weight and activation of `width` bits, partial sum of `acc` bits.
GateEquivalents pe_weight_stationary(int width, int acc);
GateEquivalents pe_weight_stationary_shadow(int width, int acc);  // double-buffered weight
GateEquivalents pe_weight_stationary_merged(int width, int acc);  // multiplier and adder in one compressor
GateEquivalents pe_output_stationary(int width, int acc);         // accumulator with clear and drain chain

// Checksum column beside an array of `cols` columns: weight of width + ⌈log₂ cols⌉ bits, partial sum of
// acc + ⌈log₂ cols⌉ bits.
GateEquivalents checksum_pe(int width, int acc, int cols);
// One adder and a register instead of a tree: one partial sum a cycle.
GateEquivalents sequential_checksum(int acc, int cols);

// Redundancy.
GateEquivalents majority_voter(int width);
GateEquivalents majority_voter_with_flag(int width);
GateEquivalents equality_comparator(int width);

// Vector unit.
GateEquivalents relu(int width);
// bias add, (acc+1)×(multiplier_bits+1) multiply, 6-bit rounding shift, zero point, clamp
GateEquivalents requantiser(int acc, int multiplier_bits);
// the same with a fixed pre-shift, a 4-bit shift and no zero point
GateEquivalents requantiser_fixed_shift(int acc, int multiplier_bits);
GateEquivalents range_clamp(int width);                  // two-sided, thresholds as inputs
GateEquivalents range_zero(int width);                   // out of range becomes 0
GateEquivalents range_clamp_with_thresholds(int width);  // two threshold registers of its own
GateEquivalents range_clamp_upper_with_threshold(int width);

// Statistics and selection over neighbouring values.
GateEquivalents gradient_lane(int width);             // one neighbour and two threshold registers
GateEquivalents gradient_lane_both_sides(int width);  // both neighbours
GateEquivalents gradient_lane_combinational(int width);
GateEquivalents gradient_statistics(int width);  // running Σ|g| and max|g|
GateEquivalents median(int inputs, int width);   // inputs 3, 5 or 9: selection network
GateEquivalents popcount(int width);

// Memories of flip-flops.
GateEquivalents register_file(int words, int width);  // one read and one write port
GateEquivalents shift_fifo(int words, int width);

// fp32, round to nearest even, subnormals flushed. bf16: an exact product in fp32, which an fp32 adder takes.
GateEquivalents fp32_multiplier();
GateEquivalents fp32_adder();
GateEquivalents fp32_pe_weight_stationary();
GateEquivalents fp32_range_clamp();
GateEquivalents bf16_multiplier();
GateEquivalents bf16_rounding();  // an fp32 word to its upper half
GateEquivalents bf16_pe_weight_stationary();

}  // namespace fluence::cost
