// A growing list of DRAM word intervals in ascending order; what overlaps or touches becomes one run.
#pragma once

#include <cstdint>
#include <vector>

#include "traces/timeline.h"

namespace fluence::dataflow {

class TensorLayout;

class WordRuns {
  public:
    // [first, last), not in front of the interval added last.
    void add(std::int64_t first, std::int64_t last);
    // The words that hold flat elements [first, last) of a tensor.
    void add_elements(const TensorLayout& layout, int word_bytes, std::int64_t first, std::int64_t last);

    std::int64_t words() const { return words_; }
    bool empty() const { return runs_.empty(); }

    // The runs one behind the other in a buffer from `buffer_word` on.
    std::vector<traces::Segment> segments(std::int64_t buffer_word) const;

    // To try whether an addition still fits: mark(), add, and undo() back to the mark.
    struct Mark {
        std::size_t runs = 0;
        std::int64_t last = 0, words = 0;
    };
    Mark mark() const;
    void undo(const Mark& mark);

  private:
    struct Run {
        std::int64_t first = 0, last = 0;
    };
    std::vector<Run> runs_;
    std::int64_t words_ = 0;
};

}  // namespace fluence::dataflow
