#include "sim/fault/held_registers.h"

#include <algorithm>
#include <limits>

#include "sim/dataflow/registers.h"
#include "sim/protect/ppe.h"
#include "sim/protect/register_code.h"

namespace fluence::fault {

using traces::Fold;

void HeldRegisters::hold(const HeldBits& held) {
    const ArrayConfig& array = machine_.config.array;
    Forced forced;
    static_cast<HeldBits&>(forced) = held;
    forced.bits = dataflow::register_bank(array, held.site)->bits;
    if (const auto role = dataflow::register_role(array, held.site)) {
        const std::int64_t column = dataflow::first_column_served(array, held.site, held.unit);
        forced.coded = protect::register_part(machine_.policy, *role, column, array.cols).code != "none";
    }
    held_.push_back(forced);
}

void HeldRegisters::finish() {
    if (!any()) {
        return;
    }
    const auto by_cycle = [](Cycle a, Cycle b) { return a < b; };
    std::stable_sort(held_.begin(), held_.end(),
                     [&](const Forced& a, const Forced& b) { return by_cycle(a.from, b.from); });
    std::stable_sort(struck_.begin(), struck_.end(), [&](const StruckRegister& a, const StruckRegister& b) {
        return by_cycle(a.cycle, b.cycle);
    });
    next_ = struck_.empty() ? held_[0].from : std::min(held_[0].from, struck_[0].cycle);
    // A code looks at what registers hold while no fold uses them, too: all of it from the beginning.
    coded_ = std::any_of(held_.begin(), held_.end(), [](const Forced& f) { return f.coded; });
    if (coded_ || machine_.timeline.folds.empty()) {
        next_ = 0;
        return;
    }
    entering_ = leaving_ = first_ = folds_around(machine_, next_).first;
    next_ = std::min(next_, enters(machine_.fold(first_)));
}

std::vector<LayerId> HeldRegisters::layers() const {
    std::vector<LayerId> layers;
    for (auto id = static_cast<std::size_t>(first_); any() && id < machine_.timeline.folds.size(); ++id) {
        const LayerId layer = machine_.timeline.folds[id].layer;
        if (layers.empty() || layers.back() != layer) {
            layers.push_back(layer);
        }
    }
    return layers;
}

void HeldRegisters::read_from(const FoldSums& sums) {
    if (right_ == nullptr) {
        right_ = std::make_unique<ArraySide>(machine_, sums);
        wrong_ = std::make_unique<ArraySide>(machine_, sums, right_.get());
    }
    right_->read_from(sums);
    wrong_->read_from(sums);
}

void HeldRegisters::end_run(const FoldSums& sums, Verdicts& verdicts) {
    if (coded_) {
        read_from(sums);
        step_to(machine_.timeline.cycles - 1, verdicts);
    }
}

void HeldRegisters::evaluate(LayerId layer, const FoldSums& sums, const std::vector<StruckLayer>& struck,
                             LayerChanges& changes, Verdicts& verdicts) {
    if (!any() || aborted_) {
        return;
    }
    read_from(sums);
    for (const StruckLayer& other : struck) {
        for (const StruckOperand& operand : other.operands) {
            if (operand.fold >= leaving_) {
                wrong_->add(operand);
            }
        }
    }
    std::vector<std::int32_t> folds;
    Cycle end = 0;
    for (auto id = first_; id < static_cast<std::int32_t>(machine_.timeline.folds.size()); ++id) {
        if (machine_.fold(id).layer == layer) {
            folds.push_back(id);
            end = std::max(end, machine_.fold(id).end + 1);
        }
    }
    step_to(end, verdicts);
    for (const std::int32_t id : folds) {
        const Fold& f = machine_.fold(id);
        changes.replace(id, sum_changes(f, right_->take_sums(id), wrong_->take_sums(id)),
                        row_changes(f, right_->take_leaving(id), wrong_->take_leaving(id)));
    }
}

void HeldRegisters::step_to(Cycle last, Verdicts& verdicts) {
    for (; next_ <= last && !aborted_; ++next_) {
        // Nothing moves until a fold enters or an upset strikes, and what is held has been forced.
        if (!coded_ && right_->model().idle() && wrong_->model().idle()) {
            next_ = std::max(next_, std::min(next_event(), last));
        }
        step(next_, verdicts);
    }
}

Cycle HeldRegisters::next_event() const {
    Cycle next = entering_ < static_cast<std::int32_t>(machine_.timeline.folds.size())
                     ? enters(machine_.fold(entering_))
                     : std::numeric_limits<Cycle>::max();
    next = strike_ < struck_.size() ? std::min(next, struck_[strike_].cycle) : next;
    const auto held = std::find_if(held_.begin(), held_.end(),
                                   [this](const Forced& forced) { return forced.from >= next_; });
    return held == held_.end() ? next : std::min(next, held->from);
}

void HeldRegisters::step(Cycle t, Verdicts& verdicts) {
    const auto count = static_cast<std::int32_t>(machine_.timeline.folds.size());
    for (; entering_ < count && enters(machine_.fold(entering_)) <= t; ++entering_) {
        right_->enqueue(entering_);
        wrong_->enqueue(entering_);
    }
    right_->edge(t);
    wrong_->edge(t);
    for (; strike_ < struck_.size() && struck_[strike_].cycle <= t; ++strike_) {
        const StruckRegister& struck = struck_[strike_];
        wrong_->model().flip(struck.site, struck.unit, struck.mask);
    }
    for (Forced& held : held_) {
        if (held.from <= t) {
            force(held, t, verdicts);
        }
    }
    while (leaving_ < entering_ && machine_.fold(leaving_).end < t) {
        ++leaving_;
    }
    if (machine_.policy.checksum) {
        right_->read_last_column(t, leaving_, entering_);
        wrong_->read_last_column(t, leaving_, entering_);
    }
}

void HeldRegisters::force(Forced& held, Cycle t, Verdicts& verdicts) {
    const std::uint32_t error = (wrong_->model().read(held.site, held.unit) ^ held.value) & held.mask;
    if (error == 0) {
        return;
    }
    const protect::RegisterPart* const part =
        held.coded ? machine_.register_part(held.site, held.unit, t) : nullptr;
    if (part == nullptr) {
        return wrong_->model().flip(held.site, held.unit, error);
    }
    const protect::RegisterVerdict verdict =
        protect::register_code(part->code).judge(WordBits(error), held.bits);
    if (verdict.detected || (verdict.corrected && !held.was_corrected)) {
        verdicts.add({t, verdict.corrected, verdict.detected, false, verdict.detected, 0});
    }
    held.was_corrected = held.was_corrected || verdict.corrected;
    aborted_ = aborted_ || verdict.detected;
    if (!verdict.detected && verdict.residual != 0) {
        wrong_->model().flip(held.site, held.unit, verdict.residual);
    }
}

}  // namespace fluence::fault
