// Area of the encoders and decoders of the memory codes, in NAND2 equivalents, as formulas in the number of
// ones of the parity-check matrix. Calibrated on synthesis for Nangate45 (Yosys and ABC; tests/data/area, and
// words of 16, 26, 64 and 128 bits: docs/policies.md).
#pragma once

#include "sim/core/units.h"

namespace fluence::cost {

// Check bits of a Hamming code for `data_bits` data bits: the least r with 2^r ≥ data_bits + r + 1.
int hamming_check_bits(int data_bits);

// Ones in the data columns of the parity-check matrices (the check columns are a unit matrix).
// Hamming: the first `data_bits` integers from 3 on that are no powers of two.
int hamming_ones(int data_bits);
// Hsiao: columns of odd weight ≥ 3, the lightest first (Hsiao, IBM J. R&D 14(4), 1970).
int hsiao_ones(int data_bits);

GateEquivalents parity_generator(int data_bits);  // XOR tree
GateEquivalents parity_checker(int data_bits);    // XOR tree over data and parity bit

// One XOR tree a check bit; `ones` as above.
GateEquivalents syndrome_encoder(int ones, int check_bits);
// Syndrome, its match with every data column, correction, error flag.
GateEquivalents sec_decoder(int ones, int data_bits, int check_bits);
// The same, with separate flags for a single and for a double error.
GateEquivalents secded_decoder(int ones, int data_bits, int check_bits);
// Extended Hamming: the overall parity shares the trees of the other check bits.
GateEquivalents extended_hamming_encoder(int data_bits);
GateEquivalents extended_hamming_decoder(int data_bits);

}  // namespace fluence::cost
