// Networks that the benchmarks run. Weights are random, scaled so that codes fill their formats.
#pragma once

#include <cstdint>

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

}  // namespace fluence::bench
