#include "sim/dataflow/array_layers.h"

#include <algorithm>
#include <iterator>

namespace fluence::dataflow {

ArrayLayers::ArrayLayers(const traces::Timeline& timeline) {
    for (const traces::Fold& fold : timeline.folds) {
        if (begins_.empty() || begins_.back().second != fold.layer) {
            const traces::Cycle enters = std::min(fold.preload, fold.stream);
            begins_.emplace_back(begins_.empty() ? enters : std::max(enters, begins_.back().first),
                                 fold.layer);
        }
    }
}

LayerId ArrayLayers::at(traces::Cycle cycle) const {
    const auto next = std::upper_bound(begins_.begin(), begins_.end(), cycle,
                                       [](traces::Cycle c, const auto& begin) { return c < begin.first; });
    return next == begins_.begin() ? begins_.front().second : std::prev(next)->second;
}

}  // namespace fluence::dataflow
