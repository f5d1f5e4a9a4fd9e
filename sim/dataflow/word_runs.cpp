#include "sim/dataflow/word_runs.h"

#include <algorithm>
#include <stdexcept>

#include "sim/dataflow/tensor_layout.h"

namespace fluence::dataflow {

void WordRuns::add(std::int64_t first, std::int64_t last) {
    if (!runs_.empty() && first < runs_.back().first) {
        throw std::logic_error("word runs are added in ascending order");
    }
    if (!runs_.empty() && first <= runs_.back().last) {
        const std::int64_t more = std::max<std::int64_t>(0, last - runs_.back().last);
        runs_.back().last += more;
        words_ += more;
    } else if (first < last) {
        runs_.push_back({first, last});
        words_ += last - first;
    }
}

void WordRuns::add_elements(const TensorLayout& layout, int word_bytes, std::int64_t first,
                            std::int64_t last) {
    while (first < last) {
        const std::int64_t count = std::min(last - first, layout.contiguous_from(first));
        const std::int64_t begin = layout.byte(first);
        const std::int64_t end = begin + count * layout.element_bytes();
        add(begin / word_bytes, (end + word_bytes - 1) / word_bytes);
        first += count;
    }
}

std::vector<traces::Segment> WordRuns::segments(std::int64_t buffer_word) const {
    std::vector<traces::Segment> result;
    result.reserve(runs_.size());
    for (const Run& run : runs_) {
        result.push_back({run.first, buffer_word, run.last - run.first});
        buffer_word += run.last - run.first;
    }
    return result;
}

WordRuns::Mark WordRuns::mark() const {
    return {runs_.size(), runs_.empty() ? 0 : runs_.back().last, words_};
}

void WordRuns::undo(const Mark& mark) {
    runs_.resize(mark.runs);
    if (!runs_.empty()) {
        runs_.back().last = mark.last;
    }
    words_ = mark.words;
}

}  // namespace fluence::dataflow
