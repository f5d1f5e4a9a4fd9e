#include "sim/fault/stepped_array.h"

#include <algorithm>

#include "sim/dataflow/registers.h"

namespace fluence::fault {

using traces::Fold;

namespace {

// Every register is written anew in the course of so many folds: two banks change roles with every fold, and
// sums that stay leave while the next fold's build up.
constexpr std::int32_t kMemory = 4;
// How often registers are compared, in edges.
constexpr Cycle kComparison = 64;

Cycle enters(const Fold& f) {
    return std::min(f.preload, f.stream);
}

}  // namespace

// One array with its feeders, and the sums that it hands over.
class SteppedArray::Side : public array::Boundary {
  public:
    Side(const MachineView& machine, const FoldSums& sums)
        : machine_(machine), sums_(sums), model_(array::make_array(machine.config.array)) {}

    array::ArrayModel& model() { return *model_; }

    void enqueue(std::int32_t id) {
        const Fold& f = machine_.fold(id);
        const bool is_signed = machine_.mac_layer(f.layer).input_format == workloads::NumberFormat::s8;
        model_->enqueue(
            id, f, is_signed ? array::ActivationCodes::signed_codes : array::ActivationCodes::unsigned_codes);
    }
    // What is wrong in the buffers.
    void add(const StruckOperand& operand) {
        struck_.try_emplace(operand.fold, sums_, machine_.fold(operand.fold)).first->second.add(operand);
    }
    void edge(Cycle t) { model_->edge(t, *this); }

    // What leaves the last column in cycle t, for the checksum column.
    void read_last_column(Cycle t, std::int32_t first, std::int32_t last) {
        const dataflow::SpaceTimeMap& map = machine_.array;
        for (std::int32_t id = first; id < last; ++id) {
            const Fold& f = machine_.fold(id);
            for (int r = 0; r < f.used_rows; ++r) {
                const std::int64_t step = t - map.operand_cycle(f, 0, r, map.cols() - 1);
                if (step >= 0 && step < map.steps(f)) {
                    const std::uint32_t bits =
                        model_->read(SiteKind::pe_activation, std::int64_t{r} * map.cols() + map.cols() - 1);
                    const bool weights_stay = map.weight_stationary();
                    leaving_[id][{weights_stay ? step : r, weights_stay ? r : step}] =
                        sums_.activation_code(f, bits);
                }
            }
        }
    }
    const std::map<std::int32_t, StruckFold::RowChanges>& leaving() const { return leaving_; }

    // By fold and (m, n).
    using Sums = std::map<std::pair<std::int64_t, std::int64_t>, std::int32_t>;
    const std::map<std::int32_t, Sums>& results() const { return results_; }

  private:
    std::int32_t activation(std::int32_t id, std::int64_t m, std::int64_t k) const {
        const Fold& f = machine_.fold(id);
        if (m < 0 || m >= f.pixels || k < 0 || k >= f.terms) {
            return 0;
        }
        const auto found = struck_.find(id);
        return found == struck_.end() ? sums_.activation(f, m, k) : found->second.activation_read(m, k);
    }
    std::int32_t weight(std::int32_t id, std::int64_t k, std::int64_t n) const {
        const Fold& f = machine_.fold(id);
        if (n < 0 || n >= f.channels || k < 0 || k >= f.terms) {
            return 0;
        }
        const auto found = struck_.find(id);
        return found == struck_.end() ? sums_.weight(f, k, n) : found->second.weight_read(k, n);
    }

    void row_operands(std::int32_t fold, std::int64_t step, int first, int last,
                      std::int32_t* values) override {
        for (int r = first; r < last; ++r) {
            values[r] = machine_.array.weight_stationary()  ? activation(fold, step - r, r)
                        : machine_.array.input_stationary() ? weight(fold, r, step - r)
                                                            : activation(fold, r, step - r);
        }
    }
    void column_operands(std::int32_t fold, std::int64_t step, int first, int last,
                         std::int32_t* values) override {
        for (int c = first; c < last; ++c) {
            values[c] = weight(fold, step - c, c);
        }
    }
    void stationary_row(std::int32_t fold, int row, std::int32_t* values) override {
        for (int c = 0; c < machine_.array.cols(); ++c) {
            values[c] = machine_.array.input_stationary() ? activation(fold, c, row) : weight(fold, row, c);
        }
    }
    void result(std::int32_t fold, std::int64_t step, int row, int col, std::int32_t sum) override {
        const Fold& f = machine_.fold(fold);
        const bool weights_stay = machine_.array.weight_stationary();
        const std::int64_t m = weights_stay ? step : machine_.array.input_stationary() ? col : row;
        const std::int64_t n = machine_.array.input_stationary() ? step : col;
        if (m < f.pixels && n < f.channels) {
            results_[fold][{m, n}] = sum;
        }
    }

    const MachineView& machine_;
    const FoldSums& sums_;
    std::unique_ptr<array::ArrayModel> model_;
    std::map<std::int32_t, StruckFold> struck_;
    std::map<std::int32_t, Sums> results_;
    std::map<std::int32_t, StruckFold::RowChanges> leaving_;  // by fold and (m, k)
};

SteppedArray::Window SteppedArray::window(const StruckRegister& struck) const {
    const std::vector<Fold>& folds = machine_.timeline.folds;
    const auto next = std::upper_bound(folds.begin(), folds.end(), struck.cycle,
                                       [](Cycle cycle, const Fold& f) { return cycle < enters(f); });
    const auto at = static_cast<std::int32_t>(next - folds.begin()) - 1;
    std::int32_t first = std::max(0, at - kMemory);
    // Folds may be shorter than the way through the array: more of them are on it then.
    const Cycle way = machine_.rows + machine_.cols;
    while (first > 0 && folds[static_cast<std::size_t>(first - 1)].end + way >= struck.cycle) {
        --first;
    }
    // Banks change roles with every fold, beginning with the first one.
    return {first / 2 * 2, std::min(static_cast<std::int32_t>(folds.size()) - 1, at + kMemory), {struck}};
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

StruckFold::Deltas SteppedArray::sum_changes(const Side& right, const Side& wrong, std::int32_t id) {
    StruckFold::Deltas deltas;
    const auto found = wrong.results().find(id);
    if (found != wrong.results().end()) {
        const Side::Sums& expected = right.results().at(id);
        for (const auto& [at, sum] : found->second) {
            const std::uint32_t delta =
                static_cast<std::uint32_t>(sum) - static_cast<std::uint32_t>(expected.at(at));
            if (delta != 0) {
                deltas[at] = delta;
            }
        }
    }
    return deltas;
}

StruckFold::RowChanges SteppedArray::row_changes(const Side& right, const Side& wrong, std::int32_t id) {
    StruckFold::RowChanges changes;
    const auto found = wrong.leaving().find(id);
    if (found != wrong.leaving().end()) {
        for (const auto& [at, code] : found->second) {
            const std::int64_t change = code - right.leaving().at(id).at(at);
            if (change != 0) {
                changes[at] = change;
            }
        }
    }
    return changes;
}

void SteppedArray::step(const Window& window, std::int32_t last, LayerId layer, const FoldSums& sums,
                        const std::vector<StruckLayer>& struck, LayerChanges& changes,
                        Resolution& result) const {
    Side right(machine_, sums);
    Side wrong(machine_, sums);
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
            changes.replace(id, sum_changes(right, wrong, id), row_changes(right, wrong, id));
        }
    }
}

}  // namespace fluence::fault
