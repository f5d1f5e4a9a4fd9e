#include "sim/array/travelling_array.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "sim/array/bank_of.h"

namespace fluence::array {

using traces::SiteKind;

TravellingArray::TravellingArray(const ArrayConfig& config)
    : map_(config),
      rows_(config.rows),
      cols_(config.cols),
      raw_codes_(config.operand_bits == 8),
      still_(config.rows + config.cols + 2) {}

void TravellingArray::enqueue(std::int32_t fold, const traces::Fold& times, ActivationCodes activations) {
    if (!folds_.empty() && fold <= folds_.back().fold) {
        throw std::logic_error("folds enter the array in the order of their numbers");
    }
    Work work;
    work.fold = fold;
    work.times = times;
    work.steps = map_.steps(times);
    work.phase = phase_;
    work.unsigned_activations = raw_codes_ && activations == ActivationCodes::unsigned_codes;
    work.preload = times.preload;
    work.stream = times.stream;
    work.flush = times.stream + work.steps;
    work.last = map_.accumulate_cycle(times, work.steps - 1, 0, cols_ - 1);
    phase_ = 1 - phase_;
    folds_.push_back(work);
}

void TravellingArray::edge(Cycle t, Boundary& boundary) {
    for (const Work& work : folds_) {
        hand_over(work, t - 1, boundary);
    }
    while (!folds_.empty() && folds_.front().last < t) {
        folds_.pop_front();
    }
    ++still_;
    for (const Work& work : folds_) {
        if (work.preload <= t) {
            newest_unsigned_ = work.unsigned_activations;
            // The last wires it uses are those of the last row or column, at most a flush behind the stream.
            still_ = t < work.flush + rows_ + cols_ ? 0 : still_;
        }
    }
    now_ = t;
    move(t, boundary);
}

// Nothing moves any more once whatever entered last, or was struck last, has passed every row and column.
bool TravellingArray::idle() const {
    return still_ >= rows_ + cols_ + 2 && (folds_.empty() || folds_.front().preload > now_);
}

void TravellingArray::sample_rows(Cycle t, Boundary& boundary, std::vector<std::int32_t>& lanes) const {
    sample(&Boundary::row_operands, t, boundary, lanes);
}

void TravellingArray::sample_columns(Cycle t, Boundary& boundary, std::vector<std::int32_t>& lanes) const {
    sample(&Boundary::column_operands, t, boundary, lanes);
}

void TravellingArray::sample(Operands operands, Cycle t, Boundary& boundary,
                             std::vector<std::int32_t>& lanes) const {
    std::fill(lanes.begin(), lanes.end(), 0);
    const auto count = static_cast<std::int64_t>(lanes.size());
    for (const Work& work : folds_) {
        const std::int64_t step = t - work.stream;
        const std::int64_t first = std::clamp<std::int64_t>(step - work.steps + 1, 0, count);
        const std::int64_t end = std::clamp<std::int64_t>(step + 1, 0, count);
        if (first < end) {
            (boundary.*operands)(work.fold, step, static_cast<int>(first), static_cast<int>(end),
                                 lanes.data());
        }
    }
}

std::uint32_t TravellingArray::read(SiteKind kind, std::int64_t unit) const {
    const TravellingBank& from = bank_of(banks_, kind, unit);
    return static_cast<std::uint32_t>(from.word(unit)) & from.mask();
}

void TravellingArray::flip(SiteKind kind, std::int64_t unit, std::uint32_t mask) {
    const TravellingBank& from = bank_of(banks_, kind, unit);
    if ((mask & ~from.mask()) != 0) {
        throw std::out_of_range(std::string(name_of(kind)) + ": bits beyond the register's");
    }
    const std::uint32_t raw = read(kind, unit) ^ mask;
    const auto code = static_cast<std::int32_t>(raw);
    const bool as_it_is = from.holds == TravellingBank::Holds::control || reads_unsigned(from, unit);
    from.word(unit) = as_it_is ? code : sign_extended(code, from.bits);
    still_ = 0;
}

// Whether the code in a register is unsigned: as the fold to which it belongs says.
bool TravellingArray::reads_unsigned(const TravellingBank& bank, std::int64_t unit) const {
    if (bank.holds == TravellingBank::Holds::moving_activations) {
        const Cycle diagonal = unit / bank.cols + unit % bank.cols;
        for (const Work& work : folds_) {
            const std::int64_t step = now_ - work.stream - diagonal;
            if (step >= 0 && step < work.steps) {
                return work.unsigned_activations;
            }
        }
    }
    const bool activations = bank.holds == TravellingBank::Holds::moving_activations ||
                             bank.holds == TravellingBank::Holds::kept_activations;
    return activations && newest_unsigned_;
}

}  // namespace fluence::array
