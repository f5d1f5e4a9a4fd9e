// All sums of a convolutional or linear layer, for graphs of words (word_engine.h): golden inferences.
//
// Where sums are integers, they are added as doubles, in any order and fused or not: codes of 16 bits, or the
// 16-bit halves of codes of 32, have products below 2^32, of which 2^20 add up exactly. fp32: the sum starts
// as the bias, then products are added with k ascending, each product and each sum rounded, taps in the
// padding left out (docs/formats-numbers.md). Vectors run over output channels, never over k.
//
// The input's planes stand in a frame of zeros, so that a window is one address and taps are offsets to it.
#pragma once

#include <cstdint>

#include "sim/arith/kernels.h"
#include "sim/arith/word_formats.h"
#include "workloads/graph.h"

namespace fluence::arith {

template <class Value, class Sum>
struct DenseLayer {
    workloads::Window window;
    workloads::GemmShape gemm;  // of one image
    workloads::Shape in, out;
    const Value* input = nullptr;    // [channel][row][column]
    const Value* weights = nullptr;  // [group][k][channel of the group]
    const Sum* bias = nullptr;       // one an output channel
    Sum* sums = nullptr;             // out: [pixel][channel]
};

// With the kernels of `kind` (onednn: as avx2); all give the same bits.
void dense_sums(const DenseLayer<std::int32_t, std::int64_t>& layer, KernelKind kind);  // codes of 16 bits
void dense_sums(const DenseLayer<std::int32_t, Int128>& layer, KernelKind kind);
void dense_sums(const DenseLayer<float, float>& layer, KernelKind kind);

// The inner loop: for `pixels` output pixels and a block of output channels,
// acc[p][c] += Σ_t weights[taps[t].row][c] · window[p][taps[t].offset], t ascending.
inline constexpr int kDensePixels = 6;
template <class Real>
inline constexpr int kDenseBlock = 64 / sizeof(Real);  // channels: two registers of AVX2

struct DenseTap {
    std::int64_t offset, row;
};

template <class Real>
struct DenseTile {
    const DenseTap* taps = nullptr;
    std::int64_t count = 0;
    const Real* weights = nullptr;  // [row][kDenseBlock]
    const Real* window[kDensePixels] = {};
    Real* acc[kDensePixels] = {};  // kDenseBlock each
    int pixels = 0;                // 1 … kDensePixels
};

template <class Real>
using DenseKernel = void (*)(const DenseTile<Real>&);

// Double: fused, which is exact for integers. Float: every product is rounded. Null without x86.
DenseKernel<double> dense_tile_avx2_double();
DenseKernel<float> dense_tile_avx2_float();

}  // namespace fluence::arith
