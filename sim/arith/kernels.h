// The inner loops of the int8 engine, one set for each kind of CPU, all bit-identical. The CPU chooses at
// run time; tests and benchmarks may force a set.
//
// Data layouts, internal to sim/arith:
// Input: pixel-major 16-bit codes with the window's padding as zeros; a pixel holds `pairs` pairs of
// channels of one group (an odd last channel is paired with zeros).
// Weights: [block of 16 output channels][tap][pair][16 output channels][2 channels of the pair], 16 bits.
// Results: one row an output pixel, kBlock·blocks channels of one group.
//
// Sums of products are exact modulo 2³²: 16-bit codes and weights are multiplied with vpmaddwd or plain
// integers, whose sums of two products cannot overflow. The 8-bit instruction vpmaddubsw would be twice as
// fast and is not used: it saturates at 2¹⁵ (255·127·2 > 2¹⁵).
#pragma once

#include <cstdint>
#include <vector>

namespace fluence::arith {

inline constexpr int kBlock = 16;  // output channels a weight block

enum class KernelKind { portable, avx2, onednn };
const char* name_of(KernelKind kind);
// Whether this CPU runs the kind exactly (onednn: only with AVX-512 VNNI, see onednn_conv.h).
bool supported(KernelKind kind);
std::vector<KernelKind> supported_kernels();
// The fastest supported kind.
KernelKind best_kernel();

// Full dot products for a list of output pixels of one group.
struct DenseTask {
    const std::int16_t* input = nullptr;
    const std::int32_t* pixel_offset = nullptr;  // where the window of an output pixel begins in `input`
    std::int64_t pixels = 0;
    const std::int32_t* tap_offset = nullptr;  // from there to the tap's first channel
    int taps = 0;
    int pairs = 0;
    const std::int16_t* weights = nullptr;
    int blocks = 0;
    std::int32_t* result = nullptr;  // pixels × blocks·kBlock
};

// A pair of channels of an input pixel of which at least one changed.
struct DeltaPair {
    std::int32_t pair = 0;
    std::uint32_t deltas = 0;  // even channel: low 16 bits, odd channel: high 16 bits, two's complement
};

// One changed input pixel under one tap of an output pixel's window.
struct DeltaTap {
    std::int32_t tap = 0;
    std::int32_t first = 0, last = 0;  // its range in `changes`
};

// Dot products of what changed, for a list of output pixels of one group.
struct SparseTask {
    const DeltaTap* hits = nullptr;
    const std::int32_t* hit_end = nullptr;  // by pixel; a pixel's hits begin where the previous ones end
    std::int64_t pixels = 0;
    const DeltaPair* changes = nullptr;
    int taps = 0;
    int pairs = 0;
    const std::int16_t* weights = nullptr;
    int blocks = 0;
    std::int32_t* result = nullptr;  // pixels × blocks·kBlock
};

// rescale() of workloads/graph.h and the clamp, for eight output channels. The 64-bit arithmetic shift that
// AVX2 lacks is a logical one of the sum with flipped sign, minus the shifted sign. Lane order of the
// 64-bit fields: channels 0, 2, 4, 6, 1, 3, 5, 7.
struct RequantiseBlock {
    std::int32_t multiplier[8] = {};
    std::uint64_t rounding[8] = {};  // 2^(s−1), or 0 for s = 0
    std::uint64_t shift[8] = {};
    std::uint64_t sign[8] = {};  // 2⁶³ >> s

    void set(int channel, std::int32_t multiplier_code, std::uint8_t shift_code);
};

// Accumulators become codes in place.
struct RequantiseTask {
    std::int32_t* values = nullptr;  // rows × blocks·kBlock
    std::int64_t rows = 0;
    const RequantiseBlock* parameters = nullptr;  // 2 · blocks
    int blocks = 0;
    std::int32_t clamp_lo = 0, clamp_hi = 0;
};

struct Kernels {
    void (*dense)(const DenseTask&);
    void (*sparse)(const SparseTask&);
    void (*requantise)(const RequantiseTask&);
};
// onednn replaces whole dense layers (onednn_conv.h); its other loops are those of avx2.
const Kernels& kernels(KernelKind kind);

// One file each.
extern const Kernels kPortableKernels;
extern const Kernels kAvx2Kernels;

}  // namespace fluence::arith
