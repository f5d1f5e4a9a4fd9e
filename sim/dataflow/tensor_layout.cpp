#include "sim/dataflow/tensor_layout.h"

#include <algorithm>

namespace fluence::dataflow {

TensorId stored_tensor(const workloads::Graph& graph, TensorId tensor) {
    for (auto layer = graph.layers.rbegin(); layer != graph.layers.rend(); ++layer) {
        if (layer->kind == workloads::OpKind::flatten && layer->output == tensor) {
            tensor = layer->inputs[0];
        }
    }
    return tensor;
}

TensorLayout::TensorLayout(const workloads::Graph& graph, const MemoryMap& map, TensorId tensor)
    : stored_(stored_tensor(graph, tensor)) {
    const workloads::TensorInfo& info = graph.tensor(stored_);
    const auto address = [&](std::int64_t element) {
        return map.activation_word(stored_, element) * map.word_bytes() +
               map.activation_bit(stored_, element) / 8;
    };
    element_bytes_ = map.code_bytes(stored_);
    elements_ = info.shape.elements();
    plane_ = info.shape.plane();
    base_ = address(0);
    plane_stride_ = info.shape.channels > 1 ? address(plane_) - base_ : plane_ * element_bytes_;
}

}  // namespace fluence::dataflow
