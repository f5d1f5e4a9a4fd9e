#include "sim/accel/sum_port.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

namespace fluence::accel {

SumPort::SumPort(const Script& script, WordAccess& sums)
    : script_(script),
      sums_(sums),
      cols_(script.array.cols()),
      lanes_(script.array.output_stationary() ? script.array.rows() * cols_ : cols_),
      decode_(script.decode(Memory::output_buffer)),
      in_word_(sums.word_bytes() / 4),
      latches_(static_cast<std::size_t>(lanes_) * (static_cast<std::size_t>(decode_) + 1)),
      contents_(static_cast<std::size_t>(script.workload.config.output_buffer.size.count() / 4)) {}

SumPort::OldSum& SumPort::latch(Cycle handed_over, int row, int col) {
    return latches_[static_cast<std::size_t>(handed_over % (decode_ + 1) * lanes_ + row * cols_ + col)];
}

SumPort::Place SumPort::place(std::int64_t step, int row, int col) const {
    return script_.array.weight_stationary()  ? Place{step, col}
           : script_.array.input_stationary() ? Place{col, step}
                                              : Place{row, col};
}

// A hand-over's cycle is linear in row, column and step, so the corners bound it.
SumPort::Span SumPort::span(const traces::Fold& fold) const {
    const dataflow::SpaceTimeMap& map = script_.array;
    Span span{std::numeric_limits<Cycle>::max(), 0};
    for (const std::int64_t step : {std::int64_t{0}, map.steps(fold) - 1}) {
        for (const int row : {0, map.rows() - 1}) {
            for (const int col : {0, cols_ - 1}) {
                const Cycle u = map.accumulate_cycle(fold, step, row, col);
                span = {std::min(span.first, u), std::max(span.last, u)};
            }
        }
    }
    return span;
}

void SumPort::read(Cycle t) {
    const Cycle u = t + decode_;
    window_.advance(
        script_, u, [&](const traces::Fold& f) { return span(f).first; },
        [&](const traces::Fold& f) { return span(f).last; });
    for (std::int32_t i = window_.first(); i < window_.last(); ++i) {
        const traces::Fold& fold = script_.fold(i);
        if (fold.k_fold == 0) {
            continue;
        }
        if (script_.array.output_stationary()) {
            read_staying(fold, u);
        } else {
            read_moving(fold, u);
        }
    }
}

void SumPort::read_moving(const traces::Fold& fold, Cycle u) {
    const std::int64_t first = u - script_.array.accumulate_cycle(fold, 0, 0, 0);  // column 0's step
    const std::int64_t steps = script_.array.steps(fold);
    const auto begin = static_cast<int>(std::max<std::int64_t>(0, first - steps + 1));
    const auto end = static_cast<int>(std::min<std::int64_t>(fold.used_cols, first + 1));
    for (int c = begin; c < end; ++c) {
        read_old(fold, u, 0, c, first - c);
    }
}

void SumPort::read_staying(const traces::Fold& fold, Cycle u) {
    const dataflow::SpaceTimeMap& map = script_.array;
    const Cycle origin = map.accumulate_cycle(fold, 0, 0, 0);
    const Cycle a_row = map.accumulate_cycle(fold, 0, 1, 0) - origin;
    const Cycle a_column = map.accumulate_cycle(fold, 0, 0, 1) - origin;  // 1 or −1
    for (int r = 0; r < fold.used_rows; ++r) {
        const Cycle c = (u - origin - r * a_row) * a_column;
        if (c >= 0 && c < fold.used_cols) {
            read_old(fold, u, r, static_cast<int>(c), map.steps(fold) - 1);
        }
    }
}

void SumPort::read_old(const traces::Fold& fold, Cycle u, int row, int col, std::int64_t step) {
    const Place at = place(step, row, col);
    const std::int64_t accumulator = fold.accumulator_of(fold.first_pixel + at.m, fold.first_n + at.n);
    latch(u, row, col) = {accumulator, read_sum(accumulator)};
}

void SumPort::take(Cycle t, std::int32_t index, std::int64_t step, int row, int col, std::int32_t sum) {
    const traces::Fold& fold = script_.fold(index);
    const Place at = place(step, row, col);
    if (at.m < 0 || at.m >= fold.pixels || at.n < 0 || at.n >= fold.channels) {
        return;  // an unused row or column
    }
    const std::int64_t accumulator = fold.accumulator_of(fold.first_pixel + at.m, fold.first_n + at.n);
    std::uint32_t old = 0;
    if (fold.k_fold > 0) {
        const OldSum& read = latch(t - 1, row, col);
        old = read.accumulator == accumulator ? read.value : read_sum(accumulator);
    }
    write_sum(accumulator, old + static_cast<std::uint32_t>(sum));
    contents_[static_cast<std::size_t>(accumulator)] = {index, fold.first_pixel + at.m, fold.first_n + at.n};
}

std::uint32_t SumPort::read_sum(std::int64_t accumulator) {
    std::uint32_t value = 0;
    std::memcpy(&value, sums_.read(accumulator / in_word_) + accumulator % in_word_ * 4, 4);
    return value;
}

void SumPort::write_sum(std::int64_t accumulator, std::uint32_t value) {
    std::array<std::uint8_t, kMaxWordBits / 8> word{};
    if (in_word_ > 1) {
        std::memcpy(word.data(), sums_.read(accumulator / in_word_),
                    static_cast<std::size_t>(sums_.word_bytes()));
    }
    std::memcpy(word.data() + accumulator % in_word_ * 4, &value, 4);
    sums_.write(accumulator / in_word_, word.data());
}

}  // namespace fluence::accel
