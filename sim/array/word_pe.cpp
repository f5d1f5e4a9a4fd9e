#include "sim/array/word_pe.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "sim/dataflow/registers.h"

namespace fluence::array {
namespace {

float float_of(WideBits bits) {
    const auto word = static_cast<std::uint32_t>(bits);
    float value = 0;
    std::memcpy(&value, &word, sizeof value);
    return value;
}

WideBits bits_of(float value) {
    constexpr std::uint32_t kNan = 0x7fc00000U;
    std::uint32_t word = kNan;
    if (!std::isnan(value)) {
        std::memcpy(&word, &value, sizeof word);
    }
    return word;
}

}  // namespace

WordPe::WordPe(const ArrayConfig& array)
    : floats_(is_float(array.format)),
      saturates_(array.overflow == Overflow::saturate),
      operand_bits_(array.operand_bits),
      product_bits_(dataflow::product_bits(array)),
      sum_bits_(array.accumulator_bits),
      stored_bits_(8 * stored_widths(array.format).sum) {}

WideBits WordPe::multiply(std::uint32_t a, std::uint32_t b) const {
    if (floats_) {
        const int below = 32 - operand_bits_;  // bits of binary32 that an operand lacks
        return bits_of(float_of(WideBits{a} << below) * float_of(WideBits{b} << below));
    }
    const WideInteger product = wide_integer(a, operand_bits_) * wide_integer(b, operand_bits_);
    return static_cast<WideBits>(product) & low_wide_bits(product_bits_);
}

WideBits WordPe::add(WideBits sum, WideBits product) const {
    if (floats_) {
        return bits_of(float_of(sum) + float_of(product));
    }
    WideInteger exact = wide_integer(product, product_bits_);
    if (sum_bits_ == 128) {  // more than an integer holds: saturate by the signs
        const WideInteger old = wide_integer(sum, sum_bits_);
        if (WideInteger result = 0; __builtin_add_overflow(old, exact, &result) && saturates_) {
            return exact < 0 ? WideBits{1} << 127 : low_wide_bits(127);
        }
        return sum + static_cast<WideBits>(exact);
    }
    exact += wide_integer(sum, sum_bits_);
    if (saturates_) {
        const auto most = static_cast<WideInteger>(low_wide_bits(sum_bits_ - 1));
        exact = std::clamp<WideInteger>(exact, -most - 1, most);
    }
    return static_cast<WideBits>(exact) & low_wide_bits(sum_bits_);
}

WideBits WordPe::stored(WideBits sum) const {
    return floats_ ? sum : static_cast<WideBits>(wide_integer(sum, sum_bits_)) & low_wide_bits(stored_bits_);
}

WideBits WordPe::accumulate(WideBits old, WideBits sum) const {
    return floats_ ? bits_of(float_of(old) + float_of(sum))
                   : (old + stored(sum)) & low_wide_bits(stored_bits_);
}

}  // namespace fluence::array
