// Ids shared by all modules. A strong type each, so that a layer is never taken for a tensor.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fluence {

enum class LayerId : std::int32_t {};   // index into workloads::Graph::layers
enum class TensorId : std::int32_t {};  // index into workloads::Graph::tensors

constexpr std::size_t index_of(LayerId id) {
    return static_cast<std::size_t>(id);
}
constexpr std::size_t index_of(TensorId id) {
    return static_cast<std::size_t>(id);
}
constexpr LayerId layer_id(std::size_t index) {
    return static_cast<LayerId>(index);
}
constexpr TensorId tensor_id(std::size_t index) {
    return static_cast<TensorId>(index);
}

}  // namespace fluence
