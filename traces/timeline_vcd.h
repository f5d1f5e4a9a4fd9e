// A timeline as a value change dump.
#pragma once

#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

#include "traces/perfetto.h"
#include "traces/timeline.h"
#include "traces/vcd.h"

namespace fluence::traces {

// Signals:
//   layer                              index of the layer that began last
//   array.fold, array.busy             fold that streams (index into Timeline::folds); one is in the array
//   array.preloading                   stationary operands move in
//   vector_unit.pass, vector_unit.busy
//   dma.load, dma.read_busy            load that began last; words pass DRAM's port
//   dma.store, dma.write_busy
//   stall.preload, weights, activations, drain, store …   the unit of some layer waits for it
//   weight_buffer.half0 … .filling, .words                words arrive; words of the last whole load
//   activation_buffer.half0 …          the same
//   output_buffer.half0 … .occupied    accumulators of a block, until the vector unit has read them
// and, where the register-true machine runs, registers of its array (sim/accel/register_dump.h).
class TimelineVcd {
  public:
    // `pattern`: which of the timeline's signals, as vcd.h's matches(). `others`: further ones.
    TimelineVcd(const Timeline& timeline, const TraceContext& context, const std::string& pattern,
                std::vector<VcdSignal> others = {});
    ~TimelineVcd();

    std::size_t signals() const;  // chosen and further ones
    // begin(), then values of further signals by ascending cycle, then finish(). At least one signal.
    void begin(std::ostream& stream);
    void change(std::int64_t cycle, std::size_t other, std::uint64_t value);
    void finish();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// The timeline's signals alone; returns how many there are, and writes nothing if none.
std::size_t write_vcd(std::ostream& stream, const Timeline& timeline, const TraceContext& context,
                      const std::string& pattern);

// All of the timeline's signals' paths.
std::vector<std::string> vcd_signals();

}  // namespace fluence::traces
