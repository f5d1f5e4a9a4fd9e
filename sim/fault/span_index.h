// Which runs of consecutive words cover a given word: loads into a buffer, loads from DRAM, stores, blocks
// of accumulators.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace fluence::fault {

// Built once by add() and finish(). A lookup visits the spans of one page of kPageWords words in the order
// in which they were added; memory grows with spans and pages, not with words.
class SpanIndex {
  public:
    struct Span {
        std::int64_t first = 0, count = 0;
        std::int32_t item = 0;     // what the span belongs to (a load, a store, a block)
        std::int64_t offset = 0;   // position of `first` inside the item
        std::int64_t partner = 0;  // where the item's other side lies (the DRAM word of a buffer word)
    };

    void add(const Span& span) { spans_.push_back(span); }
    void finish();

    // Calls visit(span) for every span that covers `word`.
    template <class Visit>
    void for_each(std::int64_t word, Visit visit) const {
        const auto page = static_cast<std::size_t>(word / kPageWords);
        if (word < 0 || page + 1 >= page_begin_.size()) {
            return;
        }
        for (std::size_t i = page_begin_[page]; i < page_begin_[page + 1]; ++i) {
            const Span& span = spans_[entries_[i]];
            if (word >= span.first && word < span.first + span.count) {
                visit(span);
            }
        }
    }

  private:
    static constexpr std::int64_t kPageWords = 64;

    std::vector<Span> spans_;
    std::vector<std::size_t> page_begin_;  // into entries_, one more than pages
    std::vector<std::uint32_t> entries_;
};

}  // namespace fluence::fault
