// AVX2: vpmaddwd multiplies 16 pairs of 16-bit numbers and adds neighbours into eight exact 32-bit sums.
#include "sim/arith/delta_avx2.h"
#include "sim/arith/kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <cstring>

#define FLUENCE_AVX2 __attribute__((target("avx2")))

namespace fluence::arith {
namespace {

FLUENCE_AVX2 inline __m256i load(const void* from) {
    return _mm256_loadu_si256(static_cast<const __m256i*>(from));
}

FLUENCE_AVX2 inline void store(void* to, __m256i value) {
    _mm256_storeu_si256(static_cast<__m256i*>(to), value);
}

// One pair of 16-bit codes in all lanes.
FLUENCE_AVX2 inline __m256i broadcast_pair(const std::int16_t* codes) {
    std::int32_t pair = 0;
    std::memcpy(&pair, codes, sizeof pair);
    return _mm256_set1_epi32(pair);
}

// The loops over registers are unrolled by pragma: at -O2 the compiler would keep their arrays in memory.

// kPixels output pixels × one block of 16 output channels, sums in registers.
template <int kPixels>
FLUENCE_AVX2 void dense_tile(const DenseTask& task, std::int64_t pixel, int block) {
    const std::int16_t* window[kPixels];
    __m256i low[kPixels];
    __m256i high[kPixels];
#pragma GCC unroll 8
    for (int p = 0; p < kPixels; ++p) {
        window[p] = task.input + task.pixel_offset[pixel + p];
        low[p] = _mm256_setzero_si256();
        high[p] = _mm256_setzero_si256();
    }
    const std::int16_t* weights = task.weights + std::int64_t{block} * task.taps * task.pairs * 2 * kBlock;
    for (int tap = 0; tap < task.taps; ++tap) {
        const std::int64_t begin = task.tap_offset[tap];
        const std::int64_t end = begin + std::int64_t{2} * task.pairs;
        for (std::int64_t k = begin; k < end; k += 2, weights += 2 * kBlock) {
            const __m256i weights_low = load(weights);
            const __m256i weights_high = load(weights + kBlock);
#pragma GCC unroll 8
            for (int p = 0; p < kPixels; ++p) {
                const __m256i codes = broadcast_pair(window[p] + k);
                low[p] = _mm256_add_epi32(low[p], _mm256_madd_epi16(codes, weights_low));
                high[p] = _mm256_add_epi32(high[p], _mm256_madd_epi16(codes, weights_high));
            }
        }
    }
#pragma GCC unroll 8
    for (int p = 0; p < kPixels; ++p) {
        std::int32_t* row = task.result + ((pixel + p) * task.blocks + block) * kBlock;
        store(row, low[p]);
        store(row + 8, high[p]);
    }
}

FLUENCE_AVX2 void dense_rest(const DenseTask& task, std::int64_t pixel, int block) {
    switch (task.pixels - pixel) {
        case 1:
            return dense_tile<1>(task, pixel, block);
        case 2:
            return dense_tile<2>(task, pixel, block);
        case 3:
            return dense_tile<3>(task, pixel, block);
        case 4:
            return dense_tile<4>(task, pixel, block);
        case 5:
            return dense_tile<5>(task, pixel, block);
        default:
            return;
    }
}

// Six pixels: twelve sums, two weight registers and a code fill the sixteen registers.
FLUENCE_AVX2 void dense(const DenseTask& task) {
    constexpr int kTile = 6;
    for (int block = 0; block < task.blocks; ++block) {
        std::int64_t pixel = 0;
        for (; pixel + kTile <= task.pixels; pixel += kTile) {
            dense_tile<kTile>(task, pixel, block);
        }
        dense_rest(task, pixel, block);
    }
}

struct Limits {
    __m256i lo, hi, sign;
};

// Four channels: 32-bit accumulators and multipliers in the low halves of the 64-bit lanes.
FLUENCE_AVX2 inline __m256i requantise_lanes(__m256i values, __m256i multiplier,
                                             const RequantiseBlock& parameters, int lane,
                                             const Limits& limits) {
    const __m256i product = _mm256_mul_epi32(values, multiplier);
    const __m256i sum = _mm256_add_epi64(product, load(parameters.rounding + lane));
    const __m256i flipped =
        _mm256_srlv_epi64(_mm256_xor_si256(sum, limits.sign), load(parameters.shift + lane));
    __m256i code = _mm256_sub_epi64(flipped, load(parameters.sign + lane));
    code = _mm256_blendv_epi8(code, limits.lo, _mm256_cmpgt_epi64(limits.lo, code));
    return _mm256_blendv_epi8(code, limits.hi, _mm256_cmpgt_epi64(code, limits.hi));
}

FLUENCE_AVX2 void requantise(const RequantiseTask& task) {
    const Limits limits = {_mm256_set1_epi64x(task.clamp_lo), _mm256_set1_epi64x(task.clamp_hi),
                           _mm256_set1_epi64x(static_cast<long long>(std::uint64_t{1} << 63))};
    std::int32_t* values = task.values;
    for (std::int64_t row = 0; row < task.rows; ++row) {
        for (int i = 0; i < 2 * task.blocks; ++i, values += 8) {
            const RequantiseBlock& parameters = task.parameters[i];
            const __m256i accumulators = load(values);
            const __m256i multiplier = load(parameters.multiplier);
            const __m256i even = requantise_lanes(accumulators, multiplier, parameters, 0, limits);
            const __m256i odd = requantise_lanes(_mm256_srli_epi64(accumulators, 32),
                                                 _mm256_srli_epi64(multiplier, 32), parameters, 4, limits);
            store(values, _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa));
        }
    }
}

}  // namespace

const Kernels kAvx2Kernels = {dense, delta_avx2, requantise};

}  // namespace fluence::arith
#endif
