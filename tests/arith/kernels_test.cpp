// Kernels against formulas: requantisation at its edges, and oneDNN's convolution where it is exact.
#include "sim/arith/kernels.h"

#include <gtest/gtest.h>

#include <limits>

#include "sim/arith/engine.h"
#include "sim/arith/onednn_conv.h"
#include "sim/core/random.h"

namespace fluence::arith {
namespace {

constexpr std::uint64_t kSeed = 13;

class KernelTest : public testing::TestWithParam<KernelKind> {};
INSTANTIATE_TEST_SUITE_P(Arith, KernelTest, testing::ValuesIn(supported_kernels()),
                         [](const auto& row) { return std::string(name_of(row.param)); });

// Halves round up: towards plus infinity, for negative numbers too.
TEST(RescaleTest, RoundsHalvesUp) {
    using workloads::rescale;
    EXPECT_EQ(rescale(5, 1, 1), 3);    //  2.5 →  3
    EXPECT_EQ(rescale(-5, 1, 1), -2);  // −2.5 → −2
    EXPECT_EQ(rescale(-1, 1, 1), 0);   // −0.5 →  0
    EXPECT_EQ(rescale(-3, 1, 1), -1);  // −1.5 → −1
    EXPECT_EQ(rescale(6, 1, 2), 2);    //  1.5 →  2
    EXPECT_EQ(rescale(-6, 1, 2), -1);  // −1.5 → −1
    EXPECT_EQ(rescale(-7, 1, 2), -2);  // −1.75 → −2
    EXPECT_EQ(rescale(7, 3, 0), 21);   // no shift, no rounding
    EXPECT_EQ(rescale(7, 3, 64), 21);  // 6 bits: 64 is 0
    EXPECT_EQ(rescale(5, 1, 65), 3);   // and 65 is 1
    EXPECT_EQ(rescale(-1, 1, 63), 0);  // (−1 + 2⁶²) >> 63
    EXPECT_EQ(rescale(std::int64_t{1} << 62, 2, 0), std::numeric_limits<std::int64_t>::min());  // wraps
    EXPECT_EQ(rescale(std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::min(), 62),
              1);
}

// All shifts, extreme and random operands; expected values in 128 bits, where nothing wraps by itself.
TEST_P(KernelTest, RequantiseEqualsTheFormula) {
    RandomStream stream(kSeed, RandomPurpose::testing, 0);
    constexpr std::int32_t kMin = std::numeric_limits<std::int32_t>::min();
    constexpr std::int32_t kMax = std::numeric_limits<std::int32_t>::max();
    const auto word = [&] {
        const std::int32_t edges[] = {0, 1, -1, kMin, kMax, kMin + 1, 1 << 30};
        return stream.below(3) == 0 ? edges[stream.below(7)] : static_cast<std::int32_t>(stream.next32());
    };
    for (int round = 0; round < 2000; ++round) {
        RequantiseBlock blocks[2];
        std::int32_t multiplier[kBlock];
        std::int32_t values[3 * kBlock];
        std::uint8_t shift[kBlock];
        for (int n = 0; n < kBlock; ++n) {
            multiplier[n] = word();
            shift[n] = static_cast<std::uint8_t>(stream.below(64));
            blocks[n / 8].set(n % 8, multiplier[n], shift[n]);
        }
        for (std::int32_t& value : values) {
            value = word();
        }
        const std::int32_t lo = round % 2 == 0 ? kMin : -128;
        const std::int32_t hi = round % 2 == 0 ? kMax : 127;
        std::int32_t expected[3 * kBlock];
        for (int i = 0; i < 3 * kBlock; ++i) {
            const int n = i % kBlock;
            __extension__ typedef __int128 Wide;
            const Wide half = shift[n] == 0 ? 0 : Wide{1} << (shift[n] - 1);
            const Wide sum = Wide{values[i]} * multiplier[n] + half;
            const auto wrapped = static_cast<std::int64_t>(static_cast<std::uint64_t>(sum));
            const Wide divisor = Wide{1} << shift[n];
            const Wide floor = wrapped >= 0 ? wrapped / divisor : -((-Wide{wrapped} + divisor - 1) / divisor);
            expected[i] = static_cast<std::int32_t>(floor < lo ? lo : floor > hi ? hi : floor);
        }
        kernels(GetParam()).requantise({values, 3, blocks, 1, lo, hi});
        for (int i = 0; i < 3 * kBlock; ++i) {
            ASSERT_EQ(values[i], expected[i]) << "seed " << kSeed << " round " << round << " value " << i;
        }
    }
}

// Sums in front of the bias, [output pixel][output channel].
std::vector<std::int32_t> defined_sums(const workloads::Layer& layer, const workloads::Shape& in,
                                       const workloads::Shape& out, const Codes& image) {
    const workloads::Window& w = layer.window;
    const int depth = in.channels / layer.groups;
    const auto code = [&](int channel, int y, int x) {
        const bool inside = y >= 0 && y < in.height && x >= 0 && x < in.width;
        return inside ? image[static_cast<std::size_t>((channel * in.height + y) * in.width + x)] : 0;
    };
    std::vector<std::int32_t> sums;
    for (int pixel = 0; pixel < out.plane(); ++pixel) {
        for (int n = 0; n < out.channels; ++n) {
            std::int32_t sum = 0;
            for (int k = 0; k < depth * w.kernel_h * w.kernel_w; ++k) {
                const int c = n / (out.channels / layer.groups) * depth + k / w.kernel_w / w.kernel_h;
                const int ky = k / w.kernel_w % w.kernel_h;
                const int y = pixel / out.width * w.stride_h - w.pad_h + ky * w.dilation_h;
                const int x = pixel % out.width * w.stride_w - w.pad_w + k % w.kernel_w * w.dilation_w;
                const std::size_t weight = static_cast<std::size_t>(n) * depth * w.kernel_h * w.kernel_w +
                                           static_cast<std::size_t>(k);
                sum += code(c, y, x) * layer.weights[weight];
            }
            sums.push_back(sum);
        }
    }
    return sums;
}

void fill(workloads::Layer& layer, int outputs, int depth, int largest, RandomStream& stream) {
    layer.kind = workloads::OpKind::conv;
    layer.weights.resize(static_cast<std::size_t>(outputs) * depth * layer.window.kernel_h *
                         layer.window.kernel_w);
    layer.bias.assign(static_cast<std::size_t>(outputs), 0);
    for (std::int8_t& weight : layer.weights) {
        weight = static_cast<std::int8_t>(static_cast<int>(stream.below(2 * largest + 1)) - largest);
    }
}

Codes random_codes(const workloads::Shape& in, bool is_unsigned, RandomStream& stream) {
    Codes image(static_cast<std::size_t>(in.elements()));
    for (std::int32_t& code : image) {
        code = static_cast<std::int32_t>(stream.below(256)) - (is_unsigned ? 0 : 128);
    }
    return image;
}

// With |w| ≤ 64 and unsigned codes no sum of two products leaves 16 bits, so that oneDNN is exact on every
// x86 CPU, and its use can be tested where the engine would not choose it.
TEST(OnednnConvTest, EqualsTheDefinitionForSmallWeights) {
    RandomStream stream(kSeed, RandomPurpose::testing, 1);
    const workloads::Shape in = {6, 7, 5};
    const workloads::Shape out = {4, 4, 5};
    workloads::Layer layer;
    layer.window = {3, 2, 2, 1, 1, 1, 1, 2};
    for (const int groups : {1, 2}) {
        layer.groups = groups;
        fill(layer, out.channels, in.channels / groups, 64, stream);
        const Codes image = random_codes(in, true, stream);
        const auto conv = OnednnConv::make_exact(layer, in, out, layer.window, true);
        ASSERT_NE(conv, nullptr);
        EXPECT_EQ(conv->run(image), defined_sums(layer, in, out, image));
    }
}

// All weights, signed activations and groups: oneDNN is wrong for some of them on every CPU.
TEST(OnednnConvTest, IsExactOrRefused) {
    RandomStream stream(kSeed, RandomPurpose::testing, 2);
    int made = 0;
    for (int sample = 0; sample < 300; ++sample) {
        const auto draw = [&](int low, int high) {
            return low + static_cast<int>(stream.below(static_cast<std::uint64_t>(high - low + 1)));
        };
        workloads::Layer layer;
        layer.groups = draw(1, 5);
        const int depth = draw(0, 1) == 0 ? 1 : draw(2, 19);
        workloads::Window& w = layer.window;
        w = {draw(1, 4), draw(1, 4), draw(1, 2), draw(1, 2), 0, 0, 1, 1};
        w.pad_h = draw(0, w.kernel_h - 1);
        w.pad_w = draw(0, w.kernel_w - 1);
        workloads::Shape in = {layer.groups * depth, draw(4, 9), draw(4, 9)};
        workloads::Shape out = {layer.groups * draw(1, 4),
                                (in.height + 2 * w.pad_h - w.kernel_h) / w.stride_h + 1,
                                (in.width + 2 * w.pad_w - w.kernel_w) / w.stride_w + 1};
        if (sample == 0) {  // known to be wrong in oneDNN 2.6, with VNNI too
            layer.groups = 4;
            w = {2, 4, 1, 1, 1, 2, 1, 1};
            in = {4, 8, 9};
            out = {8, 9, 10};
        }
        fill(layer, out.channels, in.channels / layer.groups, 127, stream);
        const bool is_unsigned = sample % 2 == 1;
        const auto conv = OnednnConv::make_exact(layer, in, out, w, is_unsigned);
        if (conv != nullptr) {
            ++made;
            const Codes image = random_codes(in, is_unsigned, stream);
            ASSERT_EQ(conv->run(image), defined_sums(layer, in, out, image)) << "sample " << sample;
        }
    }
    EXPECT_GE(made, supported(KernelKind::onednn) ? 200 : 0);
}

// Sums beyond a float's mantissa would lose bits inside oneDNN.
TEST(OnednnConvTest, IsRefusedWhereFloatsWouldRound) {
    workloads::Layer layer;
    layer.bias = {0, 0};
    layer.weights.assign(2 * 512, 1);
    EXPECT_TRUE(OnednnConv::fits_floats(layer));
    std::fill(layer.weights.begin() + 512, layer.weights.end(), std::int8_t{-128});  // Σ|w| = 2¹⁶
    EXPECT_TRUE(OnednnConv::fits_floats(layer));
    layer.weights.assign(2 * 513, -128);
    EXPECT_FALSE(OnednnConv::fits_floats(layer));
}

}  // namespace
}  // namespace fluence::arith
