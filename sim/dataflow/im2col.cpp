#include "sim/dataflow/im2col.h"

namespace fluence::dataflow {

Im2col::Im2col(const workloads::Graph& graph, const workloads::Layer& layer)
    : gemm_(workloads::gemm_shape(graph, layer)), input_(graph.tensor(layer.inputs.at(0)).shape) {
    if (layer.kind == workloads::OpKind::linear) {
        // A 1×1 convolution over one pixel; a tensor that was not flattened is taken flat.
        input_ = {static_cast<int>(input_.elements()), 1, 1};
    } else {
        const workloads::Shape& output = graph.tensor(layer.output).shape;
        window_ = layer.window;
        output_height_ = output.height;
        output_width_ = output.width;
    }
    channels_per_group_ = input_.channels / gemm_.groups;
}

std::int64_t Im2col::input_element(int group, std::int64_t m, std::int64_t k) const {
    std::int64_t found = -1;
    for_each_term(group, m, k, k + 1, [&](std::int64_t, std::int64_t element) { found = element; });
    return found;
}

int Im2col::group_of(std::int64_t element) const {
    return static_cast<int>(element / input_.plane() / channels_per_group_);
}

}  // namespace fluence::dataflow
