// Edges that one process reaches and others wait for, one an index: loads done, halves free …
#pragma once

#include <cstdint>
#include <systemc>
#include <vector>

#include "sim/accel/clock.h"

namespace fluence::accel {

class Milestones {
  public:
    explicit Milestones(std::size_t count) : edges_(count, kUnknown) {}

    // The edge is known (it may lie ahead).
    void reach(std::int32_t index, Cycle edge) {
        edges_[static_cast<std::size_t>(index)] = edge;
        changed_.notify(sc_core::SC_ZERO_TIME);
    }
    bool known(std::int32_t index) const { return edges_[static_cast<std::size_t>(index)] != kUnknown; }
    // Suspends the calling process until the edge is known, not until it passes.
    Cycle await(std::int32_t index) {
        while (!known(index)) {
            sc_core::wait(changed_);
        }
        return edges_[static_cast<std::size_t>(index)];
    }

  private:
    static constexpr Cycle kUnknown = -1;
    std::vector<Cycle> edges_;
    sc_core::sc_event changed_;
};

}  // namespace fluence::accel
