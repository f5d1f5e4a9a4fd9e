#include "sim/fault/array_side.h"

#include <utility>

namespace fluence::fault {

using traces::Fold;

namespace {

// Every register is written anew in the course of so many folds: two banks change roles with every fold, and
// sums that stay leave while the next fold's build up.
constexpr std::int32_t kMemory = 4;

}  // namespace

FoldReach folds_around(const MachineView& machine, Cycle cycle) {
    const std::vector<Fold>& folds = machine.timeline.folds;
    const auto next = std::upper_bound(folds.begin(), folds.end(), cycle,
                                       [](Cycle c, const Fold& f) { return c < enters(f); });
    const auto at = static_cast<std::int32_t>(next - folds.begin()) - 1;
    std::int32_t first = std::max(0, at - kMemory);
    // Folds may be shorter than the way through the array: more of them are on it then.
    const Cycle way = machine.rows + machine.cols;
    while (first > 0 && folds[static_cast<std::size_t>(first - 1)].end + way >= cycle) {
        --first;
    }
    return {first / 2 * 2, std::min(static_cast<std::int32_t>(folds.size()) - 1, at + kMemory)};
}

ArraySide::ArraySide(const MachineView& machine, const FoldSums& sums, const ArraySide* leader)
    : machine_(machine),
      sums_(&sums),
      leader_(leader),
      skewed_inside_(machine.config.array.skew == Skew::internal),
      model_(array::make_array(machine.config.array)) {}

void ArraySide::enqueue(std::int32_t fold) {
    const Fold& f = machine_.fold(fold);
    const bool is_signed = machine_.mac_layer(f.layer).input_format == workloads::NumberFormat::s8;
    model_->enqueue(
        fold, f, is_signed ? array::ActivationCodes::signed_codes : array::ActivationCodes::unsigned_codes);
}

void ArraySide::read_from(const FoldSums& sums) {
    sums_ = &sums;
    struck_.clear();
}

void ArraySide::add(const StruckOperand& operand) {
    struck_.try_emplace(operand.fold, *sums_, machine_.fold(operand.fold)).first->second.add(operand);
}

void ArraySide::edge(Cycle t) {
    read_.clear();
    followed_ = 0;
    model_->edge(t, *this);
}

ArraySide::Values ArraySide::take(ByFold& by_fold, std::int32_t fold) {
    const auto found = by_fold.values.find(fold);
    if (found == by_fold.values.end()) {
        return {};
    }
    Values taken = std::move(found->second);
    by_fold.values.erase(found);
    by_fold.latest = -1;
    return taken;
}

ArraySide::Values& ArraySide::values_of(ByFold& by_fold, std::int32_t fold, std::int64_t size) {
    if (by_fold.latest != fold) {
        by_fold.latest = fold;
        by_fold.of_latest = &by_fold.values[fold];
        if (by_fold.of_latest->empty()) {
            by_fold.of_latest->assign(static_cast<std::size_t>(size), 0);
        }
    }
    return *by_fold.of_latest;
}

void ArraySide::read_last_column(Cycle t, std::int32_t first, std::int32_t last) {
    const dataflow::SpaceTimeMap& map = machine_.array;
    const int col = map.cols() - 1;
    for (std::int32_t id = first; id < last; ++id) {
        const Fold& f = machine_.fold(id);
        for (int r = 0; r < f.used_rows; ++r) {
            const std::int64_t step = t - map.operand_cycle(f, 0, r, col);
            if (step < 0 || step >= map.steps(f)) {
                continue;
            }
            const std::uint32_t bits =
                model_->read(SiteKind::pe_activation, std::int64_t{r} * map.cols() + col);
            const std::int64_t m = map.weight_stationary() ? step : r;
            const std::int64_t k = map.weight_stationary() ? r : step;
            values_of(leaving_, id, f.pixels * f.terms)[static_cast<std::size_t>(m * f.terms + k)] =
                sums_->activation_code(f, bits);
        }
    }
}

std::int32_t ArraySide::activation(std::int32_t fold, std::int64_t m, std::int64_t k) const {
    const Fold& f = machine_.fold(fold);
    if (m < 0 || m >= f.pixels || k < 0 || k >= f.terms) {
        return 0;
    }
    const auto found = struck_.find(fold);
    return found == struck_.end() ? sums_->activation(f, m, k) : found->second.activation_read(m, k);
}

std::int32_t ArraySide::weight(std::int32_t fold, std::int64_t k, std::int64_t n) const {
    const Fold& f = machine_.fold(fold);
    if (n < 0 || n >= f.channels || k < 0 || k >= f.terms) {
        return 0;
    }
    const auto found = struck_.find(fold);
    return found == struck_.end() ? sums_->weight(f, k, n) : found->second.weight_read(k, n);
}

template <class Read>
void ArraySide::fill(std::int32_t fold, int first, int last, std::int32_t* values, Read read) {
    const auto count = static_cast<std::size_t>(last - first);
    const bool follows = leader_ != nullptr && struck_.count(fold) == 0;
    for (int lane = first; lane < last; ++lane) {
        values[lane] =
            follows ? leader_->read_[followed_ + static_cast<std::size_t>(lane - first)] : read(lane);
    }
    followed_ += count;
    if (leader_ == nullptr) {
        read_.insert(read_.end(), values + first, values + last);
    }
}

void ArraySide::row_operands(std::int32_t fold, std::int64_t step, int first, int last,
                             std::int32_t* values) {
    const dataflow::SpaceTimeMap& map = machine_.array;
    fill(fold, first, last, values, [&](int r) {
        const std::int64_t t = skewed_inside_ ? step : step - r;
        return map.weight_stationary()  ? activation(fold, t, r)
               : map.input_stationary() ? weight(fold, r, t)
                                        : activation(fold, r, t);
    });
}

void ArraySide::column_operands(std::int32_t fold, std::int64_t step, int first, int last,
                                std::int32_t* values) {
    fill(fold, first, last, values, [&](int c) { return weight(fold, skewed_inside_ ? step : step - c, c); });
}

void ArraySide::stationary_row(std::int32_t fold, int row, std::int32_t* values) {
    fill(fold, 0, machine_.array.cols(), values, [&](int c) {
        return machine_.array.input_stationary() ? activation(fold, c, row) : weight(fold, row, c);
    });
}

void ArraySide::result(std::int32_t fold, std::int64_t step, int row, int col, std::int32_t sum) {
    const Fold& f = machine_.fold(fold);
    const bool weights_stay = machine_.array.weight_stationary();
    const std::int64_t m = weights_stay ? step : machine_.array.input_stationary() ? col : row;
    const std::int64_t n = machine_.array.input_stationary() ? step : col;
    if (m < f.pixels && n < f.channels) {
        values_of(sums_of_, fold, f.pixels * f.channels)[static_cast<std::size_t>(m * f.channels + n)] = sum;
    }
}

StruckFold::Deltas sum_changes(const Fold& fold, const ArraySide::Values& right,
                               const ArraySide::Values& wrong) {
    StruckFold::Deltas deltas;
    for (std::size_t i = 0; i < wrong.size(); ++i) {
        const std::uint32_t delta =
            static_cast<std::uint32_t>(wrong[i]) - static_cast<std::uint32_t>(right[i]);
        if (delta != 0) {
            const auto at = static_cast<std::int64_t>(i);
            deltas.push_back({{at / fold.channels, at % fold.channels}, delta});
        }
    }
    return deltas;
}

StruckFold::RowChanges row_changes(const Fold& fold, const ArraySide::Values& right,
                                   const ArraySide::Values& wrong) {
    StruckFold::RowChanges changes;
    for (std::size_t i = 0; i < wrong.size(); ++i) {
        if (wrong[i] != right[i]) {
            const auto at = static_cast<std::int64_t>(i);
            changes[{at / fold.terms, at % fold.terms}] = std::int64_t{wrong[i]} - right[i];
        }
    }
    return changes;
}

}  // namespace fluence::fault
