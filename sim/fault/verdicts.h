// What the memories' codes saw and did, in the order of time: an abort ends it.
#pragma once

#include <algorithm>
#include <limits>
#include <vector>

#include "sim/fault/resolver.h"

namespace fluence::fault {

class Verdicts {
  public:
    // One read of a struck word.
    struct Entry {
        traces::Cycle cycle = 0;
        bool corrected = false, detected = false, zeroed = false, aborts = false;
        traces::Cycle stall = 0;  // for which the clock stood
    };

    void add(const Entry& entry) {
        if (entry.corrected || entry.detected) {
            entries_.push_back(entry);
        }
    }

    // The machine finishes the cycle in which it aborts.
    void finish(Resolution& result) const {
        traces::Cycle last = std::numeric_limits<traces::Cycle>::max();
        for (const Entry& entry : entries_) {
            last = entry.aborts ? std::min(last, entry.cycle) : last;
        }
        result.ended = last == std::numeric_limits<traces::Cycle>::max() ? -1 : last;
        for (const Entry& entry : entries_) {
            if (entry.cycle <= last) {
                result.corrected = result.corrected || entry.corrected;
                result.detected = result.detected || entry.detected;
                result.zeroed = result.zeroed || entry.zeroed;
                result.aborted = result.aborted || entry.aborts;
                result.recovery_cycles += entry.stall;
            }
        }
    }

  private:
    std::vector<Entry> entries_;
};

}  // namespace fluence::fault
