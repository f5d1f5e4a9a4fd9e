#include "sim/fault/stepped_array.h"

#include <algorithm>

#include "sim/dataflow/registers.h"
#include "sim/fault/array_side.h"

namespace fluence::fault {

using traces::Fold;

namespace {

// How often registers are compared, in edges.
constexpr Cycle kComparison = 64;

}  // namespace

SteppedArray::Window SteppedArray::window(const StruckRegister& struck) const {
    const FoldReach reach = folds_around(machine_, struck.cycle);
    return {reach.first, reach.last, {struck}};
}

void SteppedArray::finish() {
    std::stable_sort(struck_.begin(), struck_.end(),
                     [](const StruckRegister& a, const StruckRegister& b) { return a.cycle < b.cycle; });
    for (const StruckRegister& struck : struck_) {
        const Window next = window(struck);
        if (!windows_.empty() && next.first <= windows_.back().last) {
            windows_.back().last = std::max(windows_.back().last, next.last);
            windows_.back().struck.push_back(struck);
        } else {
            windows_.push_back(next);
        }
    }
}

std::vector<LayerId> SteppedArray::layers() const {
    std::vector<LayerId> layers;
    for (const Window& window : windows_) {
        for (std::int32_t id = window.first; id <= window.last; ++id) {
            layers.push_back(machine_.fold(id).layer);
        }
    }
    return layers;
}

void SteppedArray::evaluate(LayerId layer, const FoldSums& sums, const std::vector<StruckLayer>& struck,
                            LayerChanges& changes, Resolution& result) const {
    for (const Window& window : windows_) {
        std::int32_t last = window.last;
        while (last >= window.first && machine_.fold(last).layer != layer) {
            --last;
        }
        if (last >= window.first) {
            step(window, last, layer, sums, struck, changes, result);
        }
    }
}

bool SteppedArray::same_registers(const array::ArrayModel& a, const array::ArrayModel& b) const {
    for (const dataflow::RegisterBank& bank : dataflow::register_banks(machine_.config.array)) {
        for (std::int64_t unit = 0; unit < bank.units; ++unit) {
            if (a.read(bank.kind, unit) != b.read(bank.kind, unit)) {
                return false;
            }
        }
    }
    return true;
}

void SteppedArray::step(const Window& window, std::int32_t last, LayerId layer, const FoldSums& sums,
                        const std::vector<StruckLayer>& struck, LayerChanges& changes,
                        Resolution& result) const {
    ArraySide right(machine_, sums);
    ArraySide wrong(machine_, sums, &right);
    // Whatever enters while these folds' sums are still inside may meet them.
    // (A fold of few columns may end in front of the one before it.)
    Cycle end = 0;
    for (std::int32_t id = window.first; id <= last; ++id) {
        end = std::max(end, machine_.fold(id).end + 1);
    }
    while (last < window.last && enters(machine_.fold(last + 1)) <= end) {
        ++last;
    }
    for (std::int32_t id = window.first; id <= last; ++id) {
        right.enqueue(id);
        wrong.enqueue(id);
    }
    for (const StruckLayer& other : struck) {
        for (const StruckOperand& operand : other.operands) {
            if (operand.fold >= window.first && operand.fold <= last) {
                wrong.add(operand);
            }
        }
    }
    std::int32_t entering = window.first;
    auto strike = window.struck.begin();
    for (Cycle t = std::min(enters(machine_.fold(window.first)), strike->cycle); t <= end; ++t) {
        while (entering <= last && enters(machine_.fold(entering)) < t) {
            ++entering;
        }
        if (right.model().idle() && wrong.model().idle()) {
            // Nothing moves until a fold enters or a register is struck.
            Cycle next = entering <= last ? enters(machine_.fold(entering)) : end;
            next = strike != window.struck.end() ? std::min(next, strike->cycle) : next;
            t = std::max(t, next);
        }
        right.edge(t);
        wrong.edge(t);
        for (; strike != window.struck.end() && strike->cycle <= t; ++strike) {
            if (!joint_) {
                result.golden_bits = right.model().read(strike->site, strike->unit);
                result.faulty_bits = result.golden_bits ^ strike->mask;
                const std::int32_t busy = machine_.last_streaming(strike->cycle);
                if (busy >= 0 && strike->cycle < machine_.fold(busy).end) {
                    result.layer = static_cast<std::int32_t>(machine_.fold(busy).layer);
                }
            }
            wrong.model().flip(strike->site, strike->unit, strike->mask);
        }
        if (machine_.policy.checksum) {
            right.read_last_column(t, window.first, std::min(entering, last) + 1);
            wrong.read_last_column(t, window.first, std::min(entering, last) + 1);
        }
        if (!joint_ && strike == window.struck.end() && t % kComparison == 0 &&
            same_registers(right.model(), wrong.model())) {
            break;
        }
    }
    for (std::int32_t id = window.first; id <= last; ++id) {
        // A run that ended early may have seen what leaves a fold, and none of its sums.
        if (machine_.fold(id).layer == layer) {
            const Fold& f = machine_.fold(id);
            changes.replace(id, sum_changes(f, right.take_sums(id), wrong.take_sums(id)),
                            row_changes(f, right.take_leaving(id), wrong.take_leaving(id)));
        }
    }
}

}  // namespace fluence::fault
