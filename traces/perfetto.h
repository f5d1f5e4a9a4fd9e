// A timeline as Chrome trace events (JSON): ui.perfetto.dev and chrome://tracing open it.
#pragma once

#include <array>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "traces/timeline.h"
#include "traces/upset.h"

namespace fluence::traces {

// What a trace says about its run besides the timeline.
struct TraceContext {
    std::string title;     // the process's name: network, machine, policy
    double clock_mhz = 1;  // cycle t is shown at t / clock_mhz microseconds
    // Words of one half of each buffer (output buffer: accumulators), by Memory; DRAM: unused.
    std::array<std::int64_t, kMemoryCount> half_words{};
};

// One process, one track each for layers, the array's preload and folds, vector passes, loads by content,
// stores and stalls, named by metadata events, and one for upsets (instant events). Slices that overlap stand
// on further tracks of the same name. `args` carry indices, ranges and cycles.
void write_perfetto(std::ostream& stream, const Timeline& timeline, const TraceContext& context,
                    const std::vector<Upset>& upsets = {});

}  // namespace fluence::traces
