#include "tests/support/random_graph.h"

namespace fluence::test {

using workloads::Graph;
using workloads::NumberFormat;
using workloads::Window;

namespace {

Window square(int kernel, int stride = 1, int pad = 0) {
    return {kernel, kernel, stride, stride, pad, pad, 1, 1};
}

}  // namespace

Graph lenet_like_graph(RandomStream& stream) {
    GraphBuilder builder("lenet-like", stream, {1, 32, 32}, NumberFormat::u8);
    TensorId at = builder.conv(builder.input(), 6, {square(5), 1, true});
    at = builder.max_pool(at, square(2, 2));
    at = builder.conv(at, 16, {square(5), 1, true});
    at = builder.max_pool(at, square(2, 2));
    at = builder.flatten(at);
    at = builder.linear(at, 120, true);
    at = builder.linear(at, 84, true);
    builder.logits(at, 10);
    return builder.finish();
}

Graph resnet_like_graph(RandomStream& stream) {
    GraphBuilder builder("resnet-like", stream, {3, 16, 16}, NumberFormat::s8);
    TensorId at = builder.conv(builder.input(), 8, {square(3, 1, 1), 1, true});
    for (const int stride : {1, 2, 2}) {
        const int channels = builder.shape(at).channels * stride;
        const TensorId first = builder.conv(at, channels, {square(3, stride, 1), 1, true});
        const TensorId second = builder.conv(first, channels, {square(3, 1, 1), 1, false});
        const int extra = channels - builder.shape(at).channels;
        const TensorId skip = stride == 1 ? at : builder.subsample(at, stride, extra / 2, extra - extra / 2);
        at = builder.add(second, skip, true);
    }
    at = builder.avg_pool(at, square(builder.shape(at).height));
    builder.logits(builder.flatten(at), 10);
    return builder.finish();
}

}  // namespace fluence::test
