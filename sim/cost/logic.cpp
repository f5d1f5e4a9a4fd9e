#include "sim/cost/logic.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace fluence::cost {
namespace {

// NAND2 equivalents of the cells that formulas are made of.
constexpr double kFlipFlop = 5.667;       // DFF_X1
constexpr double kEnabledFlipFlop = 8.0;  // with its feedback multiplexer
constexpr double kMux2 = 2.333;           // MUX2_X1
constexpr double kAnd2 = 1.333;           // AND2_X1
constexpr double kXor2 = 2.0;             // XOR2_X1
constexpr double kAdderBit = 7.4;         // full adder as mapped by ABC
constexpr double kAdderEnds = 8.0;        // first and last bit of an adder are simpler
constexpr double kTreeAdderBit = 7.05;    // the same where neighbours share logic
constexpr double kProductBit = 9.15;      // AND and full adder of one partial-product bit
constexpr double kProductEdges = 48.0;    // rows and columns at the edge of the array are simpler

// Area of k1·width + k0, for units whose bits are alike.
GateEquivalents linear(double per_bit, double fixed, int width) {
    return GateEquivalents(per_bit * width + fixed);
}

}  // namespace

GateEquivalents flipflops(int bits) {
    return linear(kFlipFlop, 0, bits);
}
GateEquivalents enabled_flipflops(int bits) {
    return linear(kEnabledFlipFlop, 0, bits);
}
GateEquivalents shadow_register(int bits) {
    // The second register has its enable and selects what the MAC sees.
    constexpr double kSelect = 8.0;
    return enabled_flipflops(bits) + linear(kSelect, 0, bits);
}
GateEquivalents clearable_flipflops(int bits) {
    return linear(kFlipFlop + kMux2 + kAnd2, 0, bits);
}
GateEquivalents multiplexers(int bits) {
    return linear(kMux2, 0, bits);
}
// No less than the XORs of its sum bits, which the calibrated line would cross below two bits.
GateEquivalents adder(int width) {
    return GateEquivalents(std::max(kXor2 * width, kAdderBit * width - kAdderEnds));
}

GateEquivalents multiplier(int a, int b) {
    return multiplier_low(a, b, a + b);
}

// No less than its partial products, likewise.
GateEquivalents multiplier_low(int a, int b, int kept) {
    int products = 0;  // bits of partial products that weigh less than 2^kept
    for (int i = 0; i < a; ++i) {
        products += std::clamp(kept - i, 0, b);
    }
    return GateEquivalents(std::max(kAnd2 * products, kProductBit * products - kProductEdges));
}

GateEquivalents adder_tree(int inputs, int width) {
    int bits = 0;
    while (inputs > 1) {
        bits += inputs / 2 * width;
        inputs = inputs / 2 + inputs % 2;
        ++width;
    }
    return linear(kTreeAdderBit, 0, bits);
}

int growth_bits(int inputs) {
    int bits = 0;
    while ((1 << bits) < inputs) {
        ++bits;
    }
    return bits;
}

namespace {

// sum + weight·activation, modulo 2^acc.
GateEquivalents mac(int weight, int activation, int acc) {
    return multiplier_low(weight, activation, std::min(acc, weight + activation)) + adder(acc);
}

}  // namespace

GateEquivalents pe_weight_stationary(int width, int acc) {
    return enabled_flipflops(width) + flipflops(width + acc) + mac(width, width, acc);
}

GateEquivalents pe_weight_stationary_shadow(int width, int acc) {
    return pe_weight_stationary(width, acc) + shadow_register(width);
}

GateEquivalents pe_weight_stationary_merged(int width, int acc) {
    // Every partial product is sign-extended to the accumulator's width.
    constexpr double kCompressorBit = 4.9;
    return enabled_flipflops(width) + flipflops(width + acc) + GateEquivalents(kCompressorBit * width * acc);
}

GateEquivalents pe_output_stationary(int width, int acc) {
    // Each accumulator bit has its clear, its hold and the multiplexer of the drain chain.
    return flipflops(2 * width + acc) + mac(width, width, acc) + linear(2 * kMux2 + kAnd2, 0, acc);
}

GateEquivalents checksum_pe(int width, int acc, int cols) {
    const int growth = growth_bits(cols);
    return enabled_flipflops(width + growth) + flipflops(width + acc + growth) +
           mac(width + growth, width, acc + growth);
}

GateEquivalents sequential_checksum(int acc, int cols) {
    const int width = acc + growth_bits(cols);
    return flipflops(width) + adder(width) + linear(kAnd2, 0, width);
}

GateEquivalents majority_voter(int width) {
    return linear(3.333, 0, width);
}
GateEquivalents majority_voter_with_flag(int width) {
    return linear(8.29, -1.66, width);
}
GateEquivalents equality_comparator(int width) {
    return linear(kXor2 + 0.667, -1.0, width);
}

GateEquivalents relu(int width) {
    return linear(1.667, -1.667, width);
}

GateEquivalents requantiser(int acc, int multiplier_bits) {
    constexpr double kProduct = 10.0;        // partial-product bit; rounding and shifting load it further
    constexpr double kBehindProduct = 19.0;  // bias, shifter, rounding, zero point, clamp; a product bit
    return GateEquivalents(kProduct * (acc + 1) * (multiplier_bits + 1)) +
           linear(kBehindProduct, 0, acc + multiplier_bits + 2);
}

GateEquivalents requantiser_fixed_shift(int acc, int multiplier_bits) {
    constexpr double kShiftLevels = 4;
    return multiplier(acc + 1, multiplier_bits + 1) + adder(acc) + linear(kShiftLevels * kMux2, 0, acc);
}

GateEquivalents range_clamp(int width) {
    return linear(12.92, 8.0, width);
}
GateEquivalents range_zero(int width) {
    return linear(11.21, 5.0, width);
}

GateEquivalents range_clamp_with_thresholds(int width) {
    return range_clamp(width) + enabled_flipflops(2 * width);
}

GateEquivalents range_clamp_upper_with_threshold(int width) {
    return enabled_flipflops(width) + linear(6.0, 0, width);
}

GateEquivalents gradient_lane(int width) {
    return linear(39.8, 36.2, width);
}
GateEquivalents gradient_lane_both_sides(int width) {
    return linear(64.7, 30.2, width);
}
GateEquivalents gradient_lane_combinational(int width) {
    return linear(17.39, 21.9, width);
}
GateEquivalents gradient_statistics(int width) {
    return linear(49.7, 101.6, width);
}

GateEquivalents median(int inputs, int width) {
    // Three inputs: three comparators, whose carries are looked ahead where they are wide, pick one of three.
    // Five and nine: networks of 7 and 19 comparators (Devillard).
    constexpr double kNarrowBit = 13.0;
    constexpr double kWideBit = 29.3;
    constexpr double kNarrowSaving = 92.0;
    const GateEquivalents three(std::max(kNarrowBit * width, kWideBit * width - kNarrowSaving));
    switch (inputs) {
        case 3:
            return three;
        case 5:
            return three * 3.07;
        case 9:
            return three * 8.92;
        default:
            throw std::out_of_range("median of " + std::to_string(inputs) + " inputs");
    }
}

GateEquivalents popcount(int width) {
    // A tree of full adders takes three bits to two: about one an input bit, less one a bit of the count.
    const double count_bits = std::log2(static_cast<double>(width)) + 1;
    return GateEquivalents(kTreeAdderBit * (width - count_bits) + 3.0 * count_bits);
}

GateEquivalents register_file(int words, int width) {
    // A read multiplexer input costs a multiplexer; address decoding disappears in the enables.
    return enabled_flipflops(words * width) + multiplexers(words * width);
}

GateEquivalents shift_fifo(int words, int width) {
    return enabled_flipflops(words * width);
}

GateEquivalents fp32_multiplier() {
    return multiplier(24, 24);
}

GateEquivalents fp32_adder() {
    constexpr double kMantissaBit =
        56.0;  // alignment, addition, normalisation; a bit of 24 and 8 of exponent
    return linear(kMantissaBit, 0, 32);
}

GateEquivalents fp32_pe_weight_stationary() {
    // Weight with enable, activation, product and sum registers.
    return fp32_multiplier() + fp32_adder() + enabled_flipflops(32) + flipflops(3 * 32);
}

GateEquivalents fp32_range_clamp() {
    return linear(6.28, 0, 32);
}

GateEquivalents bf16_multiplier() {
    constexpr double kAroundProduct = 124.0;  // exponents, normalisation, zeros, infinities and NaN
    return multiplier(8, 8) + GateEquivalents(kAroundProduct);
}

GateEquivalents bf16_rounding() {
    constexpr double kLostBit = 0.7;  // is any of them 1?
    return linear(kXor2 + kAnd2, 0, 16) + linear(kLostBit, 0, 15);
}

GateEquivalents bf16_pe_weight_stationary() {
    return bf16_multiplier() + fp32_adder() + enabled_flipflops(16) + flipflops(16 + 32);
}

}  // namespace fluence::cost
