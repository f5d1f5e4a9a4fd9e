// All sums of layers of words, with every kernel of this CPU, against loops over their definition: one sum
// after the other, k ascending, padding left out. FLUENCE_TEST_SEED draws other layers, FLUENCE_WORD_LAYERS
// sets how many (default 150 a format).
#include "sim/arith/word_dense.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "sim/core/random.h"
#include "tests/support/environment.h"

namespace fluence::arith {
namespace {

// Two's complement codes of `Bits`, or floats.
template <int Bits, class ValueType, class SumType>
struct Format {
    using Value = ValueType;
    using Sum = SumType;
    static constexpr int kBits = Bits;
    static constexpr bool kFloat = Bits == 0;
};
using Code16 = Format<16, std::int32_t, std::int64_t>;
using Code32 = Format<32, std::int32_t, Int128>;
using Real32 = Format<0, float, float>;

// Now and then an extreme.
template <class F>
typename F::Value random_value(RandomStream& stream) {
    const auto pick = stream.below(16);
    if constexpr (F::kFloat) {
        const float specials[] = {0.0F, -0.0F, std::numeric_limits<float>::denorm_min(), -1e-40F};
        return pick < 4 ? specials[pick] : static_cast<float>(stream.normal());
    } else {
        constexpr std::int32_t kMost = std::numeric_limits<std::int32_t>::max() >> (32 - F::kBits);
        const auto code = static_cast<std::int32_t>(stream.next32()) >> (32 - F::kBits);
        return pick == 0 ? kMost : pick == 1 ? -kMost - 1 : code;
    }
}

template <class F>
struct Layer {
    using Value = typename F::Value;
    using Sum = typename F::Sum;
    DenseLayer<Value, Sum> dense;
    std::vector<Value> input, weights;
    std::vector<Sum> bias, sums;

    void fill(RandomStream& stream) {
        const workloads::GemmShape& gemm = dense.gemm;
        const std::int64_t channels = gemm.n * gemm.groups;
        for (std::int64_t i = 0; i < dense.in.elements(); ++i) {
            input.push_back(random_value<F>(stream));
        }
        for (std::int64_t i = 0; i < gemm.k * channels; ++i) {
            weights.push_back(random_value<F>(stream));
        }
        for (std::int64_t i = 0; i < channels; ++i) {
            bias.push_back(static_cast<Sum>(random_value<F>(stream)));
        }
    }

    std::vector<Sum> run(KernelKind kind) {
        sums.assign(static_cast<std::size_t>(dense.gemm.m * dense.gemm.n * dense.gemm.groups), Sum{-7});
        dense.input = input.data();
        dense.weights = weights.data();
        dense.bias = bias.data();
        dense.sums = sums.data();
        dense_sums(dense, kind);
        return sums;
    }

    Sum sum(std::int64_t group, std::int64_t n, std::int64_t y, std::int64_t x) const {
        const workloads::Window& w = dense.window;
        const std::int64_t channels = dense.in.channels / dense.gemm.groups;
        Sum sum = bias[static_cast<std::size_t>(group * dense.gemm.n + n)];
        std::int64_t k = 0;
        for (std::int64_t c = group * channels; c < (group + 1) * channels; ++c) {
            for (std::int64_t ky = 0; ky < w.kernel_h; ++ky) {
                for (std::int64_t kx = 0; kx < w.kernel_w; ++kx, ++k) {
                    const std::int64_t row = y * w.stride_h - w.pad_h + ky * w.dilation_h;
                    const std::int64_t column = x * w.stride_w - w.pad_w + kx * w.dilation_w;
                    if (row < 0 || row >= dense.in.height || column < 0 || column >= dense.in.width) {
                        continue;
                    }
                    const Value weight =
                        weights[static_cast<std::size_t>((group * dense.gemm.k + k) * dense.gemm.n + n)];
                    const Sum product = static_cast<Sum>(weight) *
                                        input[static_cast<std::size_t>(
                                            (c * dense.in.height + row) * dense.in.width + column)];
                    sum = sum + product;
                }
            }
        }
        return sum;
    }

    // Equal by their bits; any NaN is as good as another.
    void expect_definition(KernelKind kind) {
        const std::vector<Sum> got = run(kind);
        std::size_t at = 0;
        for (std::int64_t y = 0; y < dense.out.height; ++y) {
            for (std::int64_t x = 0; x < dense.out.width; ++x) {
                for (std::int64_t g = 0; g < dense.gemm.groups; ++g) {
                    for (std::int64_t n = 0; n < dense.gemm.n; ++n, ++at) {
                        const Sum wanted = sum(g, n, y, x);
                        if constexpr (F::kFloat) {
                            ASSERT_TRUE(bits_of(got[at]) == bits_of(wanted) ||
                                        (std::isnan(got[at]) && std::isnan(wanted)))
                                << name_of(kind) << " sum " << at << ": " << got[at] << ", " << wanted;
                        } else {
                            ASSERT_TRUE(got[at] == wanted) << name_of(kind) << " sum " << at << " is off by "
                                                           << static_cast<double>(got[at] - wanted);
                        }
                    }
                }
            }
        }
    }
};

// Windows may begin in the padding and end behind the input.
template <class F>
Layer<F> random_layer(RandomStream& stream) {
    const auto from = [&](int least, int most) {
        return least + static_cast<int>(stream.below(static_cast<std::uint64_t>(most - least + 1)));
    };
    Layer<F> layer;
    workloads::Window& w = layer.dense.window;
    w = {from(1, 4), from(1, 4), from(1, 3), from(1, 3), from(0, 3), from(0, 3), from(1, 2), from(1, 2)};
    const int groups = from(0, 2) == 0 ? from(2, 9) : 1;
    const int channels = from(0, 3) == 0 ? from(60, 300) / groups : from(1, 5);  // of a group
    const int outputs = groups > 1 ? from(1, 3) : from(1, 40);
    const auto extent = [&](int kernel, int dilation) { return (kernel - 1) * dilation + from(1, 6); };
    layer.dense.in = {channels * groups, extent(w.kernel_h, w.dilation_h), extent(w.kernel_w, w.dilation_w)};
    const auto positions = [&](int in, int kernel, int stride, int pad, int dilation) {
        const int reach = (kernel - 1) * dilation + 1;
        return (in + pad + from(0, reach - 1) - reach) / stride + 1;
    };
    layer.dense.out = {outputs * groups,
                       positions(layer.dense.in.height, w.kernel_h, w.stride_h, w.pad_h, w.dilation_h),
                       positions(layer.dense.in.width, w.kernel_w, w.stride_w, w.pad_w, w.dilation_w)};
    layer.dense.gemm = {layer.dense.out.plane(), std::int64_t{channels} * w.kernel_h * w.kernel_w, outputs,
                        groups};
    layer.fill(stream);
    return layer;
}

template <class F>
Layer<F> linear_layer(int inputs, int outputs) {
    Layer<F> layer;
    layer.dense.in = {inputs, 1, 1};
    layer.dense.out = {outputs, 1, 1};
    layer.dense.gemm = {1, inputs, outputs, 1};
    return layer;
}

template <class F>
class WordDense : public ::testing::Test {};
using Formats = ::testing::Types<Code16, Code32, Real32>;
class FormatNames {
  public:
    template <class F>
    static std::string GetName(int) {
        return F::kFloat ? "fp32" : "fxp" + std::to_string(F::kBits);
    }
};
TYPED_TEST_SUITE(WordDense, Formats, FormatNames);

TYPED_TEST(WordDense, RandomLayersAreTheDefinition) {
    const std::uint64_t seed = test::environment("FLUENCE_TEST_SEED", 20262);
    const auto layers = test::environment("FLUENCE_WORD_LAYERS", 150);
    for (std::uint64_t i = 0; i < layers; ++i) {
        SCOPED_TRACE("seed " + std::to_string(seed) + ", layer " + std::to_string(i));
        RandomStream stream(seed, RandomPurpose::testing, i);
        Layer<TypeParam> layer = random_layer<TypeParam>(stream);
        for (const KernelKind kind : supported_kernels()) {
            layer.expect_definition(kind);
        }
        if (this->HasFatalFailure()) {
            return;
        }
    }
}

TYPED_TEST(WordDense, SumsOfMoreProductsThanADoubleCanHold) {
    RandomStream stream(20263, RandomPurpose::testing, 0);
    // 2^22 odd products of 2^32: halves of the largest codes of 32 bits.
    Layer<TypeParam> layer = linear_layer<TypeParam>(TypeParam::kFloat ? 3001 : (1 << 22) + 5, 1);
    if constexpr (TypeParam::kFloat) {
        layer.fill(stream);
    } else {
        constexpr std::int32_t kMost = std::numeric_limits<std::int32_t>::max() >> (32 - TypeParam::kBits);
        layer.input.assign(static_cast<std::size_t>(layer.dense.gemm.k), kMost);
        layer.weights = layer.input;
        layer.weights.back() = kMost - 1;
        layer.bias = {1};
    }
    for (const KernelKind kind : supported_kernels()) {
        layer.expect_definition(kind);
    }
}

// −0 + 0·w would be +0, ∞·0 would be NaN.
TEST(WordDenseFloats, LeavePaddingOut) {
    for (const float weight : {-1.0F, 1.0F, std::numeric_limits<float>::infinity()}) {
        Layer<Real32> layer;
        layer.dense.window = {3, 3, 1, 1, 1, 1, 1, 1};
        layer.dense.in = layer.dense.out = {1, 1, 2};
        layer.dense.gemm = {2, 9, 1, 1};
        layer.input = {0.0F, -0.0F};
        layer.weights.assign(9, weight);
        layer.weights[3] = layer.weights[4] = layer.weights[5] = -0.0F;
        layer.bias = {-0.0F};
        for (const KernelKind kind : supported_kernels()) {
            layer.expect_definition(kind);
        }
    }
}

}  // namespace
}  // namespace fluence::arith
