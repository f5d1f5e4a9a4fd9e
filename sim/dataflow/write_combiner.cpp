#include "sim/dataflow/write_combiner.h"

#include <algorithm>

namespace fluence::dataflow {

WriteCombiner::WriteCombiner(const TensorLayout& layout, const Region& region, int word_bytes)
    : layout_(layout),
      first_word_(region.first_word),
      word_bytes_(word_bytes),
      missing_(static_cast<std::size_t>(region.words)) {
    for_each_word(0, layout.elements(), [this](std::int64_t word, std::int32_t bytes) {
        missing_[static_cast<std::size_t>(word - first_word_)] += bytes;
    });
}

template <class Visit>
void WriteCombiner::for_each_word(std::int64_t first, std::int64_t last, Visit visit) const {
    while (first < last) {
        const std::int64_t count = std::min(last - first, layout_.contiguous_from(first));
        std::int64_t byte = layout_.byte(first);
        const std::int64_t end = byte + count * layout_.element_bytes();
        while (byte < end) {
            const std::int64_t word = byte / word_bytes_;
            const std::int64_t next = std::min(end, (word + 1) * word_bytes_);
            visit(word, static_cast<std::int32_t>(next - byte));
            byte = next;
        }
        first += count;
    }
}

void WriteCombiner::produce(std::int64_t first, std::int64_t last) {
    for_each_word(first, last, [this](std::int64_t word, std::int32_t bytes) {
        std::int32_t& missing = missing_[static_cast<std::size_t>(word - first_word_)];
        missing -= bytes;
        if (missing == 0) {
            complete_.push_back(word);
        }
    });
}

WordRuns WriteCombiner::take_complete() {
    std::sort(complete_.begin(), complete_.end());
    WordRuns runs;
    for (const std::int64_t word : complete_) {
        runs.add(word, word + 1);
    }
    complete_.clear();
    return runs;
}

}  // namespace fluence::dataflow
