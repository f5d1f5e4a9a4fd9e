#include "tests/support/resnet18.h"

#include "workloads/graph_builder.h"

namespace fluence::test {
namespace {

using workloads::GraphBuilder;

workloads::Window square(int kernel, int stride, int pad) {
    return {kernel, kernel, stride, stride, pad, pad, 1, 1};
}

TensorId basic_block(GraphBuilder& builder, TensorId at, int channels, int stride) {
    const TensorId first = builder.conv(at, channels, {square(3, stride, 1), 1, true});
    const TensorId second = builder.conv(first, channels, {square(3, 1, 1), 1, false});
    const bool same = stride == 1 && builder.shape(at).channels == channels;
    const TensorId skip = same ? at : builder.conv(at, channels, {square(1, stride, 0), 1, false});
    return builder.add(second, skip, true);
}

}  // namespace

workloads::Graph resnet18_graph(RandomStream& stream) {
    GraphBuilder builder("resnet18", stream, {3, 224, 224}, workloads::NumberFormat::s8);
    TensorId at = builder.conv(builder.input(), 64, {square(7, 2, 3), 1, true});
    at = builder.max_pool(at, square(3, 2, 1));
    for (const int channels : {64, 128, 256, 512}) {
        at = basic_block(builder, at, channels, channels == 64 ? 1 : 2);
        at = basic_block(builder, at, channels, 1);
    }
    at = builder.avg_pool(at, square(builder.shape(at).height, 1, 0));
    builder.logits(builder.flatten(at), 1000);
    return builder.finish();
}

}  // namespace fluence::test
