// When a fold may enter the array and stream: dataflow::SpaceTimeMap's rules and the arrival of
// words, in plain integers (docs/machine.md).
#pragma once

#include "sim/accel/run_observer.h"
#include "sim/core/accelerator_config.h"
#include "sim/dataflow/space_time.h"
#include "sim/protect/policy.h"

namespace fluence::accel {

class FoldTimer {
  public:
    FoldTimer(const ArrayConfig& array, const protect::PolicyTiming& timing);

    // The edge at which the next fold's first row of weights enters; its weights are in the buffer at edge
    // `weights_done`.
    Cycle preload(Cycle weights_done);
    // Times of that fold; its activations are in the buffer at edge `activations_done`. The pass that drains
    // what its half of the output buffer held before begins at `drain.begin` and has read all at
    // `drain.read`.
    struct Drain {
        Cycle begin = 0, read = 0;
    };
    FoldTimes stream(const traces::Fold& fold, Cycle activations_done, const Drain& drain);

    // First edges after the last reads of the fold timed last: of its weights, of its activations.
    Cycle weights_free() const;
    Cycle activations_free(const traces::Fold& fold) const;

  private:
    dataflow::SpaceTimeMap map_;
    int rows_;
    Cycle lead_;  // from the stream to the first accumulation
    protect::PolicyTiming timing_;
    bool first_ = true;
    traces::Fold before_;  // the fold timed last
    Cycle earliest_preload_ = 0, preload_ = 0;
};

}  // namespace fluence::accel
