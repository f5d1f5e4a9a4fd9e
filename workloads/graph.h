// The quantised network: a list of layers over activation tensors, with integer weights and the exact
// arithmetic each layer performs. This is what the accelerator executes.
//
// Codes. An activation is stored as an integer code of its tensor's NumberFormat and travels in a 32-bit
// integer; value = scale · code (symmetric, zero point 0).
//
// Layouts. Activations: channel, row, column (flat index (c·height + y)·width + x). Weights: output
// channel, input channel of the group, kernel row, kernel column. A batch (workloads/batch.h) stacks the
// rows of its images inside each channel: channel, image, row, column. No window crosses from one image into
// the next; each has its own padding.
//
// Arithmetic of the int8 format (docs/formats.md). conv, linear: acc = bias[n] + Σ w·x, 32 bits, wrapping.
// add: acc = Σ_i multiplier[i]·x_i, 64 bits. avg_pool: acc = Σ over the window (padding counts as 0).
// Requantise: rescale(acc, m, s) = (m·acc + 2^(s−1)) >> s in 64 bits, arithmetic shift, s in 1 … 62;
// s = 0 shifts nothing and adds nothing. A shift field in storage has 6 bits: s & 63 is used, and 64-bit
// products and sums wrap, so that a flipped field has a defined result. Then clamp to [clamp_lo, clamp_hi]
// (ReLU is clamp_lo = 0). max_pool, flatten and subsample move codes and do not requantise.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/core/ids.h"

namespace fluence::workloads {

using Codes = std::vector<std::int32_t>;  // one code an element, in the layout above

enum class NumberFormat { u8, s8, s32 };
int width_bits(NumberFormat format);
std::int32_t min_code(NumberFormat format);
std::int32_t max_code(NumberFormat format);
// The code whose stored bits are those of `code` with the bits of `mask` inverted.
std::int32_t flip_bits(NumberFormat format, std::int32_t code, std::uint32_t mask);
const char* name_of(NumberFormat format);

struct Shape {
    int channels = 0;
    int height = 1;  // of one image
    int width = 1;
    int images = 1;
    // Of all images, one behind the other.
    std::int64_t rows() const { return std::int64_t{height} * images; }
    std::int64_t plane() const { return rows() * width; }
    std::int64_t elements() const { return channels * plane(); }
    std::int64_t image_elements() const { return std::int64_t{channels} * height * width; }
    // The image of one of the rows().
    std::int64_t image_of(std::int64_t row) const { return images == 1 ? 0 : row / height; }
    friend bool operator==(const Shape& a, const Shape& b) {
        return a.channels == b.channels && a.height == b.height && a.width == b.width && a.images == b.images;
    }
    friend bool operator!=(const Shape& a, const Shape& b) { return !(a == b); }
};

struct TensorInfo {
    std::string name;
    Shape shape;
    NumberFormat format = NumberFormat::s8;
    double scale = 1;  // value of code 1
};

enum class OpKind {
    conv,       // 2-D, groups, stride, padding, dilation
    linear,     // input taken flat
    max_pool,   // padding never wins
    avg_pool,   // windows of kernel_h × kernel_w, padding counts as 0; the divisor is in the multiplier
    add,        // two inputs of one shape
    concat,     // along channels, each input requantised to the output's scale
    flatten,    // C×H×W → (C·H·W)×1×1, same codes; in a batch H = W = 1
    subsample,  // every stride-th row and column, zero channels in front and behind (ResNet option A)
};
const char* name_of(OpKind kind);

// The window of conv, max_pool, avg_pool; linear is kernel 1×1 over a (C·H·W)×1×1 input.
struct Window {
    int kernel_h = 1, kernel_w = 1;
    int stride_h = 1, stride_w = 1;
    int pad_h = 0, pad_w = 0;  // in front and behind alike
    int dilation_h = 1, dilation_w = 1;
};

struct Layer {
    std::string name;
    OpKind kind = OpKind::conv;
    std::vector<TensorId> inputs;
    TensorId output{};

    Window window;
    int groups = 1;
    int channels_before = 0;  // subsample: zero channels in front
    int channels_after = 0;   // subsample: zero channels behind

    std::vector<std::int8_t> weights;  // conv, linear: out × in/groups × kernel_h × kernel_w
    std::vector<std::int32_t> bias;    // conv, linear: one an output channel

    // conv, linear: one pair an output channel. add: multiplier an input, one shift. concat: a pair an
    // input. avg_pool: one pair. Others: empty.
    std::vector<std::int32_t> multiplier;
    std::vector<std::uint8_t> shift;
    std::int32_t clamp_lo = 0;
    std::int32_t clamp_hi = 0;

    bool has_macs() const { return kind == OpKind::conv || kind == OpKind::linear; }
};

// A directed acyclic graph; layers are in execution order, each tensor but the input is the output of
// exactly one layer.
struct Graph {
    std::string name;
    std::vector<TensorInfo> tensors;
    std::vector<Layer> layers;
    TensorId input{};
    TensorId logits{};  // s32 codes, one scale for all classes

    int images() const { return tensor(input).shape.images; }
    const TensorInfo& tensor(TensorId id) const { return tensors[index_of(id)]; }
    const Layer& layer(LayerId id) const { return layers[index_of(id)]; }
};

// The window of a conv, pool or subsample; of a linear layer, one that covers each image of its input.
Window window_of(const Graph& graph, const Layer& layer);

// The input rows under the window of an output row: tap ky reads row first + ky·dilation_h of the stacked
// rows, and padding where that is outside [begin, end), the rows of the output row's image.
struct InputRows {
    std::int64_t first = 0, begin = 0, end = 0;
};
inline InputRows input_rows(const Shape& input, const Shape& output, const Window& window,
                            std::int64_t output_row) {
    const std::int64_t image = output.image_of(output_row);
    const std::int64_t begin = image * input.height;
    const std::int64_t top = (output_row - image * output.height) * window.stride_h - window.pad_h;
    return {begin + top, begin, begin + input.height};
}

// The GEMM behind a conv or linear layer, one a group: O[m,n] = Σ_k A[m,k]·B[k,n]; m = output pixel
// (image, row, column), k = (input channel of the group, kernel row, kernel column), n = output channel of
// the group.
struct GemmShape {
    std::int64_t m = 0, k = 0, n = 0;
    int groups = 1;
    std::int64_t macs() const { return m * k * n * groups; }
};
GemmShape gemm_shape(const Graph& graph, const Layer& layer);

// rescale() as defined above.
inline std::int64_t rescale(std::int64_t acc, std::int32_t multiplier, std::uint8_t shift) {
    const unsigned s = shift & 63u;
    std::uint64_t product =
        static_cast<std::uint64_t>(acc) * static_cast<std::uint64_t>(std::int64_t{multiplier});
    if (s == 0) {
        return static_cast<std::int64_t>(product);
    }
    product += std::uint64_t{1} << (s - 1);
    return static_cast<std::int64_t>(product) >> s;
}

// Checks shapes, sizes, formats, order and ranges of the whole graph; throws InputError(file, key, reason).
void validate(const Graph& graph, const std::string& file);

}  // namespace fluence::workloads
