// AVX2: two registers of output channels for each of up to six pixels.
#include "sim/arith/word_dense.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace fluence::arith {
namespace {

// The loops over registers are unrolled by pragma: at -O2 the compiler would keep their arrays in memory.
#define FLUENCE_UNROLL _Pragma("GCC unroll 8")

template <int kPixels>
__attribute__((target("avx2,fma"))) void tile_of_doubles(const DenseTile<double>& tile) {
    __m256d low[kPixels];
    __m256d high[kPixels];
    const double* window[kPixels];
    FLUENCE_UNROLL
    for (int p = 0; p < kPixels; ++p) {
        window[p] = tile.window[p];
        low[p] = _mm256_loadu_pd(tile.acc[p]);
        high[p] = _mm256_loadu_pd(tile.acc[p] + 4);
    }
    for (const DenseTap* tap = tile.taps; tap != tile.taps + tile.count; ++tap) {
        const double* weights = tile.weights + tap->row * kDenseBlock<double>;
        const __m256d weights_low = _mm256_loadu_pd(weights);
        const __m256d weights_high = _mm256_loadu_pd(weights + 4);
        FLUENCE_UNROLL
        for (int p = 0; p < kPixels; ++p) {
            const __m256d x = _mm256_broadcast_sd(window[p] + tap->offset);
            low[p] = _mm256_fmadd_pd(weights_low, x, low[p]);
            high[p] = _mm256_fmadd_pd(weights_high, x, high[p]);
        }
    }
    FLUENCE_UNROLL
    for (int p = 0; p < kPixels; ++p) {
        _mm256_storeu_pd(tile.acc[p], low[p]);
        _mm256_storeu_pd(tile.acc[p] + 4, high[p]);
    }
}

// Not for FMA: the compiler must not fuse what is rounded twice.
template <int kPixels>
__attribute__((target("avx2"))) void tile_of_floats(const DenseTile<float>& tile) {
    __m256 low[kPixels];
    __m256 high[kPixels];
    const float* window[kPixels];
    FLUENCE_UNROLL
    for (int p = 0; p < kPixels; ++p) {
        window[p] = tile.window[p];
        low[p] = _mm256_loadu_ps(tile.acc[p]);
        high[p] = _mm256_loadu_ps(tile.acc[p] + 8);
    }
    for (const DenseTap* tap = tile.taps; tap != tile.taps + tile.count; ++tap) {
        const float* weights = tile.weights + tap->row * kDenseBlock<float>;
        const __m256 weights_low = _mm256_loadu_ps(weights);
        const __m256 weights_high = _mm256_loadu_ps(weights + 8);
        FLUENCE_UNROLL
        for (int p = 0; p < kPixels; ++p) {
            const __m256 x = _mm256_broadcast_ss(window[p] + tap->offset);
            low[p] = _mm256_add_ps(low[p], _mm256_mul_ps(weights_low, x));
            high[p] = _mm256_add_ps(high[p], _mm256_mul_ps(weights_high, x));
        }
    }
    FLUENCE_UNROLL
    for (int p = 0; p < kPixels; ++p) {
        _mm256_storeu_ps(tile.acc[p], low[p]);
        _mm256_storeu_ps(tile.acc[p] + 8, high[p]);
    }
}

void doubles(const DenseTile<double>& tile) {
    static constexpr DenseKernel<double> kTiles[kDensePixels] = {tile_of_doubles<1>, tile_of_doubles<2>,
                                                                 tile_of_doubles<3>, tile_of_doubles<4>,
                                                                 tile_of_doubles<5>, tile_of_doubles<6>};
    kTiles[tile.pixels - 1](tile);
}

void floats(const DenseTile<float>& tile) {
    static constexpr DenseKernel<float> kTiles[kDensePixels] = {tile_of_floats<1>, tile_of_floats<2>,
                                                                tile_of_floats<3>, tile_of_floats<4>,
                                                                tile_of_floats<5>, tile_of_floats<6>};
    kTiles[tile.pixels - 1](tile);
}

#undef FLUENCE_UNROLL

}  // namespace

DenseKernel<double> dense_tile_avx2_double() {
    return __builtin_cpu_supports("fma") != 0 ? doubles : nullptr;
}
DenseKernel<float> dense_tile_avx2_float() {
    return floats;
}

}  // namespace fluence::arith

#else

namespace fluence::arith {

DenseKernel<double> dense_tile_avx2_double() {
    return nullptr;
}
DenseKernel<float> dense_tile_avx2_float() {
    return nullptr;
}

}  // namespace fluence::arith
#endif
