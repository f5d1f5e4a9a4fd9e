#include "bench/dense_loops.h"

#include <immintrin.h>
#include <algorithm>
#include <cmath>
#include <cstdlib>

#define FLUENCE_FAST_LOOPS __attribute__((target_clones("avx2", "default")))  // -O3: CMakeLists.txt

namespace fluence::bench {

using workloads::Layer;

FLUENCE_FAST_LOOPS void accumulate(std::int32_t* sums, std::int32_t code, const std::int8_t* weights, int n) {
    for (int i = 0; i < n; ++i) {
        sums[i] += code * weights[i];
    }
}

FLUENCE_FAST_LOOPS void add_bias(const std::int32_t* sums, const std::int32_t* bias, std::int64_t rows, int n,
                                 int row_size, std::int32_t* to) {
    for (std::int64_t row = 0; row < rows; ++row) {
        for (int i = 0; i < n; ++i) {
            to[row * row_size + i] = sums[row * n + i] + bias[i];
        }
    }
}

FLUENCE_FAST_LOOPS void narrow(const std::int32_t* codes, std::int64_t n, std::uint8_t* to) {
    for (std::int64_t i = 0; i < n; ++i) {
        to[i] = static_cast<std::uint8_t>(codes[i]);
    }
}

#define FLUENCE_AVX2 __attribute__((target("avx2")))

namespace {

// Rounding of eight values that are at most `doubt` away from the exact ones.
struct Rounding {
    float lo, hi;  // the clamp
    float doubt;
};
struct Rounded {
    __m256i codes;
    bool certain;
};
FLUENCE_AVX2 inline Rounded round_eight(__m256 exact, const Rounding& rule) {
    const __m256 x = _mm256_min_ps(_mm256_max_ps(exact, _mm256_set1_ps(rule.lo)), _mm256_set1_ps(rule.hi));
    const __m256i codes = _mm256_cvtps_epi32(x);
    const __m256 off = _mm256_andnot_ps(_mm256_set1_ps(-0.0F), _mm256_sub_ps(x, _mm256_cvtepi32_ps(codes)));
    const __m256 doubtful = _mm256_cmp_ps(off, _mm256_set1_ps(0.5F - rule.doubt), _CMP_GT_OQ);
    return {codes, _mm256_movemask_ps(doubtful) == 0};
}

// The lowest bytes of sixteen codes, in order.
FLUENCE_AVX2 inline void store_bytes(__m256i first, __m256i second, std::uint8_t* to) {
    const __m256i byte = _mm256_set1_epi32(255);
    const __m256i words = _mm256_permute4x64_epi64(
        _mm256_packus_epi32(_mm256_and_si256(first, byte), _mm256_and_si256(second, byte)), 0xd8);
    const __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bytes);
}

FLUENCE_AVX2 inline __m256i biased(const std::int32_t* sums, const std::int32_t* bias) {
    return _mm256_add_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(sums)),
                            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bias)));
}

}  // namespace

FLUENCE_AVX2 void requantise_rows(const std::int32_t* sums, std::int64_t rows, int channels,
                                  const Layer& layer, const float* factors, std::uint8_t* to) {
    const Rounding rule = {static_cast<float>(layer.clamp_lo), static_cast<float>(layer.clamp_hi), 1e-4F};
    for (std::int64_t row = 0; row < rows; ++row) {
        for (int n = 0; n < channels; n += kCodes, sums += kCodes, to += kCodes) {
            const __m256i first = biased(sums, layer.bias.data() + n);
            const __m256i second = biased(sums + 8, layer.bias.data() + n + 8);
            const Rounded a =
                round_eight(_mm256_mul_ps(_mm256_cvtepi32_ps(first), _mm256_loadu_ps(factors + n)), rule);
            const Rounded b = round_eight(
                _mm256_mul_ps(_mm256_cvtepi32_ps(second), _mm256_loadu_ps(factors + n + 8)), rule);
            store_bytes(a.codes, b.codes, to);
            for (int i = n; !(a.certain && b.certain) && i < n + kCodes; ++i) {
                const auto at = static_cast<std::size_t>(i);
                const std::int64_t code = workloads::rescale(std::int64_t{sums[i - n]} + layer.bias[at],
                                                             layer.multiplier[at], layer.shift[at]);
                to[i - n] =
                    static_cast<std::uint8_t>(std::clamp<std::int64_t>(code, layer.clamp_lo, layer.clamp_hi));
            }
        }
    }
}

namespace {

FLUENCE_AVX2 inline __m256 eight_codes(const std::uint8_t* from, bool is_signed) {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
    return _mm256_cvtepi32_ps(is_signed ? _mm256_cvtepi8_epi32(bytes) : _mm256_cvtepu8_epi32(bytes));
}

FLUENCE_AVX2 inline __m256 weighted_sum(__m256 x, float left, __m256 y, float right) {
    return _mm256_add_ps(_mm256_mul_ps(x, _mm256_set1_ps(left)), _mm256_mul_ps(y, _mm256_set1_ps(right)));
}

}  // namespace

FLUENCE_AVX2 void add_codes(const std::uint8_t* a, const std::uint8_t* b, bool a_signed, bool b_signed,
                            const Layer& layer, std::int64_t n, std::uint8_t* to) {
    const float left = std::ldexp(static_cast<float>(layer.multiplier[0]), -layer.shift[0]);
    const float right = std::ldexp(static_cast<float>(layer.multiplier[1]), -layer.shift[0]);
    // Factors, products and their sum are rounded, each to 24 bits.
    const float doubt = std::ldexp((std::abs(left) + std::abs(right)) * 255, -21);
    const Rounding rule = {static_cast<float>(layer.clamp_lo), static_cast<float>(layer.clamp_hi), doubt};
    for (std::int64_t i = 0; i < n; i += kCodes) {
        const Rounded first = round_eight(
            weighted_sum(eight_codes(a + i, a_signed), left, eight_codes(b + i, b_signed), right), rule);
        const Rounded second = round_eight(
            weighted_sum(eight_codes(a + i + 8, a_signed), left, eight_codes(b + i + 8, b_signed), right),
            rule);
        store_bytes(first.codes, second.codes, to + i);
        for (std::int64_t j = i; !(first.certain && second.certain) && j < i + kCodes; ++j) {
            const std::int64_t x = a_signed ? static_cast<std::int8_t>(a[j]) : a[j];
            const std::int64_t y = b_signed ? static_cast<std::int8_t>(b[j]) : b[j];
            const std::int64_t code =
                workloads::rescale(layer.multiplier[0] * x + layer.multiplier[1] * y, 1, layer.shift[0]);
            to[j] = static_cast<std::uint8_t>(std::clamp<std::int64_t>(code, layer.clamp_lo, layer.clamp_hi));
        }
    }
}

FLUENCE_AVX2 void find_saturation(const std::uint8_t* codes, const std::int8_t* most, int channels,
                                  std::int64_t pixels, std::uint8_t* found) {
    const __m128i largest = _mm_set1_epi16(INT16_MAX);
    for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
        __m128i any = _mm_setzero_si128();
        for (int c = 0; c < channels; c += 16, codes += 16) {
            const __m128i code = _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes));
            const __m128i weight = _mm_loadu_si128(reinterpret_cast<const __m128i*>(most + c));
            any = _mm_or_si128(any, _mm_cmpeq_epi16(_mm_maddubs_epi16(code, weight), largest));
        }
        found[pixel] = _mm_movemask_epi8(any) != 0 ? 1 : 0;
    }
}

}  // namespace fluence::bench
