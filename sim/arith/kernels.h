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

// A changed input element under a tap of an output pixel's window. Its products are taken with 8-bit
// instructions (vpmaddubsw: weights moved by 128 to be unsigned, two elements at a time), which are exact
// while |delta| ≤ kDeltaLimit: 2·255·64 < 2¹⁵. Larger changes are split into several elements.
// The delta stands in the upper 8 bits, two's complement; below it, where its weights begin in a block, so
// that adding a tap's place to an element moves it under that tap. (Places may be off by anything on the way:
// carries into the delta are taken back with them.)
using DeltaElement = std::uint32_t;
inline constexpr std::int32_t kDeltaLimit = 64;
inline constexpr int kDeltaPlaceBits = 24;
inline constexpr DeltaElement delta_element(std::uint32_t place, std::int32_t delta) {
    return (static_cast<std::uint32_t>(delta) << kDeltaPlaceBits) + place;
}
inline constexpr std::int32_t place_of(DeltaElement element) {
    return static_cast<std::int32_t>(element & ((1u << kDeltaPlaceBits) - 1));
}
inline constexpr std::int32_t delta_of(DeltaElement element) {
    return static_cast<std::int32_t>(element) >> kDeltaPlaceBits;
}

// An output pixel that changed input pixels reach, and their elements: an even number.
struct DeltaRow {
    std::int32_t pixel = 0;
    std::int32_t first = 0, last = 0;
    std::int32_t sum = 0;        // of all its deltas
    std::int32_t magnitude = 0;  // of their absolute values
};

// Sums of |delta| up to this leave a sum of products inside 16 bits: 255·128 < 2¹⁵.
inline constexpr std::int32_t kNarrowMagnitude = 255;

// An accumulator that moved further than its slack.
struct MovedSum {
    std::int32_t row = 0;
    std::int32_t channel = 0;  // of the group
    std::int32_t delta = 0;
};

// How far changed inputs move the accumulators of a list of output pixels of one group. Weights: [block][tap]
// [input channel][width output channels], moved by 128. `up`, `down`: the largest moves that surely leave an
// accumulator's code as it is, saturated: [output pixel][blocks · width], channels in the order of slot_of().
struct DeltaTask {
    const DeltaRow* rows = nullptr;
    std::int64_t row_count = 0;
    const DeltaElement* elements = nullptr;
    const std::uint8_t* weights = nullptr;
    std::int64_t block_size = 0;  // bytes of a block of weights
    int width = 0;                // output channels of a block: 16 or 32
    int blocks = 0;
    const std::int16_t* up = nullptr;
    const std::int16_t* down = nullptr;
};

// Where a channel's slack stands in its block of 32: the order in which vpunpack leaves results. Blocks of 16
// are in order.
inline std::int32_t slot_of(std::int32_t channel, int width) {
    return width == 16 ? channel
                       : (channel & ~31) | (channel & 7) | (channel >> 4 & 1) << 3 | (channel >> 3 & 1) << 4;
}

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

// What Kernels::delta found.
struct Moved {
    std::int64_t count = 0;
    bool by_row = true;  // one pass over all blocks; otherwise pass after pass, each by row
};

struct Kernels {
    void (*dense)(const DenseTask&);
    // Lists the accumulators that moved too far, by passes over blocks, rows, channels; `moved` has room for
    // all, and for one more.
    Moved (*delta)(const DeltaTask&, MovedSum* moved);
    void (*requantise)(const RequantiseTask&);
};
// onednn replaces whole dense layers (onednn_conv.h); its other loops are those of avx2.
const Kernels& kernels(KernelKind kind);

// One file each.
extern const Kernels kPortableKernels;
extern const Kernels kAvx2Kernels;

}  // namespace fluence::arith
