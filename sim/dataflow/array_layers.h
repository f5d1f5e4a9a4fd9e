// Which layer the array works on in a cycle.
#pragma once

#include <utility>
#include <vector>

#include "traces/timeline.h"

namespace fluence::dataflow {

// A layer begins at the edge at which the first operand of its first fold enters the array, and lasts until
// the next one does, whatever of it is still on its way out. The first layer is there from the beginning.
class ArrayLayers {
  public:
    explicit ArrayLayers(const traces::Timeline& timeline);

    // False where no layer uses the array.
    bool any() const { return !begins_.empty(); }
    LayerId at(traces::Cycle cycle) const;

  private:
    std::vector<std::pair<traces::Cycle, LayerId>> begins_;  // ascending
};

}  // namespace fluence::dataflow
