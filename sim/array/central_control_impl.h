// The definitions of central_control.h, for the .cpp files that instantiate it for a kind of PE.
#pragma once

#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "sim/array/central_control.h"

namespace fluence::array {

template <class Pe>
CentralControl<Pe>::CentralControl(const ArrayConfig& config, const Pe& pe, const Reading& at_rest)
    : config_(config),
      map_(config),
      pe_(pe),
      sums_stay_(map_.output_stationary()),
      at_input_(config.operand_register == OperandRegister::input ? 1 : 0),
      sum_delay_(config.multiplier_stages + at_input_),
      stages_(config.accumulator_stages - 1),
      skewed_(config.skew == Skew::internal),
      shifts_out_(sums_stay_ && config.drain == Drain::shift),
      extent_{config.rows, config.cols},
      all_{0, config.rows + config.cols - 2},
      operand_mask_(~std::uint32_t{0} >> (32 - config.operand_bits)),
      registers_(config),
      stationary_values_(static_cast<std::size_t>(config.cols)) {
    working_.push_back(nothing_yet(at_rest));
    const Grid rows = registers_.row_arriving();
    feeds_.push_back({&Boundary::row_operands, rows.at, rows.stride, registers_.row_skew(),
                      std::vector<Operand>(static_cast<std::size_t>(config.rows))});
    if (sums_stay_) {
        feeds_.push_back({&Boundary::column_operands, registers_.column_arriving().at, 1,
                          registers_.column_skew(), stationary_values_});
    }
}

// What the PEs hold in front of the first fold: zeros.
template <class Pe>
typename CentralControl<Pe>::Work CentralControl<Pe>::nothing_yet(const Reading& at_rest) {
    Work work;
    work.fold = -1;
    work.stream = std::numeric_limits<Cycle>::min() / 2;
    work.last = -1;
    work.reading = at_rest;
    return work;
}

template <class Pe>
void CentralControl<Pe>::enqueue(std::int32_t fold, const traces::Fold& times, const Reading& reading) {
    if (fold <= (waiting_.empty() ? working_.back() : waiting_.back()).fold) {
        throw std::logic_error("folds enter the array in the order of their numbers");
    }
    Work work;
    work.fold = fold;
    work.preload = times.preload;
    work.stream = times.stream;
    work.steps = map_.steps(times);
    work.used_rows = times.used_rows;
    work.used_cols = times.used_cols;
    work.reading = reading;
    if (shifts_out_) {
        work.drained = map_.last_copy_edge(times);
        work.last = work.drained + config_.cols;
    } else {
        work.last = map_.accumulate_cycle(times, work.steps - 1, config_.rows - 1, config_.cols - 1) + 1;
    }
    waiting_.push_back(work);
}

// The PEs whose registers `delay` edges behind the operand's own one take a value at edge t.
template <class Pe>
Wave CentralControl<Pe>::wave(const Work& work, Cycle t, int delay) const {
    const std::int64_t last = t - work.stream - delay;
    return {last - work.steps + 1, last};
}

// Those that some step of the fold has reached, and none of the next one: its last fold is what a register
// without an enable belongs to when no step is there.
template <class Pe>
Wave CentralControl<Pe>::reached(std::size_t index, Cycle t, int delay) const {
    const std::int64_t next =
        index + 1 < working_.size() ? t - working_[index + 1].stream - delay : std::int64_t{-1};
    return {next + 1, t - working_[index].stream - delay};
}

// The PEs that take the last step's.
template <class Pe>
Wave CentralControl<Pe>::last_step(const Work& work, Cycle t, int delay) const {
    const std::int64_t diagonal = wave(work, t, delay).first;
    return {diagonal, diagonal};
}

// From the outputs to the inputs, so that every register is read before it takes its new value.
template <class Pe>
void CentralControl<Pe>::edge(Cycle t, Boundary& boundary) {
    now_ = t;
    while (!waiting_.empty() && waiting_.front().preload <= t) {
        const Work& work = waiting_.front();
        // The last operands still have to leave, and their products.
        const Cycle empty = work.stream + work.steps + extent_.rows + extent_.cols - 2 + sum_delay_;
        still_from_ = std::max({still_from_, work.last, empty});
        working_.push_back(work);
        waiting_.pop_front();
    }
    const auto each = [&](const auto& move) {
        for (const Work& work : working_) {
            if (t <= work.last) {
                move(work);
            }
        }
    };
    each([&](const Work& work) { hand_over(work, t - 1, boundary); });
    for (Feed& feed : feeds_) {
        clear_wires(feed);
        each([&](const Work& work) { sample(feed, work, t, boundary); });
    }
    if (sums_stay_) {
        each([&](const Work& work) { drain(work, t); });
        move_stages();
    }
    each([&](const Work& work) { add(work, t); });
    if (config_.multiplier_stages > 0) {
        multiply(t);
    }
    move_operands();
    if (!sums_stay_) {
        each([&](const Work& work) { load_stationary(work, t, boundary); });
    }
    forget(t);
}

template <class Pe>
void CentralControl<Pe>::forget(Cycle t) {
    const Cycle across = extent_.rows + extent_.cols - 2 + at_input_;
    while (working_.size() > 1 && working_.front().last <= t && working_[1].stream + across <= t) {
        working_.erase(working_.begin());
    }
}

// What is inverted in a register without an enable has left the array after so many edges.
template <class Pe>
void CentralControl<Pe>::flip(traces::SiteKind bank, std::int64_t unit, Word mask) {
    registers_.flip(bank, unit, mask);
    const Cycle across = 2 * (extent_.rows + extent_.cols) + sum_delay_ + stages_;
    still_from_ = std::max(still_from_, now_ + across);
}

template <class Pe>
void CentralControl<Pe>::hand_over(const Work& work, Cycle u, Boundary& boundary) {
    if (!sums_stay_) {
        hand_over_moving_sums(work, u, boundary);
    } else if (shifts_out_) {
        hand_over_drained(work, u, boundary);
    } else {
        hand_over_staying_sums(work, u, boundary);
    }
}

// What the last row's sums registers hold in cycle u.
template <class Pe>
void CentralControl<Pe>::hand_over_moving_sums(const Work& work, Cycle u, Boundary& boundary) {
    const int bottom = extent_.rows - 1;
    const Wave arrived = wave(work, u, sum_delay_ + bottom);
    const std::int64_t end = std::min<std::int64_t>(work.used_cols, arrived.last + 1);
    for (std::int64_t c = std::max<std::int64_t>(0, arrived.first); c < end; ++c) {
        const auto col = static_cast<int>(c);
        boundary.result(work.fold, arrived.last - c, 0, col, sum(registers_.sum_below(), bottom, col));
    }
}

template <class Pe>
void CentralControl<Pe>::hand_over_staying_sums(const Work& work, Cycle u, Boundary& boundary) {
    const std::int64_t diagonal = last_step(work, u, sum_delay_ + stages_).first;
    for (int r = 0; r < work.used_rows; ++r) {
        if (diagonal >= r && diagonal - r < work.used_cols) {
            const auto col = static_cast<int>(diagonal - r);
            boundary.result(work.fold, work.steps - 1, r, col, sum(registers_.sum_stage(stages_), r, col));
        }
    }
}

// What the last column's drain registers hold in cycle u.
template <class Pe>
void CentralControl<Pe>::hand_over_drained(const Work& work, Cycle u, Boundary& boundary) {
    const std::int64_t col = work.drained + extent_.cols - 1 - u;
    if (u < work.drained || col < 0 || col >= work.used_cols) {
        return;
    }
    for (int r = 0; r < work.used_rows; ++r) {
        boundary.result(work.fold, work.steps - 1, r, static_cast<int>(col),
                        sum(registers_.drain(), r, extent_.cols - 1));
    }
}

// Where no fold feeds a lane its wire carries zero, or what comes out of the lane's skew registers.
template <class Pe>
void CentralControl<Pe>::clear_wires(Feed& feed) {
    feed.wires[0] = 0;
    for (int lane = 1; lane < feed.lanes(); ++lane) {
        feed.wires[lane * feed.stride] = skewed_ ? feed.skew_lane(lane)[lane - 1] : 0;
    }
    if (skewed_) {
        std::fill(feed.values.begin(), feed.values.end(), 0);
    }
}

// Puts on the wires what the fold feeds at edge t; with skew registers lane 0's, the others' into them.
template <class Pe>
void CentralControl<Pe>::sample(Feed& feed, const Work& work, Cycle t, Boundary& boundary) {
    const std::int64_t step = t - work.stream;
    if (skewed_) {
        if (step >= 0 && step < work.steps) {
            (boundary.*feed.operands)(work.fold, step, 0, feed.lanes(), feed.values.data());
            feed.wires[0] = raw_operand(feed.values[0]);
        }
        return;
    }
    const auto first = static_cast<int>(std::clamp<std::int64_t>(step - work.steps + 1, 0, feed.lanes()));
    const auto end = static_cast<int>(std::clamp<std::int64_t>(step + 1, 0, feed.lanes()));
    if (first == end) {
        return;
    }
    (boundary.*feed.operands)(work.fold, step, first, end, feed.values.data());
    for (int lane = first; lane < end; ++lane) {
        feed.wires[lane * feed.stride] = raw_operand(feed.values[static_cast<std::size_t>(lane)]);
    }
}

// Output stationary, behind the accumulators: from the last copy on the drain registers move to the right,
// and zeros follow.
template <class Pe>
void CentralControl<Pe>::drain(const Work& work, Cycle t) {
    if (!shifts_out_) {
        return;
    }
    const Grid drains = registers_.drain();
    if (t > work.drained && t <= work.drained + extent_.cols) {
        for (int r = 0; r < extent_.rows; ++r) {
            Word* row = drains.at + r * drains.stride;
            std::copy_backward(row, row + extent_.cols - 1, row + extent_.cols);
            row[0] = 0;
        }
    }
    copy(extent_, last_step(work, t, sum_delay_ + stages_ + 1), registers_.sum_stage(stages_), drains);
}

template <class Pe>
void CentralControl<Pe>::move_stages() {
    for (int stage = stages_; stage > 0; --stage) {
        copy(extent_, all_, registers_.sum_stage(stage - 1), registers_.sum_stage(stage));
    }
}

template <class Pe>
typename CentralControl<Pe>::Operands CentralControl<Pe>::operands() {
    const Grid row = at_input_ != 0 ? registers_.row_held() : registers_.row_arriving();
    const Grid column = at_input_ != 0 ? registers_.column_held() : registers_.column_arriving();
    return {row, sums_stay_ ? column : registers_.stationary()};
}

template <class Pe>
void CentralControl<Pe>::add(const Work& work, Cycle t) {
    if (sums_stay_) {
        start_sums(work, t);
    }
    const Wave summing = wave(work, t, sum_delay_);
    if (config_.multiplier_stages > 0) {
        pe_.add(extent_, summing, registers_.product(config_.multiplier_stages), registers_.sum_above(),
                registers_.sum_below());
    } else {
        pe_.multiply_add(extent_, summing, operands(), work.reading, registers_.sum_above(),
                         registers_.sum_below());
    }
    if (!sums_stay_ && at_input_ != 0) {
        // The registers above the first PEs take a fresh zero for every step.
        const Wave zeros = wave(work, t, config_.multiplier_stages);
        const std::int64_t end = std::min<std::int64_t>(extent_.cols, zeros.last + 1);
        for (std::int64_t c = std::max<std::int64_t>(0, zeros.first); c < end; ++c) {
            registers_.sum_above().at[c] = 0;
        }
    }
}

// Accumulators whose first product comes at edge t start from zero.
template <class Pe>
void CentralControl<Pe>::start_sums(const Work& work, Cycle t) {
    const std::int64_t diagonal = wave(work, t, sum_delay_).last;
    const Grid sums = registers_.sum_below();
    for (int r = 0; r < extent_.rows; ++r) {
        if (diagonal >= r && diagonal - r < extent_.cols) {
            sums.at[r * sums.stride + diagonal - r] = 0;
        }
    }
}

// Products come at every edge; only codes are read as the fold says whose step last was in the PE.
template <class Pe>
void CentralControl<Pe>::multiply(Cycle t) {
    for (int stage = config_.multiplier_stages; stage > 1; --stage) {
        copy(extent_, all_, registers_.product(stage - 1), registers_.product(stage));
    }
    for (std::size_t i = 0; i < working_.size(); ++i) {
        pe_.multiply(extent_, reached(i, t, at_input_), operands(), working_[i].reading,
                     registers_.product(1));
    }
}

// All rows in one go: what the last column pushes over its edge lands on a wire, which is spent.
template <class Pe>
void CentralControl<Pe>::move_operands() {
    const auto move = [&](const Grid& from, const Grid& to) {
        const std::ptrdiff_t words = (extent_.rows - 1) * from.stride + extent_.cols;
        std::memmove(to.at, from.at, static_cast<std::size_t>(words) * sizeof(Word));
    };
    move(registers_.row_arriving(), registers_.row_held());
    if (sums_stay_) {
        move(registers_.column_arriving(), registers_.column_held());
    }
    if (skewed_) {
        for (const Feed& feed : feeds_) {
            move_skew(feed);
        }
    }
}

template <class Pe>
void CentralControl<Pe>::move_skew(const Feed& feed) {
    for (int lane = 1; lane < feed.lanes(); ++lane) {
        Word* registers = feed.skew_lane(lane);
        std::copy_backward(registers, registers + lane - 1, registers + lane);
        registers[0] = raw_operand(feed.values[static_cast<std::size_t>(lane)]);
    }
}

// The PEs of one diagonal take their operand from the shadow; the chain moves down by one row.
template <class Pe>
void CentralControl<Pe>::load_stationary(const Work& work, Cycle t, Boundary& boundary) {
    if (config_.shadow_weights) {
        const std::int64_t diagonal = t - work.stream + 1 - at_input_;
        copy(extent_, {diagonal, diagonal}, registers_.shadow(), registers_.stationary());
    }
    const std::int64_t entering = extent_.rows - 1 - (t - work.preload);
    if (t < work.preload || entering < 0) {
        return;
    }
    const Grid chain = config_.shadow_weights ? registers_.shadow() : registers_.stationary();
    std::memmove(chain.at + chain.stride, chain.at,
                 static_cast<std::size_t>((extent_.rows - 1) * chain.stride) * sizeof(Word));
    boundary.stationary_row(work.fold, static_cast<int>(entering), stationary_values_.data());
    std::transform(stationary_values_.begin(), stationary_values_.end(), chain.at,
                   [&](Operand value) { return raw_operand(value); });
}

template <class Pe>
typename Pe::Word CentralControl<Pe>::raw_operand(Operand value) const {
    return static_cast<std::uint32_t>(value) & operand_mask_;
}

template <class Pe>
auto CentralControl<Pe>::sum(const Grid& sums, int r, int c) const {
    return pe_.handed_over(sums.at[r * sums.stride + c]);
}

}  // namespace fluence::array
