// When filters of whole pixels (sim/dataflow/filter_unit.h) take their pixels, from the timeline.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/core/accelerator_config.h"
#include "sim/dataflow/memory_map.h"
#include "sim/dataflow/vector_pipeline.h"
#include "sim/dataflow/waiting_pixels.h"
#include "sim/protect/layer_filters.h"
#include "sim/protect/policy.h"
#include "traces/timeline.h"
#include "workloads/graph.h"

namespace fluence::fault {

using traces::Cycle;

// Pixels that leave the buffer together, behind the pass that completes them (a gated filter: the layer).
struct FilteredPixels {
    LayerId layer{};
    Cycle complete = 0;   // the edge at which they leave it
    bool always = false;  // the filter acts on all of them, and
    Cycle begin = 0;      // begins at this edge
    std::vector<dataflow::WaitingPixels::Range> pixels;
    std::int64_t count = 0;

    // The pixel that is taken as number `index`.
    std::int64_t pixel(std::int64_t index) const;
};

class FilterSchedule {
  public:
    // Keeps references.
    FilterSchedule(const workloads::Graph& graph, const AcceleratorConfig& config,
                   const protect::Policy& policy, const dataflow::MemoryMap& memory,
                   const traces::Timeline& timeline, int added_stages);

    // In the order in which filters take them.
    const std::vector<FilteredPixels>& taken() const { return taken_; }
    bool filters(LayerId layer) const { return filtered_[index_of(layer)].any(); }
    // A code on its way into the buffer: the pass and the element of it that has its accumulator or operands.
    struct Code {
        std::int32_t pass = -1;
        std::int64_t index = 0;
        Cycle written = 0;
    };
    Code code(LayerId layer, std::int64_t channel, std::int64_t pixel) const;
    // The edge at which a pixel leaves the buffer.
    Cycle left(LayerId layer, std::int64_t pixel) const;

  private:
    Cycle out(const traces::VectorPass& pass, std::int64_t index) const;
    std::vector<dataflow::WaitingPixels::Range> produced(const traces::VectorPass& pass) const;
    void add(const traces::VectorPass& pass, std::vector<dataflow::WaitingPixels::Range> pixels);

    const workloads::Graph& graph_;
    const AcceleratorConfig& config_;
    const dataflow::MemoryMap& memory_;
    const traces::Timeline& timeline_;
    const dataflow::VectorPipeline pipeline_;
    std::vector<protect::FilteredLayer> filtered_;  // by layer
    std::vector<FilteredPixels> taken_;
};

}  // namespace fluence::fault
