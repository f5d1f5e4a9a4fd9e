#include "sim/fault/span_index.h"

#include <algorithm>

namespace fluence::fault {

void SpanIndex::finish() {
    std::int64_t end = 0;
    for (const Span& span : spans_) {
        end = std::max(end, span.first + span.count);
    }
    const auto pages = static_cast<std::size_t>((end + kPageWords - 1) / kPageWords);
    const auto for_each_page = [](const Span& span, auto visit) {
        if (span.count > 0) {
            for (std::int64_t p = span.first / kPageWords; p <= (span.first + span.count - 1) / kPageWords;
                 ++p) {
                visit(static_cast<std::size_t>(p));
            }
        }
    };
    // Counting sort by page keeps the order of addition.
    page_begin_.assign(pages + 1, 0);
    for (const Span& span : spans_) {
        for_each_page(span, [this](std::size_t page) { ++page_begin_[page + 1]; });
    }
    for (std::size_t p = 0; p < pages; ++p) {
        page_begin_[p + 1] += page_begin_[p];
    }
    entries_.resize(page_begin_[pages]);
    std::vector<std::size_t> next = page_begin_;
    for (std::size_t i = 0; i < spans_.size(); ++i) {
        for_each_page(spans_[i],
                      [&](std::size_t page) { entries_[next[page]++] = static_cast<std::uint32_t>(i); });
    }
}

}  // namespace fluence::fault
