// Columns of the parity-check matrices of the memory codes.
#pragma once

#include <cstdint>
#include <vector>

namespace fluence::protect {

// Bit i: row i of the matrix, which defines check bit i.
using Column = std::uint32_t;

// The data columns for a number of check bits, in the order of the data bits; a narrower word uses the
// first of them.
using ColumnSequence = std::vector<Column> (*)(int check_bits, int count);

// All rows one: a single parity bit.
std::vector<Column> parity_columns(int check_bits, int count);
// 3, 5, 6, 7, 9 …: the integers that are no powers of two.
std::vector<Column> hamming_columns(int check_bits, int count);
// Hamming columns of check_bits − 1 rows; the last row makes every column odd.
std::vector<Column> extended_hamming_columns(int check_bits, int count);
// Odd weights, the lightest first; among equals the one whose rows hold the fewest ones so far, so that
// the XOR trees of all check bits are nearly of one depth.
std::vector<Column> hsiao_columns(int check_bits, int count);

int weight_of(Column column);

}  // namespace fluence::protect
