// The loops of travelling_moves.h, compiled once for each kind of CPU: everything has internal linkage.
#pragma once

#include <cstdint>
#include <cstring>

#include "sim/array/travelling_moves.h"
#include "sim/array/vectorise.h"

namespace fluence::array {
namespace {

// `chosen` where the control bit is 1, `other` where it is 0.
inline std::int32_t choose(std::int32_t bit, std::int32_t chosen, std::int32_t other) {
    return (chosen & -bit) | (other & (bit - 1));
}

inline std::int32_t multiply_add(std::int32_t sum, std::int32_t x, std::int32_t y) {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(sum) +
                                     static_cast<std::uint32_t>(x) * static_cast<std::uint32_t>(y));
}

inline std::int32_t wrap(std::int32_t value, int unused_bits) {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(value) << unused_bits) >> unused_bits;
}

template <bool kSumsStay, bool kLast>
inline void mesh_row(int cols, const MeshRow& row, const MeshRow& below, int bits) {
    const int unused = 32 - bits;
    const std::int32_t* __restrict a = row.a;
    const std::int32_t* __restrict b = row.b;
    const std::int32_t* __restrict d = row.d;
    const std::int32_t* __restrict valid = row.valid;
    const std::int32_t* __restrict propagate = row.propagate;
    std::int32_t* __restrict bank_1 = row.bank_1;
    std::int32_t* __restrict bank_2 = row.bank_2;
    std::int32_t* __restrict below_b = below.b;
    std::int32_t* __restrict below_d = below.d;
    std::int32_t* __restrict below_valid = below.valid;
    std::int32_t* __restrict below_propagate = below.propagate;
    FLUENCE_INDEPENDENT
    for (int c = 0; c < cols; ++c) {
        const std::int32_t v = valid[c];
        const std::int32_t p = propagate[c];
        const std::int32_t moving = choose(p, bank_1[c], bank_2[c]);
        const std::int32_t working = choose(p, bank_2[c], bank_1[c]);
        const std::int32_t sum =
            wrap(kSumsStay ? multiply_add(working, a[c], b[c]) : multiply_add(b[c], a[c], working), unused);
        const std::int32_t b_out = kSumsStay ? b[c] : sum;
        if (kLast) {
            below_b[c] = b_out;
            below_d[c] = moving;
        } else {
            below_b[c] = choose(v, b_out, below_b[c]);
            below_d[c] = choose(v, moving, below_d[c]);
            below_propagate[c] = choose(v, p, below_propagate[c]);
            below_valid[c] = v;
        }
        const std::int32_t next_working = kSumsStay ? choose(v, sum, working) : working;
        const std::int32_t next_moving = choose(v, d[c], moving);
        bank_1[c] = choose(p, next_moving, next_working);
        bank_2[c] = choose(p, next_working, next_moving);
    }
}

template <bool kSumsStay>
void mesh(int cols, const MeshRow& row, const MeshRow& below, int bits) {
    if (below.valid == nullptr) {
        mesh_row<kSumsStay, true>(cols, row, below, bits);
    } else {
        mesh_row<kSumsStay, false>(cols, row, below, bits);
    }
}

void tiny(int cols, const TinyRow& row, int bits) {
    const int unused = 32 - bits;
    const auto arriving = static_cast<std::size_t>(cols);
    std::memcpy(row.scratch, row.act, arriving * sizeof(std::int32_t));
    std::memcpy(row.scratch + cols, row.act_valid, arriving * sizeof(std::int32_t));
    const std::int32_t* __restrict data = row.scratch;
    const std::int32_t* __restrict active = row.scratch + cols;
    const std::int32_t* __restrict sum_in = row.sum_in;
    const std::int32_t* __restrict weight_in = row.weight_in;
    const std::int32_t* __restrict write_in = row.write_in;
    std::int32_t* __restrict act = row.act + 1;
    std::int32_t* __restrict act_valid = row.act_valid + 1;
    std::int32_t* __restrict sum = row.sum;
    std::int32_t* __restrict weight = row.weight;
    std::int32_t* __restrict shift = row.shift;
    std::int32_t* __restrict write = row.write;
    FLUENCE_INDEPENDENT
    for (int c = 0; c < cols; ++c) {
        act[c] = choose(active[c], data[c], act[c]);
        sum[c] = choose(active[c], wrap(multiply_add(sum_in[c], data[c], weight[c]), unused), sum[c]);
        act_valid[c] = active[c];
        const std::int32_t loads = write_in[c] | write[c];
        shift[c] = choose(loads, weight[c], row.empty);
        weight[c] = choose(loads, weight_in[c], weight[c]);
        write[c] = write_in[c];
    }
}

}  // namespace
}  // namespace fluence::array
