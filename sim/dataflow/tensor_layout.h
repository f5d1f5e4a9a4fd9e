// Byte addresses of one activation tensor in DRAM, in closed form: what an address generator computes.
#pragma once

#include <cstdint>

#include "sim/dataflow/memory_map.h"
#include "workloads/graph.h"

namespace fluence::dataflow {

class TensorLayout {
  public:
    // A flatten's output has the layout of the tensor that a layer produced.
    TensorLayout(const workloads::Graph& graph, const MemoryMap& map, TensorId tensor);

    // The tensor that a layer produced (or the graph's input), behind any flatten.
    TensorId stored() const { return stored_; }
    int element_bytes() const { return element_bytes_; }
    // DRAM byte address of the lowest byte of a flat element.
    std::int64_t byte(std::int64_t element) const {
        return base_ + element / plane_ * plane_stride_ + element % plane_ * element_bytes_;
    }
    // Elements from `element` on whose bytes follow each other without padding.
    std::int64_t contiguous_from(std::int64_t element) const {
        return packed() ? elements_ - element : plane_ - element % plane_;
    }
    std::int64_t elements() const { return elements_; }

  private:
    bool packed() const { return plane_stride_ == plane_ * element_bytes_; }

    TensorId stored_;
    std::int64_t base_ = 0, plane_ = 1, plane_stride_ = 0, elements_ = 0;
    int element_bytes_ = 1;
};

// The tensor whose region `tensor` shares: through flatten back to what a layer produced.
TensorId stored_tensor(const workloads::Graph& graph, TensorId tensor);

}  // namespace fluence::dataflow
