// What the MAC of a PE computes on a machine of words, one operation at a time, on the raw bits of its
// registers (docs/formats-numbers.md, "Machines of words").
//
//   fixed point  operands of B bits in two's complement, exact products of 2B bits, sums of
//                ArrayConfig::accumulator_bits that wrap or saturate
//   bf16, fp32   IEEE 754 binary32 (a bf16 operand is its upper half): product and sum each rounded to
//   nearest,
//                ties to even, nothing fused; a NaN that either makes or passes on is 0x7fc00000
// The output buffer's accumulators are as wide as stored_widths() says and wrap.
#pragma once

#include <cstdint>

#include "sim/core/accelerator_config.h"
#include "sim/core/wide_bits.h"

namespace fluence::array {

class WordPe {
  public:
    // Of a machine of another format than int8.
    explicit WordPe(const ArrayConfig& array);

    int operand_bits() const { return operand_bits_; }
    int product_bits() const { return product_bits_; }
    int sum_bits() const { return sum_bits_; }        // of the array's registers
    int stored_bits() const { return stored_bits_; }  // of an accumulator in the output buffer

    // What a product register takes.
    WideBits multiply(std::uint32_t a, std::uint32_t b) const;
    // What a register for sums takes, from one and a product.
    WideBits add(WideBits sum, WideBits product) const;
    // A sum of the array as the output buffer stores it, and added to what is stored there.
    WideBits stored(WideBits sum) const;
    WideBits accumulate(WideBits old, WideBits sum) const;

  private:
    bool floats_;
    bool saturates_;
    int operand_bits_, product_bits_, sum_bits_, stored_bits_;
};

}  // namespace fluence::array
