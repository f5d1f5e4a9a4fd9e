// Networks that the benchmarks run. Weights are random, scaled so that codes fill their formats.
#pragma once

#include <cstdint>
#include <utility>

#include "sim/core/random.h"
#include "tests/support/graph_builder.h"

namespace fluence::bench {

inline constexpr std::uint64_t kSeed = 20;

inline workloads::Window square(int kernel, int stride, int pad) {
    return {kernel, kernel, stride, stride, pad, pad, 1, 1};
}

inline TensorId residual_block(test::GraphBuilder& builder, TensorId at, int channels, int stride) {
    const int extra = channels - builder.shape(at).channels;
    TensorId branch = builder.conv(at, channels, {square(3, stride, 1), 1, true});
    branch = builder.conv(branch, channels, {square(3, 1, 1), 1, false});
    const TensorId shortcut = extra == 0 ? at : builder.subsample(at, stride, extra / 2, extra - extra / 2);
    return builder.add(branch, shortcut, true);
}

// CIFAR ResNet-20 (He et al., 2016, §4.2): 40.6 MMAC.
inline workloads::Graph resnet20() {
    RandomStream stream(kSeed, RandomPurpose::testing, 0);
    test::GraphBuilder builder("resnet20", stream, {3, 32, 32}, workloads::NumberFormat::s8);
    TensorId at = builder.conv(builder.input(), 16, {square(3, 1, 1), 1, true});
    for (const int channels : {16, 32, 64}) {
        for (int block = 0; block < 3; ++block) {
            at = residual_block(builder, at, channels, block == 0 && channels > 16 ? 2 : 1);
        }
    }
    at = builder.avg_pool(at, square(8, 1, 0));
    builder.logits(builder.flatten(at), 10);
    return builder.finish();
}

// ResNet-18 with the stem for CIFAR (3×3, no pool): 555 MMAC.
inline workloads::Graph resnet18() {
    RandomStream stream(kSeed, RandomPurpose::testing, 4);
    test::GraphBuilder builder("resnet18", stream, {3, 32, 32}, workloads::NumberFormat::s8);
    TensorId at = builder.conv(builder.input(), 64, {square(3, 1, 1), 1, true});
    for (const int channels : {64, 128, 256, 512}) {
        for (int block = 0; block < 2; ++block) {
            const int stride = block == 0 && channels > 64 ? 2 : 1;
            TensorId branch = builder.conv(at, channels, {square(3, stride, 1), 1, true});
            branch = builder.conv(branch, channels, {square(3, 1, 1), 1, false});
            at = stride == 1 ? at : builder.conv(at, channels, {square(1, stride, 0), 1, false});
            at = builder.add(branch, at, true);
        }
    }
    at = builder.avg_pool(at, square(4, 1, 0));
    builder.logits(builder.flatten(at), 10);
    return builder.finish();
}

// VGG-16 for CIFAR with one linear layer: 313 MMAC.
inline workloads::Graph vgg16() {
    RandomStream stream(kSeed, RandomPurpose::testing, 5);
    test::GraphBuilder builder("vgg16", stream, {3, 32, 32}, workloads::NumberFormat::s8);
    TensorId at = builder.input();
    for (const auto& [channels, layers] : {std::pair(64, 2), {128, 2}, {256, 3}, {512, 3}, {512, 3}}) {
        for (int i = 0; i < layers; ++i) {
            at = builder.conv(at, channels, {square(3, 1, 1), 1, true});
        }
        at = builder.max_pool(at, square(2, 2, 0));
    }
    builder.logits(builder.flatten(at), 10);
    return builder.finish();
}

}  // namespace fluence::bench
