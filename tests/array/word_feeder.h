// Feeds a sequence's operands to an array of words and keeps the results with their cycles.
#pragma once

#include <algorithm>
#include <cstdint>
#include <ostream>
#include <tuple>
#include <vector>

#include "sim/array/word_array.h"
#include "tests/array/fold_sequence.h"

namespace fluence::test {

struct WordResult {
    Cycle cycle = 0;
    std::int32_t fold = 0;
    std::int64_t step = 0;
    int row = 0, col = 0;
    WideBits sum = 0;

    auto place() const { return std::make_tuple(cycle, fold, step, row, col); }
    friend bool operator==(const WordResult& x, const WordResult& y) {
        return x.place() == y.place() && x.sum == y.sum;
    }
};
inline void PrintTo(const WordResult& result, std::ostream* stream) {
    *stream << "cycle " << result.cycle << " fold " << result.fold << " step " << result.step << " at ("
            << result.row << "," << result.col << "): " << static_cast<std::uint64_t>(result.sum >> 64) << ":"
            << static_cast<std::uint64_t>(result.sum);
}

// A Feeder's operands as words: their low bits.
class WordFeeder : public array::WordBoundary {
  public:
    explicit WordFeeder(const FoldSequence& sequence) : feeder_(sequence), sequence_(sequence) {}

    void row_operands(std::int32_t fold, std::int64_t step, int first, int last,
                      std::uint32_t* values) override {
        as_words(values, first, last,
                 [&](std::int32_t* codes) { feeder_.row_operands(fold, step, first, last, codes); });
    }
    void column_operands(std::int32_t fold, std::int64_t step, int first, int last,
                         std::uint32_t* values) override {
        as_words(values, first, last,
                 [&](std::int32_t* codes) { feeder_.column_operands(fold, step, first, last, codes); });
    }
    void stationary_row(std::int32_t fold, int row, std::uint32_t* values) override {
        as_words(values, 0, sequence_.config.cols,
                 [&](std::int32_t* codes) { feeder_.stationary_row(fold, row, codes); });
    }
    void result(std::int32_t fold, std::int64_t step, int row, int col, WideBits sum) override {
        results_.push_back({edge_ - 1, fold, step, row, col, sum});
    }

    void begin_edge(Cycle t) { edge_ = t; }
    std::vector<WordResult> sorted_results() const {
        std::vector<WordResult> sorted = results_;
        std::sort(sorted.begin(), sorted.end(),
                  [](const WordResult& x, const WordResult& y) { return x.place() < y.place(); });
        return sorted;
    }

  private:
    template <class Ask>
    static void as_words(std::uint32_t* values, int first, int last, const Ask& ask) {
        std::vector<std::int32_t> codes(static_cast<std::size_t>(last));
        ask(codes.data());
        for (int lane = first; lane < last; ++lane) {
            values[lane] = static_cast<std::uint32_t>(codes[static_cast<std::size_t>(lane)]);
        }
    }

    Feeder feeder_;
    const FoldSequence& sequence_;
    Cycle edge_ = 0;
    std::vector<WordResult> results_;
};

}  // namespace fluence::test
