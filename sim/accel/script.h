// What the detailed machine follows: the workload and the timeline that the fast machine made of it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "sim/accel/workload.h"
#include "sim/arith/engine.h"
#include "sim/dataflow/space_time.h"
#include "sim/dataflow/tensor_layout.h"

namespace fluence::accel {

struct Script {
    const Workload& workload;
    const traces::Timeline& timeline;
    const std::vector<arith::OutputBounds>& bounds;   // of range restriction: empty, or one a layer
    const std::vector<arith::LayerFilters>& filters;  // likewise
    dataflow::SpaceTimeMap array;
    std::vector<dataflow::TensorLayout> layouts;  // by tensor

    Script(const Workload& of, const traces::Timeline& times,
           const std::vector<arith::OutputBounds>& output_bounds,
           const std::vector<arith::LayerFilters>& layer_filters)
        : workload(of),
          timeline(times),
          bounds(output_bounds),
          filters(layer_filters),
          array(of.config.array) {
        for (std::size_t t = 0; t < of.graph.tensors.size(); ++t) {
            layouts.emplace_back(of.graph, of.map, tensor_id(t));
        }
    }
    int decode(Memory memory) const { return timeline.decode_cycles[index_of(memory)]; }
    const traces::Fold& fold(std::int32_t index) const {
        return timeline.folds[static_cast<std::size_t>(index)];
    }
    const workloads::Layer& layer_of(const traces::Fold& f) const { return workload.graph.layer(f.layer); }
    const dataflow::TensorLayout& layout(TensorId tensor) const { return layouts[index_of(tensor)]; }
};

// The folds [first, last) that some unit is busy with, where busy means from cycle begin(fold), which never
// decreases from fold to fold, to cycle end(fold). A fold that ends in front of the one before it stays as
// long.
class FoldWindow {
  public:
    template <class Begin, class End>
    void advance(const Script& script, Cycle t, Begin begin, End end) {
        const auto count = static_cast<std::int32_t>(script.timeline.folds.size());
        while (last_ < count && begin(script.fold(last_)) <= t) {
            ++last_;
        }
        while (first_ < last_ && end(script.fold(first_)) < t) {
            ++first_;
        }
    }
    std::int32_t first() const { return first_; }
    std::int32_t last() const { return last_; }

  private:
    std::int32_t first_ = 0, last_ = 0;
};

}  // namespace fluence::accel
