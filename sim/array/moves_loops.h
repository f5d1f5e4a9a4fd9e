// The loops of moves.h, for the .cpp files that compile them once for each kind of CPU: everything has
// internal linkage.
#pragma once

#include <algorithm>
#include <cstdint>

#include "sim/array/moves.h"
#include "sim/array/vectorise.h"
#include "sim/array/wave_rows.h"
#include "sim/dataflow/registers.h"

namespace fluence::array {
namespace {

constexpr std::uint32_t low_bits(int bits) {
    return ~std::uint32_t{0} >> (32 - bits);
}

// Two's complement of a raw code whose bit `sign` counts negatively.
inline std::int32_t decode(std::uint32_t raw, std::uint32_t sign) {
    return static_cast<std::int32_t>((raw ^ sign) - sign);
}

// Where a product comes from: the operands, or the last register of the multiplier's pipeline.
struct Multiplied {
    const std::uint32_t* left;
    const std::uint32_t* right;
    Signs signs;

    Multiplied(const Factors& f, int r, int c)
        : left(f.left.at + r * f.left.stride + c),
          right(f.right.at + r * f.right.stride + c),
          signs(f.signs) {}
    std::uint32_t wrapped(int i) const {
        return ((left[i] ^ signs.left) - signs.left) * ((right[i] ^ signs.right) - signs.right);
    }
    std::int64_t exact(int i) const {
        return std::int64_t{decode(left[i], signs.left)} * decode(right[i], signs.right);
    }
};

struct Registered {
    static constexpr std::uint32_t kSign = std::uint32_t{1} << (dataflow::kProductBits - 1);
    const std::uint32_t* product;

    Registered(const Grid& g, int r, int c) : product(g.at + r * g.stride + c) {}
    std::uint32_t wrapped(int i) const { return (product[i] ^ kSign) - kSign; }
    std::int64_t exact(int i) const { return decode(product[i], kSign); }
};

struct Wrap {
    std::uint32_t mask;
    explicit Wrap(int bits) : mask(low_bits(bits)) {}
    template <class Product>
    std::uint32_t operator()(std::uint32_t sum, const Product& product, int i) const {
        return (sum + product.wrapped(i)) & mask;
    }
};

struct Saturate {
    std::uint32_t mask, sign;
    std::int64_t most;
    explicit Saturate(int bits)
        : mask(low_bits(bits)), sign(std::uint32_t{1} << (bits - 1)), most(std::int64_t{sign} - 1) {}
    template <class Product>
    std::uint32_t operator()(std::uint32_t sum, const Product& product, int i) const {
        const std::int64_t exact = decode(sum, sign) + product.exact(i);
        return static_cast<std::uint32_t>(std::min(std::max(exact, -most - 1), most)) & mask;
    }
};

void multiply(Extent extent, Wave wave, const Factors& factors, Grid product) {
    each_row(extent, wave, [&](int r, int c, int n) {
        const Multiplied factor(factors, r, c);
        std::uint32_t* to = product.at + r * product.stride + c;
        FLUENCE_INDEPENDENT
        for (int i = 0; i < n; ++i) {
            to[i] = factor.wrapped(i) & low_bits(dataflow::kProductBits);
        }
    });
}

template <class Product, class Source, class Sum>
inline void sum_rows(Extent extent, Wave wave, const Source& source, Grid from, Grid to, const Sum& sum) {
    const Sum add = sum;
    each_row(extent, wave, [&](int r, int c, int n) {
        const Product product(source, r, c);
        std::uint32_t* next = to.at + r * to.stride + c;
        if (from.at == to.at) {
            FLUENCE_INDEPENDENT
            for (int i = 0; i < n; ++i) {
                next[i] = add(next[i], product, i);
            }
        } else {
            const std::uint32_t* above = from.at + r * from.stride + c;
            FLUENCE_INDEPENDENT
            for (int i = 0; i < n; ++i) {
                next[i] = add(above[i], product, i);
            }
        }
    });
}

template <class Product, class Source>
inline void sum_all(Extent extent, Wave wave, const Source& source, Grid from, Grid to, SumWidth width) {
    if (width.saturates) {
        sum_rows<Product>(extent, wave, source, from, to, Saturate(width.bits));
    } else {
        sum_rows<Product>(extent, wave, source, from, to, Wrap(width.bits));
    }
}

void multiply_add(Extent extent, Wave wave, const Factors& factors, Grid from, Grid to, SumWidth width) {
    sum_all<Multiplied>(extent, wave, factors, from, to, width);
}

void add(Extent extent, Wave wave, Grid product, Grid from, Grid to, SumWidth width) {
    sum_all<Registered>(extent, wave, product, from, to, width);
}

}  // namespace
}  // namespace fluence::array
