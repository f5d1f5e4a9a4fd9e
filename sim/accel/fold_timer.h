// When a fold may enter the array and stream: dataflow::SpaceTimeMap's rules and the arrival of
// words, in plain integers (docs/machine.md).
#pragma once

#include "sim/accel/buffer_ports.h"
#include "sim/accel/run_observer.h"
#include "sim/core/accelerator_config.h"
#include "sim/dataflow/space_time.h"
#include "sim/protect/policy.h"

namespace fluence::accel {

class FoldTimer {
  public:
    FoldTimer(const ArrayConfig& array, const protect::PolicyTiming& timing);

    // Output stationary arrays keep no operand: there is no preload.
    bool has_preload() const { return !map_.output_stationary(); }
    // The buffer that the stationary operand comes from.
    Memory stationary() const {
        return map_.weight_stationary() ? Memory::weight_buffer : Memory::activation_buffer;
    }

    // The edge at which the next fold's first row of the stationary operand enters; it is in its buffer at
    // edge `done`, and the buffer's port is free for it from preload edge `port` on. To be called before
    // stream() for every fold of an array that has a preload; the last call counts.
    Cycle preload(Cycle done, Cycle port = 0);

    // The pass that drains what a half of the output buffer held before begins at `begin` and has read all at
    // `read`.
    struct Drain {
        Cycle begin = 0, read = 0;
    };
    // What a fold waits for: the edges at which its operands are in their buffers, the drain of its half of
    // the output buffer, (k_fold > 0) the timed fold that wrote the same accumulators before, and the stream
    // edge from which the buffers' ports are free for it.
    struct Waits {
        Cycle weights = 0, activations = 0;
        Drain drain;
        const traces::Fold* writer = nullptr;
        Cycle ports = 0;
    };
    FoldTimes stream(const traces::Fold& fold, const Waits& waits);

    // First edge after the last read of a buffer by the fold timed last; of the stationary operand's buffer
    // known from preload() on.
    Cycle last_read_end(Memory buffer) const;
    // All cycles in which it accesses a buffer; of the stationary operand's known from preload() on.
    Access access(Memory buffer) const;

  private:
    Cycle decode(Memory memory) const { return timing_.decode_cycles[index_of(memory)]; }
    // From a fold's stream to the cycle of its first accumulation.
    Cycle lead(traces::Fold fold) const;
    Cycle last_accumulation(const traces::Fold& fold) const;
    Cycle streamed(Memory buffer, Cycle done) const;

    dataflow::SpaceTimeMap map_;
    protect::PolicyTiming timing_;
    bool first_ = true;
    traces::Fold before_;  // the fold timed last
    Cycle ready_ = 0;      // preload edge if the port were free
    Cycle preload_ = 0;
};

}  // namespace fluence::accel
