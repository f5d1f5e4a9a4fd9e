#include "sim/cost/ecc.h"

#include <algorithm>
#include <bitset>

namespace fluence::cost {
namespace {

constexpr double kXor2 = 2.0;         // XOR2_X1 over NAND2_X1
constexpr double kSharing = 0.87;     // part of the XORs that remain when trees share sub-expressions
constexpr double kCorrectBit = 4.35;  // match of one column with the syndrome, and the correcting XOR
constexpr double kErrorFlag = 2.0;
constexpr double kDoubleFlag = 8.0;  // single/double decision behind the parity of the syndrome

int weight(int column) {
    return static_cast<int>(std::bitset<32>(static_cast<unsigned>(column)).count());
}

bool is_power_of_two(int value) {
    return (value & (value - 1)) == 0;
}

// Σ of `column_weight` over the first `data_bits` Hamming columns.
template <class Weight>
int sum_over_hamming_columns(int data_bits, Weight column_weight) {
    int ones = 0;
    for (int column = 3, found = 0; found < data_bits; ++column) {
        if (!is_power_of_two(column)) {
            ones += column_weight(column);
            ++found;
        }
    }
    return ones;
}

int binomial(int n, int k) {
    int value = 1;
    for (int i = 1; i <= k; ++i) {
        value = value * (n - k + i) / i;
    }
    return value;
}

}  // namespace

int hamming_check_bits(int data_bits) {
    int r = 2;
    while ((1 << r) < data_bits + r + 1) {
        ++r;
    }
    return r;
}

int hamming_ones(int data_bits) {
    return sum_over_hamming_columns(data_bits, weight);
}

int extended_hamming_ones(int data_bits) {
    return sum_over_hamming_columns(data_bits, [](int column) { return weight(column) | 1; });
}

int hsiao_ones(int data_bits) {
    const int rows = hamming_check_bits(data_bits) + 1;
    int ones = 0;
    for (int w = 3; data_bits > 0; w += 2) {
        const int taken = std::min(data_bits, binomial(rows, w));
        ones += taken * w;
        data_bits -= taken;
    }
    return ones;
}

GateEquivalents parity_generator(int data_bits) {
    return GateEquivalents(kXor2 * (data_bits - 1));
}

GateEquivalents parity_checker(int data_bits) {
    return GateEquivalents(kXor2 * data_bits);
}

GateEquivalents syndrome_encoder(int ones, int check_bits) {
    return GateEquivalents(kSharing * kXor2 * (ones - check_bits));
}

GateEquivalents sec_decoder(int ones, int data_bits, int check_bits) {
    return syndrome_encoder(ones, check_bits) +
           GateEquivalents(kXor2 * check_bits + kCorrectBit * data_bits + kErrorFlag);
}

GateEquivalents secded_decoder(int ones, int data_bits, int check_bits) {
    return syndrome_encoder(ones, check_bits) +
           GateEquivalents(kXor2 * (2 * check_bits - 1) + kCorrectBit * data_bits + kDoubleFlag);
}

}  // namespace fluence::cost
