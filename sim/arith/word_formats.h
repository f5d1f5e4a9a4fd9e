// The number formats of graphs of words, as WordEngine (word_engine.h) uses them: how words are read and
// written, how sums are made and rounded. docs/formats-numbers.md defines them.
//
// A format has
//   Value, Sum            a number as it is read; what products are added in
//   kExactSums            sums are integers: adding in another order, or a difference, changes nothing
//   decode, encode        word ↔ Value; encode(decode(w)) = w for every word of the format
//   same                  equal by their bits
//   Rule                  what a layer's arithmetic needs, from the graph
//   set_shift             a shift of the Rule as a machine's parameter register holds it
//   bias, times, finish   conv, linear: Sum of a bias word; a product as a Sum; Sum → output
//   finish_total          Sum in front of the bias, and the bias word → output
//   finish_stored         the same of a sum as a machine's output buffer stores it
//   add, average, copy    add of two; sum of a window / its size; concat's input
// and the steps that these are made of, by what a machine's vector unit has between them
// (dataflow/vector_pipeline.h says which bits):
//   stored_bits, stored   Sum ↔ raw bits of a register for sums
//   biased                stored sum, bias word → stored sum
//   requantised, added,   Sum; two; sum of a window; concat's input → Value in front of the activation
//   averaged, copied
//   held_bits, held       that Value ↔ raw bits
//   activated             → output
// Shifts are those of a machine's parameter registers, −128 … 127: every one has a meaning, because an upset
// may make it. Shifting to the left drops the bits above the sum's, to the right it rounds down.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "sim/core/wide_bits.h"
#include "workloads/word_graph.h"

namespace fluence::arith {

using Int128 = WideInteger;

// Two's complement with one integer bit: value = code · scale.
template <int Bits, class SumType>
struct FixedPoint {
    using Value = std::int32_t;
    using Sum = SumType;
    static constexpr bool kExactSums = true;
    static constexpr Value kMost = std::numeric_limits<std::int32_t>::max() >> (32 - Bits);
    static constexpr Value kLeast = -kMost - 1;
    static constexpr int kSumBits = 8 * sizeof(Sum);
    static constexpr int kWordBits = Bits;

    struct Rule {
        workloads::WordShifts shifts;
        Value lo = kLeast, hi = kMost;
    };

    static Value decode(workloads::Word word) {
        return static_cast<Value>(word << (32 - Bits)) >> (32 - Bits);
    }
    static workloads::Word encode(Value value) {
        return static_cast<workloads::Word>(value) & (~workloads::Word{0} >> (32 - Bits));
    }
    static bool same(Value a, Value b) { return a == b; }
    static double real(Value value, double scale) { return value * scale; }
    static Value nearest(double real, double scale) {
        return static_cast<Value>(
            std::clamp<double>(std::nearbyint(real / scale), double{kLeast}, double{kMost}));
    }

    static Rule rule(const workloads::WordGraph& graph, std::size_t layer) {
        Rule rule;
        const workloads::WordLayer& words = graph.layers[layer];
        rule.shifts = workloads::shifts_of(graph, layer);
        if (words.relu) {
            const auto output = graph.structure.layers[layer].output;
            rule.lo = 0;
            rule.hi = nearest(words.ceiling, graph.structure.tensor(output).scale);
        }
        return rule;
    }

    // Shift `index` of the layer's parameters (workloads::stored_structure()).
    static void set_shift(const workloads::Layer& layer, Rule& rule, std::int64_t index, int shift) {
        const auto inputs = static_cast<std::int64_t>(rule.shifts.inputs.size());
        if (index == (layer.has_macs() ? 1 : inputs)) {
            rule.shifts.output = shift;
        } else {
            (layer.has_macs() ? rule.shifts.bias : rule.shifts.inputs[static_cast<std::size_t>(index)]) =
                shift;
        }
    }

    static Sum bias(const Rule& rule, workloads::Word word) { return scaled(decode(word), rule.shifts.bias); }
    static Sum times(Value w, Value x) { return static_cast<Sum>(std::int64_t{w} * x); }
    static Value finish(const Rule& rule, Sum sum) { return activated(rule, requantised(rule, sum)); }
    static Value finish_total(const Rule& rule, workloads::Word bias_word, Sum total) {
        return finish_stored(rule, bias_word, static_cast<WideBits>(total));
    }
    static Value finish_stored(const Rule& rule, workloads::Word bias_word, WideBits stored_sum) {
        return finish(rule, stored(stored_sum + static_cast<WideBits>(bias(rule, bias_word))));
    }
    static Value add(const Rule& rule, Value a, Value b) { return activated(rule, added(rule, a, b)); }
    static Value copy(const Rule& rule, std::size_t input, Value x) {
        return activated(rule, copied(rule, input, x));
    }
    static Value average(const Rule& rule, Sum sum, std::int64_t taps) {
        return activated(rule, averaged(rule, sum, taps));
    }

    static WideBits stored_bits(Sum sum) { return static_cast<WideBits>(sum) & low_wide_bits(kSumBits); }
    static Sum stored(WideBits bits) { return static_cast<Sum>(bits); }
    static WideBits biased(const Rule& rule, workloads::Word bias_word, WideBits stored_sum) {
        return stored_bits(stored(stored_sum + static_cast<WideBits>(bias(rule, bias_word))));
    }
    static Value requantised(const Rule& rule, Sum sum) {
        return saturated(shifted(sum, rule.shifts.output));
    }
    static Value added(const Rule& rule, Value a, Value b) {
        const auto x = static_cast<WideBits>(aligned(rule, 0, a));
        return requantised(rule, static_cast<Sum>(x + static_cast<WideBits>(aligned(rule, 1, b))));
    }
    static Value copied(const Rule& rule, std::size_t input, Value x) {
        return requantised(rule, aligned(rule, input, x));
    }
    // ⌊sum/d + ½⌋ with d = taps · 2^shift, of any sum. To the left a sum of more than 33 bits a tap saturates
    // whatever the shift, and every one but 0 does beyond 64; to the right floors of floors are exact.
    static Value averaged(const Rule& rule, Sum sum, std::int64_t taps) {
        const int shift = rule.shifts.output;
        Int128 up = static_cast<Int128>(sum) >> std::max(shift - 64, 0);
        if (shift < 0) {
            const Int128 most = static_cast<Int128>(taps) << 34;
            up = std::clamp(up, -most, most) * (Int128{1} << std::min(-shift, 64));
        }
        const Int128 d = static_cast<Int128>(taps) << std::clamp(shift, 0, 64);
        Int128 quotient = up / d;
        Int128 rest = up % d;
        if (rest < 0) {
            rest += d;
            --quotient;
        }
        return saturated(quotient + (2 * rest >= d ? 1 : 0));
    }
    static workloads::Word held_bits(Value value) { return encode(value); }
    static Value held(workloads::Word bits) { return decode(bits); }
    static Value activated(const Rule& rule, Value value) { return std::clamp(value, rule.lo, rule.hi); }

  private:
    static Sum aligned(const Rule& rule, std::size_t input, Value x) {
        return scaled(x, rule.shifts.inputs[input]);
    }
    static Sum scaled(Value x, int shift) {
        if (shift < 0) {
            return x >> std::min(-shift, 31);
        }
        const WideBits bits = static_cast<WideBits>(static_cast<Int128>(x));
        return shift >= kSumBits ? Sum{0} : static_cast<Sum>(bits << shift);
    }
    static Sum shifted(Sum sum, int shift) {
        if (shift >= kSumBits) {
            return 0;
        }
        if (shift > 0) {
            return (sum >> shift) + (sum >> (shift - 1) & 1);
        }
        // What is beyond the format already stays beyond it; whatever moves by 32 bits gets there.
        const Sum kept = std::clamp<Sum>(sum, static_cast<Sum>(kLeast) - 1, static_cast<Sum>(kMost) + 1);
        return kept * (static_cast<Sum>(1) << std::min(-shift, 32));
    }
    template <class T>
    static Value saturated(T value) {
        return static_cast<Value>(std::clamp<T>(value, static_cast<T>(kLeast), static_cast<T>(kMost)));
    }
};

using Fxp16 = FixedPoint<16, std::int64_t>;
using Fxp32 = FixedPoint<32, Int128>;

inline std::uint32_t bits_of(float value) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}
inline float float_of(std::uint32_t bits) {
    float value = 0;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

inline bool is_nan(float value) {
    return std::isnan(value);
}
inline bool is_nan(std::int32_t) {
    return false;
}

// IEEE 754 binary32 throughout, subnormals included; every product and every sum is rounded (to nearest,
// ties to even). NaN that arithmetic makes is 0x7fc00000. `Store` rounds what is stored.
template <class Store>
struct Float {
    using Value = float;
    using Sum = float;
    static constexpr bool kExactSums = false;
    static constexpr int kWordBits = Store::kBits;

    struct Rule {
        bool relu = false;
        float ceiling = std::numeric_limits<float>::infinity();
    };

    static Value decode(workloads::Word word) { return Store::decode(word); }
    static workloads::Word encode(Value value) { return Store::encode(value); }
    static bool same(Value a, Value b) { return bits_of(a) == bits_of(b); }
    static double real(Value value, double) { return double{value}; }
    static Value nearest(double real, double) { return Store::rounded(static_cast<float>(real)); }

    static Rule rule(const workloads::WordGraph& graph, std::size_t layer) {
        return {graph.layers[layer].relu, Store::rounded(static_cast<float>(graph.layers[layer].ceiling))};
    }

    static void set_shift(const workloads::Layer&, Rule&, std::int64_t, int) {}  // it has none

    static Sum bias(const Rule&, workloads::Word word) { return float_of(word); }
    static Sum times(Value w, Value x) { return w * x; }
    static Value finish(const Rule& rule, Sum sum) { return activated(rule, sum); }
    static Value finish_total(const Rule& rule, workloads::Word bias_word, Sum total) {
        return finish(rule, total + bias(rule, bias_word));
    }
    static Value finish_stored(const Rule& rule, workloads::Word bias_word, WideBits stored_sum) {
        return finish_total(rule, bias_word, stored(stored_sum));
    }
    static Value add(const Rule& rule, Value a, Value b) { return finish(rule, added(rule, a, b)); }
    static Value copy(const Rule& rule, std::size_t, Value x) { return finish(rule, x); }
    static Value average(const Rule& rule, Sum sum, std::int64_t taps) {
        return finish(rule, averaged(rule, sum, taps));
    }

    static WideBits stored_bits(Sum sum) { return held_bits(sum); }
    static Sum stored(WideBits bits) { return float_of(static_cast<std::uint32_t>(bits)); }
    static WideBits biased(const Rule& rule, workloads::Word bias_word, WideBits stored_sum) {
        return stored_bits(stored(stored_sum) + bias(rule, bias_word));
    }
    static Value requantised(const Rule&, Sum sum) { return sum; }
    static Value added(const Rule&, Value a, Value b) { return a + b; }
    static Value copied(const Rule&, std::size_t, Value x) { return x; }
    static Value averaged(const Rule&, Sum sum, std::int64_t taps) { return sum / static_cast<float>(taps); }
    static workloads::Word held_bits(Value value) { return std::isnan(value) ? kNan : bits_of(value); }
    static Value held(workloads::Word bits) { return float_of(bits); }
    static Value activated(const Rule& rule, Value value) {
        if (std::isnan(value)) {
            return float_of(kNan);
        }
        if (rule.relu) {
            value = value > 0 ? std::min(value, rule.ceiling) : 0.0F;
        }
        return Store::rounded(value);
    }

  private:
    static constexpr std::uint32_t kNan = 0x7fc00000U;
};

struct StoreFp32 {
    static constexpr int kBits = 32;
    static float decode(workloads::Word word) { return float_of(word); }
    static workloads::Word encode(float value) { return bits_of(value); }
    static float rounded(float value) { return value; }
};

// The upper half of an fp32 word.
struct StoreBf16 {
    static constexpr int kBits = 16;
    static float decode(workloads::Word word) { return float_of(word << 16); }
    static workloads::Word encode(float value) { return bits_of(value) >> 16; }
    // Not NaN. Overflows to infinity, as IEEE 754 rounds.
    static float rounded(float value) {
        const std::uint32_t bits = bits_of(value);
        return float_of((bits + 0x7fffU + (bits >> 16 & 1U)) & 0xffff0000U);
    }
};

using Fp32 = Float<StoreFp32>;
using Bf16 = Float<StoreBf16>;

}  // namespace fluence::arith
