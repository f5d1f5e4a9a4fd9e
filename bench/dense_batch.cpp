// Activations are bytes, image by image, pixel-major. On CPUs without VNNI oneDNN multiplies u8 by s8 with
// vpmaddubsw, whose sums of two neighbouring channels saturate at 2¹⁵. Every input pixel is checked with the
// same instruction against the largest weights of its channels; where a sum could saturate, the outputs whose
// windows hold the pixel are computed again by plain loops. Layers with signed inputs, which oneDNN halves
// the weights of, take the engine's own dense kernel (the first convolution).
//
// Requantising and adding are done in single precision, sixteen codes at a time: exact wherever the result is
// not within the error bound of the middle between two codes; there 64-bit integers decide.
#include "bench/dense_batch.h"

#include <immintrin.h>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <dnnl.hpp>
#include <stdexcept>

#include "sim/arith/kernels.h"
#include "sim/arith/mac_layer.h"

#define FLUENCE_FAST_LOOPS __attribute__((target_clones("avx2", "default"), optimize("O3")))

namespace fluence::bench {

using dnnl::memory;
using workloads::Layer;
using workloads::OpKind;
using workloads::Shape;
using workloads::Window;

double processor_seconds() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

namespace {

using Bytes8 = std::vector<std::uint8_t>;

// sums[n] += code · weights[n].
FLUENCE_FAST_LOOPS void accumulate(std::int32_t* sums, std::int32_t code, const std::int8_t* weights, int n) {
    for (int i = 0; i < n; ++i) {
        sums[i] += code * weights[i];
    }
}

// Rows of n sums become rows of row_size ≥ n.
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

constexpr int kCodes = 16;  // converted at a time

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

// Rows of `channels` sums without bias; channels: a multiple of 16.
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

FLUENCE_AVX2 inline __m256 eight_codes(const std::uint8_t* from, bool is_signed) {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
    return _mm256_cvtepi32_ps(is_signed ? _mm256_cvtepi8_epi32(bytes) : _mm256_cvtepu8_epi32(bytes));
}

FLUENCE_AVX2 inline __m256 weighted_sum(__m256 x, float left, __m256 y, float right) {
    return _mm256_add_ps(_mm256_mul_ps(x, _mm256_set1_ps(left)), _mm256_mul_ps(y, _mm256_set1_ps(right)));
}

// n: a multiple of 16.
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

// By pixel: whether a0·m0 + a1·m1 of some pair of neighbouring channels leaves 15 bits. `channels`: a
// multiple of 16. The sum that saturates is the one looked for.
__attribute__((target("avx2"))) void find_saturation(const std::uint8_t* codes, const std::int8_t* most,
                                                     int channels, std::int64_t pixels, std::uint8_t* found) {
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

// One conv or linear layer.
class Mac {
  public:
    Mac(const workloads::Graph& graph, LayerId id, int images, const dnnl::engine& engine)
        : layer_(graph.layer(id)),
          kernel_(graph, id, arith::best_kernel(), {}),
          in_(graph.tensor(layer_.inputs[0]).shape),
          out_(graph.tensor(layer_.output).shape),
          window_(kernel_.window()),
          signed_(graph.tensor(layer_.inputs[0]).format == workloads::NumberFormat::s8),
          images_(images) {
        if (layer_.groups != 1) {
            throw std::invalid_argument("convolutions with groups are not measured");
        }
        order_weights();
        set_parameters();
        if (layer_.kind == OpKind::conv && !signed_ && in_.channels % 16 == 0) {
            describe(engine);
        }
    }

    bool through_onednn() const { return primitive_ != nullptr; }
    std::int64_t macs() const {
        return out_.elements() * in_.channels * window_.kernel_h * window_.kernel_w * images_;
    }
    std::int64_t repaired() const { return repaired_; }
    double primitive_seconds() const { return primitive_seconds_; }

    // 8-bit output codes, or the logits' 32 bits.
    void run(const Bytes8& input, dnnl::stream& stream, Bytes8& output, std::vector<std::int32_t>* logits) {
        sums_.resize(static_cast<std::size_t>(out_.elements() * images_));
        if (through_onednn()) {
            const double begin = processor_seconds();
            memory from(description_.src_desc(), stream.get_engine(),
                        const_cast<std::uint8_t*>(input.data()));
            memory to(description_.dst_desc(), stream.get_engine(), sums_.data());
            primitive_->execute(
                stream, {{DNNL_ARG_SRC, from}, {DNNL_ARG_WEIGHTS, weights_memory_}, {DNNL_ARG_DST, to}});
            stream.wait();
            primitive_seconds_ += processor_seconds() - begin;
            repair(input);
        } else {
            compute_all(input);
        }
        requantise(output, logits);
    }

  private:
    std::int64_t taps() const { return std::int64_t{window_.kernel_h} * window_.kernel_w; }

    // [tap][input channel][output channel], and the largest weight of each input channel.
    void order_weights() {
        weights_.resize(layer_.weights.size());
        most_.assign(static_cast<std::size_t>(in_.channels), 0);
        std::size_t from = 0;
        for (int n = 0; n < out_.channels; ++n) {
            for (int c = 0; c < in_.channels; ++c) {
                for (std::int64_t tap = 0; tap < taps(); ++tap, ++from) {
                    const std::int8_t weight = layer_.weights[from];
                    weights_[static_cast<std::size_t>((tap * in_.channels + c) * out_.channels + n)] = weight;
                    if (weight == INT8_MIN) {
                        throw std::invalid_argument("weights of -128 are not measured");
                    }
                    std::int8_t& most = most_[static_cast<std::size_t>(c)];
                    most = std::max(most, static_cast<std::int8_t>(std::abs(int{weight})));
                }
            }
        }
    }

    void set_parameters() {
        blocks_ = (out_.channels + arith::kBlock - 1) / arith::kBlock;
        parameters_.resize(static_cast<std::size_t>(2 * blocks_));
        for (int n = 0; n < out_.channels; ++n) {
            parameters_[static_cast<std::size_t>(n / 8)].set(n % 8,
                                                             layer_.multiplier[static_cast<std::size_t>(n)],
                                                             layer_.shift[static_cast<std::size_t>(n)]);
            factors_.push_back(std::ldexp(static_cast<float>(layer_.multiplier[static_cast<std::size_t>(n)]),
                                          -(layer_.shift[static_cast<std::size_t>(n)] & 63)));
        }
    }

    void describe(const dnnl::engine& engine) {
        const memory::desc source({images_, in_.channels, in_.height, in_.width}, memory::data_type::u8,
                                  memory::format_tag::nhwc);
        const memory::dims shape = {out_.channels, in_.channels, window_.kernel_h, window_.kernel_w};
        const memory::desc weights(shape, memory::data_type::s8, memory::format_tag::any);
        const memory::desc result({images_, out_.channels, out_.height, out_.width}, memory::data_type::s32,
                                  memory::format_tag::nhwc);
        const memory::dims padding = {window_.pad_h, window_.pad_w};
        const dnnl::convolution_forward::desc forward(
            dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, source, weights, result,
            {window_.stride_h, window_.stride_w}, {window_.dilation_h - 1, window_.dilation_w - 1}, padding,
            padding);
        description_ = {forward, engine};
        primitive_ = std::make_unique<dnnl::convolution_forward>(description_);
        memory plain({shape, memory::data_type::s8, memory::format_tag::oihw}, engine,
                     const_cast<std::int8_t*>(layer_.weights.data()));
        weights_memory_ = memory(description_.weights_desc(), engine);
        dnnl::stream stream(engine);
        dnnl::reorder(plain, weights_memory_).execute(stream, plain, weights_memory_);
        stream.wait();
    }

    // By the engine's dense kernel.
    void compute_all(const Bytes8& input) {
        const std::int64_t plane = in_.plane();
        workloads::Codes codes(static_cast<std::size_t>(in_.elements()));
        std::vector<std::int16_t> packed;
        std::vector<std::int32_t> rows(static_cast<std::size_t>(out_.plane() * blocks_ * arith::kBlock));
        for (std::int64_t image = 0; image < images_; ++image) {
            const std::uint8_t* bytes = input.data() + image * in_.elements();
            for (std::int64_t pixel = 0; pixel < plane; ++pixel) {
                for (std::int64_t c = 0; c < in_.channels; ++c, ++bytes) {
                    codes[static_cast<std::size_t>(c * plane + pixel)] =
                        signed_ ? static_cast<std::int8_t>(*bytes) : *bytes;
                }
            }
            kernel_.pack_input(codes, 0, packed);
            kernel_.dense(0, packed, kernel_.pixel_offsets().data(), out_.plane(), rows.data());
            std::int32_t* sums = sums_.data() + image * out_.elements();
            for (std::int64_t pixel = 0; pixel < out_.plane(); ++pixel) {
                const std::int32_t* row = rows.data() + pixel * blocks_ * arith::kBlock;
                std::copy(row, row + out_.channels, sums + pixel * out_.channels);
            }
        }
    }

    void compute(const Bytes8& input, std::int64_t pixel) {
        const std::int64_t image = pixel / out_.plane();
        const auto y = static_cast<int>(pixel % out_.plane() / out_.width);
        const auto x = static_cast<int>(pixel % out_.width);
        std::int32_t* sums = sums_.data() + pixel * out_.channels;
        std::fill(sums, sums + out_.channels, 0);
        for (int ky = 0; ky < window_.kernel_h; ++ky) {
            for (int kx = 0; kx < window_.kernel_w; ++kx) {
                const int row = y * window_.stride_h - window_.pad_h + ky * window_.dilation_h;
                const int column = x * window_.stride_w - window_.pad_w + kx * window_.dilation_w;
                if (row < 0 || row >= in_.height || column < 0 || column >= in_.width) {
                    continue;
                }
                const std::uint8_t* codes =
                    input.data() + ((image * in_.height + row) * in_.width + column) * in_.channels;
                const std::int8_t* weights = weights_.data() + (std::int64_t{ky} * window_.kernel_w + kx) *
                                                                   in_.channels * out_.channels;
                for (int c = 0; c < in_.channels; ++c) {
                    const std::int32_t code = signed_ ? static_cast<std::int8_t>(codes[c]) : codes[c];
                    accumulate(sums, code, weights + std::int64_t{c} * out_.channels, out_.channels);
                }
            }
        }
    }

    void repair(const Bytes8& input) {
        wrong_.assign(static_cast<std::size_t>(images_ * out_.plane()), false);
        found_.resize(static_cast<std::size_t>(images_ * in_.plane()));
        find_saturation(input.data(), most_.data(), in_.channels, images_ * in_.plane(), found_.data());
        bool any = false;
        for (std::size_t pixel = 0; pixel < found_.size(); ++pixel) {
            if (found_[pixel] != 0) {
                mark(static_cast<std::int64_t>(pixel));
                any = true;
            }
        }
        for (std::size_t pixel = 0; any && pixel < wrong_.size(); ++pixel) {
            if (wrong_[pixel]) {
                compute(input, static_cast<std::int64_t>(pixel));
                repaired_ += out_.channels;
            }
        }
    }

    // The outputs whose windows hold an input pixel.
    void mark(std::int64_t pixel) {
        const std::int64_t image = pixel / in_.plane();
        const auto y = static_cast<int>(pixel % in_.plane() / in_.width);
        const auto x = static_cast<int>(pixel % in_.width);
        for (int ky = 0; ky < window_.kernel_h; ++ky) {
            for (int kx = 0; kx < window_.kernel_w; ++kx) {
                const int row = y + window_.pad_h - ky * window_.dilation_h;
                const int column = x + window_.pad_w - kx * window_.dilation_w;
                if (row < 0 || column < 0 || row % window_.stride_h != 0 || column % window_.stride_w != 0 ||
                    row / window_.stride_h >= out_.height || column / window_.stride_w >= out_.width) {
                    continue;
                }
                wrong_[static_cast<std::size_t>((image * out_.height + row / window_.stride_h) * out_.width +
                                                column / window_.stride_w)] = true;
            }
        }
    }

    void requantise(Bytes8& output, std::vector<std::int32_t>* logits) {
        output.resize(sums_.size());
        if (logits == nullptr && out_.channels % kCodes == 0) {
            requantise_rows(sums_.data(), images_ * out_.plane(), out_.channels, layer_, factors_.data(),
                            output.data());
        } else {
            requantise_few(output, logits);
        }
    }

    // A few rows at a time, so that they stay in the L1 cache.
    void requantise_few(Bytes8& output, std::vector<std::int32_t>* logits) {
        const int row_size = blocks_ * arith::kBlock;
        const std::int64_t rows = images_ * out_.plane();
        const std::int64_t at_a_time = std::max(1, 2048 / row_size);
        std::vector<std::int32_t> chunk(static_cast<std::size_t>(at_a_time * row_size));
        const arith::Kernels& kernels = arith::kernels(arith::best_kernel());
        for (std::int64_t first = 0; first < rows; first += at_a_time) {
            const std::int64_t count = std::min(at_a_time, rows - first);
            add_bias(sums_.data() + first * out_.channels, layer_.bias.data(), count, out_.channels, row_size,
                     chunk.data());
            kernels.requantise(
                {chunk.data(), count, parameters_.data(), blocks_, layer_.clamp_lo, layer_.clamp_hi});
            if (logits == nullptr && row_size == out_.channels) {
                narrow(chunk.data(), count * row_size, output.data() + first * row_size);
                continue;
            }
            for (std::int64_t row = 0; row < count; ++row) {
                const std::int32_t* codes = chunk.data() + row * row_size;
                if (logits != nullptr) {
                    logits->insert(logits->end(), codes, codes + out_.channels);
                } else {
                    narrow(codes, out_.channels, output.data() + (first + row) * out_.channels);
                }
            }
        }
    }

    const Layer& layer_;
    const arith::MacLayer kernel_;
    Shape in_, out_;
    Window window_;
    bool signed_;
    std::int64_t images_;
    int blocks_ = 0;
    std::vector<std::int8_t> weights_;
    std::vector<std::int8_t> most_;
    std::vector<arith::RequantiseBlock> parameters_;
    std::vector<float> factors_;  // multiplier / 2^shift, by output channel
    dnnl::convolution_forward::primitive_desc description_;
    std::unique_ptr<dnnl::convolution_forward> primitive_;
    memory weights_memory_;
    std::vector<std::int32_t> sums_;
    std::vector<bool> wrong_;
    std::vector<std::uint8_t> found_;
    std::int64_t repaired_ = 0;
    double primitive_seconds_ = 0;
};

}  // namespace

struct DenseBatch::Impl {
    const workloads::Graph& graph;
    std::int64_t images;
    dnnl::engine engine{dnnl::engine::kind::cpu, 0};
    dnnl::stream stream{engine};
    std::vector<std::unique_ptr<Mac>> macs;  // by layer; null for layers without MACs
    std::vector<Bytes8> tensors;
    std::vector<double> seconds;
    std::int64_t runs = 0;

    void simple(const Layer& layer);
    std::int32_t code(const workloads::TensorInfo& tensor, std::uint8_t byte) const {
        return tensor.format == workloads::NumberFormat::s8 ? static_cast<std::int8_t>(byte) : byte;
    }
    void pool(const Layer& layer);
    void subsample(const Layer& layer);
};

void DenseBatch::Impl::pool(const Layer& layer) {
    const workloads::TensorInfo& from = graph.tensor(layer.inputs[0]);
    const Shape& in = from.shape;
    const Shape& out = graph.tensor(layer.output).shape;
    const Bytes8& input = tensors[index_of(layer.inputs[0])];
    Bytes8& output = tensors[index_of(layer.output)];
    const Window& w = layer.window;
    std::vector<std::int32_t> total(static_cast<std::size_t>(in.channels));
    for (std::int64_t pixel = 0; pixel < images * out.plane(); ++pixel) {
        const std::int64_t image = pixel / out.plane();
        std::fill(total.begin(), total.end(), layer.kind == OpKind::max_pool ? INT32_MIN : 0);
        for (int tap = 0; tap < w.kernel_h * w.kernel_w; ++tap) {
            const auto y = static_cast<int>(pixel % out.plane() / out.width) * w.stride_h - w.pad_h +
                           tap / w.kernel_w * w.dilation_h;
            const auto x =
                static_cast<int>(pixel % out.width) * w.stride_w - w.pad_w + tap % w.kernel_w * w.dilation_w;
            if (y < 0 || y >= in.height || x < 0 || x >= in.width) {
                continue;
            }
            const std::uint8_t* codes = input.data() + ((image * in.height + y) * in.width + x) * in.channels;
            for (std::size_t c = 0; c < total.size(); ++c) {
                const std::int32_t x_code = code(from, codes[c]);
                total[c] = layer.kind == OpKind::max_pool ? std::max(total[c], x_code) : total[c] + x_code;
            }
        }
        for (std::size_t c = 0; c < total.size(); ++c) {
            const std::int64_t result =
                layer.kind == OpKind::max_pool
                    ? total[c]
                    : std::clamp<std::int64_t>(
                          workloads::rescale(total[c], layer.multiplier[0], layer.shift[0]), layer.clamp_lo,
                          layer.clamp_hi);
            output[static_cast<std::size_t>(pixel) * total.size() + c] = static_cast<std::uint8_t>(result);
        }
    }
}

void DenseBatch::Impl::subsample(const Layer& layer) {
    const Shape& in = graph.tensor(layer.inputs[0]).shape;
    const Shape& out = graph.tensor(layer.output).shape;
    Bytes8& output = tensors[index_of(layer.output)];
    std::fill(output.begin(), output.end(), 0);
    for (std::int64_t pixel = 0; pixel < images * out.plane(); ++pixel) {
        const std::int64_t y = pixel % out.plane() / out.width * layer.window.stride_h;
        const std::int64_t x = pixel % out.width * layer.window.stride_w;
        const std::int64_t from = (pixel / out.plane() * in.height + y) * in.width + x;
        std::memcpy(output.data() + pixel * out.channels + layer.channels_before,
                    tensors[index_of(layer.inputs[0])].data() + from * in.channels,
                    static_cast<std::size_t>(in.channels));
    }
}

void DenseBatch::Impl::simple(const Layer& layer) {
    const Shape& out = graph.tensor(layer.output).shape;
    Bytes8& output = tensors[index_of(layer.output)];
    output.resize(static_cast<std::size_t>(images * out.elements()));
    const Bytes8& input = tensors[index_of(layer.inputs[0])];
    const auto is_signed = [&](std::size_t i) {
        return graph.tensor(layer.inputs[i]).format == workloads::NumberFormat::s8;
    };
    switch (layer.kind) {
        case OpKind::max_pool:
        case OpKind::avg_pool:
            return pool(layer);
        case OpKind::subsample:
            return subsample(layer);
        case OpKind::add:
            return add_codes(input.data(), tensors[index_of(layer.inputs[1])].data(), is_signed(0),
                             is_signed(1), layer, static_cast<std::int64_t>(output.size()), output.data());
        case OpKind::flatten: {
            const Shape& in = graph.tensor(layer.inputs[0]).shape;
            for (std::int64_t i = 0; i < images * in.elements(); ++i) {
                const std::int64_t at = i % in.elements();
                const std::int64_t to = i - at + at % in.channels * in.plane() + at / in.channels;
                output[static_cast<std::size_t>(to)] = input[static_cast<std::size_t>(i)];
            }
            return;
        }
        default:
            throw std::invalid_argument("this kind of layer is not measured");
    }
}

DenseBatch::DenseBatch(const workloads::Graph& graph, int images)
    : impl_(new Impl{graph, images, dnnl::engine(dnnl::engine::kind::cpu, 0), {}, {}, {}, {}, 0}) {
    impl_->stream = dnnl::stream(impl_->engine);
    impl_->tensors.resize(graph.tensors.size());
    impl_->seconds.resize(graph.layers.size());
    for (const Layer& layer : graph.layers) {
        impl_->macs.push_back(layer.has_macs() ? std::make_unique<Mac>(graph, layer_id(impl_->macs.size()),
                                                                       images, impl_->engine)
                                               : nullptr);
    }
}

DenseBatch::~DenseBatch() = default;

std::vector<workloads::Codes> DenseBatch::run(const std::vector<workloads::Codes>& images) {
    const Shape& shape = impl_->graph.tensor(impl_->graph.input).shape;
    Bytes8& input = impl_->tensors[index_of(impl_->graph.input)];
    input.clear();
    for (const workloads::Codes& image : images) {
        for (std::int64_t i = 0; i < shape.elements(); ++i) {
            const std::int64_t from = i % shape.channels * shape.plane() + i / shape.channels;
            input.push_back(static_cast<std::uint8_t>(image[static_cast<std::size_t>(from)]));
        }
    }
    std::vector<std::int32_t> logits;
    for (std::size_t i = 0; i < impl_->graph.layers.size(); ++i) {
        const Layer& layer = impl_->graph.layers[i];
        const double begin = processor_seconds();
        if (impl_->macs[i] != nullptr) {
            impl_->macs[i]->run(impl_->tensors[index_of(layer.inputs[0])], impl_->stream,
                                impl_->tensors[index_of(layer.output)],
                                layer.output == impl_->graph.logits ? &logits : nullptr);
        } else {
            impl_->simple(layer);
        }
        impl_->seconds[i] += processor_seconds() - begin;
    }
    ++impl_->runs;
    std::vector<workloads::Codes> result;
    const std::size_t classes = logits.size() / images.size();
    for (std::size_t i = 0; i < images.size(); ++i) {
        const auto first = logits.begin() + static_cast<std::ptrdiff_t>(i * classes);
        result.emplace_back(first, first + static_cast<std::ptrdiff_t>(classes));
    }
    return result;
}

const std::vector<double>& DenseBatch::layer_seconds() const {
    return impl_->seconds;
}

double DenseBatch::primitive_seconds() const {
    double seconds = 0;
    for (const auto& mac : impl_->macs) {
        seconds += mac == nullptr ? 0 : mac->primitive_seconds();
    }
    return seconds;
}

std::int64_t DenseBatch::primitive_macs() const {
    std::int64_t macs = 0;
    for (const auto& mac : impl_->macs) {
        macs += mac != nullptr && mac->through_onednn() ? mac->macs() : 0;
    }
    return macs;
}

double DenseBatch::repaired_share() const {
    double repaired = 0;
    double outputs = 0;
    for (std::size_t i = 0; i < impl_->macs.size(); ++i) {
        if (impl_->macs[i] != nullptr) {
            repaired += static_cast<double>(impl_->macs[i]->repaired());
            outputs +=
                static_cast<double>(impl_->images * impl_->runs *
                                    impl_->graph.tensor(impl_->graph.layers[i].output).shape.elements());
        }
    }
    return repaired / outputs;
}

}  // namespace fluence::bench
