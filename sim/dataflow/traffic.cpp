#include "sim/dataflow/traffic.h"

#include <algorithm>

#include "sim/dataflow/im2col.h"

namespace fluence::dataflow {
namespace {

using workloads::Layer;
using workloads::OpKind;
using workloads::Shape;

// Window positions of output `o` that lie inside the input.
std::int64_t covered(std::int64_t o, int kernel, int stride, int pad, int dilation, int extent) {
    std::int64_t count = 0;
    for (int i = 0; i < kernel; ++i) {
        const std::int64_t at = o * stride - pad + std::int64_t{i} * dilation;
        count += at >= 0 && at < extent ? 1 : 0;
    }
    return count;
}

// The elements of whole output rows [first, last) of a pool.
std::int64_t pool_reads(const Layer& layer, const Shape& input, const Shape& output, std::int64_t first,
                        std::int64_t last) {
    const workloads::Window& w = layer.window;
    std::int64_t across = 0;
    for (int x = 0; x < output.width; ++x) {
        across += covered(x, w.kernel_w, w.stride_w, w.pad_w, w.dilation_w, input.width);
    }
    std::int64_t down = 0;
    for (std::int64_t row = first; row < last; ++row) {
        down += covered(row % output.height, w.kernel_h, w.stride_h, w.pad_h, w.dilation_h, input.height);
    }
    return across * down;
}

}  // namespace

BufferTraffic fold_traffic(const workloads::Graph& graph, DataflowKind dataflow, const MemoryMap& map,
                           const traces::Fold& fold) {
    const Im2col im2col(graph, graph.layer(fold.layer));
    const std::int64_t activations = im2col.operands(fold.first_pixel, fold.first_pixel + fold.pixels,
                                                     fold.first_k, fold.first_k + fold.terms);
    const std::int64_t weights =
        dataflow == DataflowKind::weight_stationary
            ? map.weight_block(fold.layer, fold.group, fold.n_fold, fold.k_fold).words
            : fold.terms * fold.channels;
    const std::int64_t sums = fold.pixels * fold.channels;
    return {weights + activations + (fold.k_fold > 0 ? sums : 0), sums};
}

BufferTraffic pass_traffic(const workloads::Graph& graph, const traces::VectorPass& pass) {
    const Layer& layer = graph.layer(pass.layer);
    if (layer.has_macs()) {
        return {pass.elements, 0};
    }
    const Shape& input = graph.tensor(layer.inputs[0]).shape;
    const Shape& output = graph.tensor(layer.output).shape;
    const std::int64_t end = pass.first_element + pass.elements;
    switch (layer.kind) {
        case OpKind::max_pool:
        case OpKind::avg_pool:
            return {pool_reads(layer, input, output, pass.first_element / output.width, end / output.width),
                    0};
        case OpKind::add:
            return {static_cast<std::int64_t>(layer.inputs.size()) * pass.elements, 0};
        case OpKind::subsample: {  // the zero channels in front and behind are not read
            const std::int64_t first = layer.channels_before * output.plane();
            const std::int64_t last = first + input.channels * output.plane();
            return {std::max<std::int64_t>(0, std::min(end, last) - std::max(pass.first_element, first)), 0};
        }
        default:
            return {pass.elements, 0};
    }
}

}  // namespace fluence::dataflow
