#include "sim/arith/word_dense.h"

#include <algorithm>
#include <limits>
#include <type_traits>
#include <vector>

namespace fluence::arith {
namespace {

template <class Real>
void portable_tile(const DenseTile<Real>& tile) {
    for (int p = 0; p < tile.pixels; ++p) {
        Real acc[kDenseBlock<Real>];
        std::copy(tile.acc[p], tile.acc[p] + kDenseBlock<Real>, acc);
        for (const DenseTap* tap = tile.taps; tap != tile.taps + tile.count; ++tap) {
            const Real x = tile.window[p][tap->offset];
            const Real* weights = tile.weights + tap->row * kDenseBlock<Real>;
            for (int c = 0; c < kDenseBlock<Real>; ++c) {
                acc[c] += weights[c] * x;
            }
        }
        std::copy(acc, acc + kDenseBlock<Real>, tile.acc[p]);
    }
}

template <class Real>
DenseKernel<Real> kernel_of(KernelKind kind) {
    DenseKernel<Real> fast = nullptr;
    if constexpr (std::is_same_v<Real, double>) {
        fast = dense_tile_avx2_double();
    } else {
        fast = dense_tile_avx2_float();
    }
    return kind == KernelKind::portable || fast == nullptr ? portable_tile<Real> : fast;
}

// How an operand is read: as it is, or one of the halves of 32 bits, high · 2^16 + low.
enum class Part { whole, high, low };

template <class Real, class Value>
Real part_of(Part part, Value value) {
    if constexpr (std::is_same_v<Value, std::int32_t>) {
        switch (part) {
            case Part::high:
                return static_cast<Real>(value >> 16);
            case Part::low:
                return static_cast<Real>(value & 0xffff);
            case Part::whole:
                break;
        }
    }
    return static_cast<Real>(value);
}

struct Products {
    Part weights, inputs;
    int shift;  // they count 2^shift
};

// Sums of integers below this many products are exact in a double: 2^32 · 2^20 < 2^53.
constexpr std::int64_t kExactProducts = std::int64_t{1} << 20;

// Products an output between two looks at its sum, a power of two: as many as leave the weights of all
// channels in the second cache.
std::int64_t chunk_of(std::int64_t channels) {
    constexpr std::int64_t kWeights = 1 << 15;
    std::int64_t chunk = 32;
    while (chunk < 512 && 2 * chunk * channels <= kWeights) {
        chunk *= 2;
    }
    return chunk;
}

template <class Value, class Sum, class Real>
class DenseRun {
    static constexpr bool kInteger = std::is_same_v<Value, std::int32_t>;
    static constexpr int kBlock = kDenseBlock<Real>;

  public:
    DenseRun(const DenseLayer<Value, Sum>& layer, KernelKind kind)
        : layer_(layer),
          kernel_(kernel_of<Real>(kind)),
          columns_(layer.gemm.groups * layer.gemm.n),
          blocks_((layer.gemm.n + kBlock - 1) / kBlock),
          chunk_(chunk_of(blocks_ * kBlock)),
          frame_height_(frame(layer.in.height, layer.out.height, layer.window.kernel_h, layer.window.stride_h,
                              layer.window.pad_h, layer.window.dilation_h)),
          frame_width_(frame(layer.in.width, layer.out.width, layer.window.kernel_w, layer.window.stride_w,
                             layer.window.pad_w, layer.window.dilation_w)) {
        sort_pixels();
        list_taps();
    }

    void run() {
        for (std::int64_t pixel = 0; pixel < layer_.gemm.m; ++pixel) {
            std::copy(layer_.bias, layer_.bias + columns_, layer_.sums + pixel * columns_);
        }
        if constexpr (!kInteger || std::is_same_v<Sum, std::int64_t>) {
            pass({Part::whole, Part::whole, 0});
        } else {
            pass({Part::high, Part::high, 32});
            pass({Part::high, Part::low, 16});
            pass({Part::low, Part::high, 16});
            pass({Part::low, Part::low, 0});
        }
    }

  private:
    static std::size_t at(std::int64_t index) { return static_cast<std::size_t>(index); }
    // Holds the input behind its padding, and the last window, which may end before or behind it.
    static std::int64_t frame(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride,
                              std::int64_t pad, std::int64_t dilation) {
        return std::max(pad + in, (out - 1) * stride + (kernel - 1) * dilation + 1);
    }
    std::int64_t kernel_size() const { return std::int64_t{layer_.window.kernel_h} * layer_.window.kernel_w; }

    bool inside(std::int64_t pixel, std::int64_t ky, std::int64_t kx) const {
        const workloads::Window& w = layer_.window;
        const std::int64_t y = pixel / layer_.out.width * w.stride_h - w.pad_h + ky * w.dilation_h;
        const std::int64_t x = pixel % layer_.out.width * w.stride_w - w.pad_w + kx * w.dilation_w;
        return y >= 0 && y < layer_.in.height && x >= 0 && x < layer_.in.width;
    }

    // Zeros of the padding change no integer; floats leave them out, pixel by pixel.
    void sort_pixels() {
        const std::int64_t last_y = layer_.window.kernel_h - 1;
        const std::int64_t last_x = layer_.window.kernel_w - 1;
        for (std::int64_t pixel = 0; pixel < layer_.gemm.m; ++pixel) {
            const bool whole = kInteger || (inside(pixel, 0, 0) && inside(pixel, last_y, last_x));
            (whole ? whole_ : cut_).push_back(pixel);
        }
    }

    // Offsets of a group's taps in the frame, k ascending.
    void list_taps() {
        const workloads::Window& w = layer_.window;
        for (std::int64_t c = 0; c < layer_.gemm.k / kernel_size(); ++c) {
            for (std::int64_t ky = 0; ky < w.kernel_h; ++ky) {
                for (std::int64_t kx = 0; kx < w.kernel_w; ++kx) {
                    const std::int64_t row = c * frame_height_ + ky * w.dilation_h;
                    taps_.push_back({row * frame_width_ + kx * w.dilation_w,
                                     static_cast<std::int64_t>(taps_.size()) % chunk_});
                }
            }
        }
    }

    void pass(const Products& products) {
        frame_input(products.inputs);
        for (std::int64_t group = 0; group < layer_.gemm.groups; ++group) {
            for (std::int64_t k = 0; k < layer_.gemm.k;) {
                const std::int64_t end =
                    kInteger ? std::min(layer_.gemm.k, k + kExactProducts) : layer_.gemm.k;
                begin_sums(group);
                for (; k < end; k += std::min(chunk_, end - k)) {
                    const std::int64_t count = std::min(chunk_, end - k);
                    pack_weights(products.weights, group, k, count);
                    add_products(group, k, count);
                }
                end_sums(group, products.shift);
            }
        }
    }

    void frame_input(Part part) {
        const workloads::Window& w = layer_.window;
        input_.assign(at(layer_.in.channels * frame_height_ * frame_width_), Real{0});
        const Value* from = layer_.input;
        for (std::int64_t c = 0; c < layer_.in.channels; ++c) {
            for (std::int64_t y = 0; y < layer_.in.height; ++y, from += layer_.in.width) {
                Real* to = input_.data() + (c * frame_height_ + y + w.pad_h) * frame_width_ + w.pad_w;
                for (std::int64_t x = 0; x < layer_.in.width; ++x) {
                    to[x] = part_of<Real>(part, from[x]);
                }
            }
        }
    }

    // Blocks of channels, the last one filled with zeros.
    void pack_weights(Part part, std::int64_t group, std::int64_t first, std::int64_t count) {
        const std::int64_t n = layer_.gemm.n;
        weights_.resize(at(blocks_ * chunk_ * kBlock));
        for (std::int64_t block = 0; block < blocks_; ++block) {
            const std::int64_t channels = std::min<std::int64_t>(kBlock, n - block * kBlock);
            const Value* from = layer_.weights + (group * layer_.gemm.k + first) * n + block * kBlock;
            Real* to = weights_.data() + block * chunk_ * kBlock;
            for (std::int64_t k = 0; k < count; ++k, from += n, to += kBlock) {
                for (std::int64_t c = 0; c < channels; ++c) {
                    to[c] = part_of<Real>(part, from[c]);
                }
                std::fill(to + channels, to + kBlock, Real{0});
            }
        }
    }

    Real* acc_of(std::int64_t pixel) { return acc_.data() + pixel * blocks_ * kBlock; }

    // Integers start anew and are added at the end; floats go on from the sum.
    void begin_sums(std::int64_t group) {
        acc_.assign(at(layer_.gemm.m * blocks_ * kBlock), Real{0});
        if constexpr (!kInteger) {
            for (std::int64_t pixel = 0; pixel < layer_.gemm.m; ++pixel) {
                const Sum* sums = layer_.sums + pixel * columns_ + group * layer_.gemm.n;
                std::copy(sums, sums + layer_.gemm.n, acc_of(pixel));
            }
        }
    }
    void end_sums(std::int64_t group, [[maybe_unused]] int shift) {
        for (std::int64_t pixel = 0; pixel < layer_.gemm.m; ++pixel) {
            Sum* sums = layer_.sums + pixel * columns_ + group * layer_.gemm.n;
            const Real* acc = acc_of(pixel);
            for (std::int64_t c = 0; c < layer_.gemm.n; ++c) {
                if constexpr (kInteger) {
                    sums[c] +=
                        static_cast<Sum>(static_cast<std::int64_t>(acc[c])) * (std::int64_t{1} << shift);
                } else {
                    sums[c] = acc[c];
                }
            }
        }
    }

    void add_products(std::int64_t group, std::int64_t first, std::int64_t count) {
        DenseTile<Real> tile;
        tile.taps = taps_.data() + first;
        tile.count = count;
        for (std::size_t from = 0; from < whole_.size(); from += kDensePixels) {
            const std::size_t pixels = std::min<std::size_t>(kDensePixels, whole_.size() - from);
            add_tile(group, whole_.data() + from, static_cast<int>(pixels), tile);
        }
        for (const std::int64_t pixel : cut_) {
            present_.clear();
            for (std::int64_t k = first; k < first + count; ++k) {
                const std::int64_t place = k % kernel_size();
                if (inside(pixel, place / layer_.window.kernel_w, place % layer_.window.kernel_w)) {
                    present_.push_back(taps_[at(k)]);
                }
            }
            tile.taps = present_.data();
            tile.count = static_cast<std::int64_t>(present_.size());
            add_tile(group, &pixel, 1, tile);
        }
    }

    void add_tile(std::int64_t group, const std::int64_t* pixels, int count, DenseTile<Real>& tile) {
        const workloads::Window& w = layer_.window;
        const std::int64_t channels = layer_.in.channels / layer_.gemm.groups;
        tile.pixels = count;
        for (int p = 0; p < count; ++p) {
            const std::int64_t y = pixels[p] / layer_.out.width * w.stride_h;
            const std::int64_t x = pixels[p] % layer_.out.width * w.stride_w;
            tile.window[p] = input_.data() + (group * channels * frame_height_ + y) * frame_width_ + x;
            tile.acc[p] = acc_of(pixels[p]);
        }
        for (std::int64_t block = 0; block < blocks_; ++block) {
            tile.weights = weights_.data() + block * chunk_ * kBlock;
            kernel_(tile);
            for (int p = 0; p < count; ++p) {
                tile.acc[p] += kBlock;
            }
        }
    }

    const DenseLayer<Value, Sum>& layer_;
    const DenseKernel<Real> kernel_;
    const std::int64_t columns_;  // of the sums: output channels
    const std::int64_t blocks_;   // of a group's output channels
    const std::int64_t chunk_;
    const std::int64_t frame_height_, frame_width_;
    std::vector<std::int64_t> whole_, cut_;  // output pixels
    std::vector<DenseTap> taps_, present_;
    std::vector<Real> input_, weights_, acc_;
};

}  // namespace

void dense_sums(const DenseLayer<std::int32_t, std::int64_t>& layer, KernelKind kind) {
    DenseRun<std::int32_t, std::int64_t, double>(layer, kind).run();
}

void dense_sums(const DenseLayer<std::int32_t, Int128>& layer, KernelKind kind) {
    DenseRun<std::int32_t, Int128, double>(layer, kind).run();
}

void dense_sums(const DenseLayer<float, float>& layer, KernelKind kind) {
    DenseRun<float, float, float>(layer, kind).run();
}

}  // namespace fluence::arith
