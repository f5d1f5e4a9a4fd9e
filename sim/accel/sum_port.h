// Adds what the array hands over to the sums in the output buffer: the old sum is read `decode` cycles
// before it is needed (dataflow::SpaceTimeMap), the new one written at the edge behind the hand-over. A word
// of several sums is read, changed in part and written at that edge.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/accel/interfaces.h"
#include "sim/accel/script.h"
#include "sim/accel/word_access.h"

namespace fluence::accel {

class SumPort {
  public:
    // Keeps references to its arguments.
    SumPort(const Script& script, WordAccess& sums);

    // The reads of cycle t; cycles in order.
    void read(Cycle t);
    // At edge t: the array handed over `sum` in cycle t − 1; as array::Boundary says.
    void take(Cycle t, std::int32_t fold, std::int64_t step, int row, int col, std::int32_t sum);
    SumInBuffer sum_at(std::int64_t accumulator) const {
        return contents_.at(static_cast<std::size_t>(accumulator));
    }

  private:
    struct OldSum {
        std::int64_t accumulator = -1;
        std::uint32_t value = 0;
    };
    OldSum& latch(Cycle handed_over, int row, int col);
    // First and last cycle in which the array hands over sums of the fold.
    struct Span {
        Cycle first = 0, last = 0;
    };
    Span span(const traces::Fold& fold) const;
    void read_moving(const traces::Fold& fold, Cycle u);
    void read_staying(const traces::Fold& fold, Cycle u);
    void read_old(const traces::Fold& fold, Cycle u, int row, int col, std::int64_t step);
    std::uint32_t read_sum(std::int64_t accumulator);
    void write_sum(std::int64_t accumulator, std::uint32_t value);
    // Where the sum of a PE or column belongs, inside the fold.
    struct Place {
        std::int64_t m = 0, n = 0;
    };
    Place place(std::int64_t step, int row, int col) const;

    const Script& script_;
    WordAccess& sums_;
    int cols_, lanes_, decode_;
    std::int64_t in_word_;
    FoldWindow window_;
    std::vector<OldSum> latches_;        // [cycle of the hand-over mod decode + 1][lane]
    std::vector<SumInBuffer> contents_;  // by accumulator
};

}  // namespace fluence::accel
