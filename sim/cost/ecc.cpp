#include "sim/cost/ecc.h"

#include <algorithm>
#include <bitset>

namespace fluence::cost {
namespace {

constexpr double kXor2 = 2.0;          // XOR2_X1 over NAND2_X1
constexpr double kSharing = 0.9;       // share of the XORs that remain when trees use common sub-expressions
constexpr double kCorrectBit = 4.05;   // match of a column with the syndrome, and the correcting XOR
constexpr double kErrorFlag = 5.0;     // some error
constexpr double kDoubleFlags = 22.0;  // single and double error apart, by the parity of the syndrome

int weight(int column) {
    return static_cast<int>(std::bitset<32>(static_cast<unsigned>(column)).count());
}

bool is_power_of_two(int value) {
    return (value & (value - 1)) == 0;
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
    int ones = 0;
    for (int column = 3, found = 0; found < data_bits; ++column) {
        if (!is_power_of_two(column)) {
            ones += weight(column);
            ++found;
        }
    }
    return ones;
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
           GateEquivalents(kXor2 * check_bits + kCorrectBit * data_bits + kDoubleFlags);
}

GateEquivalents extended_hamming_encoder(int data_bits) {
    // The overall parity is made of the other trees, so that the whole grows with the word alone.
    constexpr double kPerDataBit = 5.2;
    constexpr double kSaved = 12.0;
    return GateEquivalents(kPerDataBit * data_bits - kSaved);
}

GateEquivalents extended_hamming_decoder(int data_bits) {
    const int check_bits = hamming_check_bits(data_bits) + 1;
    return extended_hamming_encoder(data_bits) +
           GateEquivalents(kXor2 * check_bits + kCorrectBit * data_bits + kDoubleFlags);
}

}  // namespace fluence::cost
