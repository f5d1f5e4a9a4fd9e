// Registers of the array: the tables of sim/dataflow/space_time.h read backwards.
#include <algorithm>

#include "sim/campaign/struck_parts.h"
#include "sim/dataflow/im2col.h"
#include "sim/dataflow/registers.h"
#include "sim/dataflow/space_time.h"
#include "sim/fault/bit_change.h"

namespace fluence::campaign {
namespace {

using traces::Fold;
using traces::SiteKind;

class RegisterLookup {
  public:
    RegisterLookup(const RecordedRun& run, StruckSite& site)
        : run_(run),
          site_(site),
          array_(run.config.array),
          memory_(run.graph, run.config, run.orders),
          cycle_(site.upset.cycle),
          mask_(fault::low_32(site.upset.bits)) {}

    void locate();

  private:
    struct Position {
        std::int32_t fold = -1;
        std::int64_t step = 0;
    };

    bool stationary_operand(SiteKind kind) const {
        return (array_.weight_stationary() && kind == SiteKind::pe_weight) ||
               (array_.input_stationary() && kind == SiteKind::pe_activation);
    }
    const Fold& fold(std::int32_t id) const { return run_.timeline.folds[static_cast<std::size_t>(id)]; }
    // The fold, and its step, whose value the register holds: `first` is the cycle of step 0 in the fold.
    template <class First>
    Position streaming(First first) const;
    template <class Edge>
    std::int32_t latest(Edge edge) const;

    void row_operand(std::int64_t row, std::int64_t step_cycle_offset, std::int64_t first_other);
    void column_operand(std::int64_t col, std::int64_t step_cycle_offset, std::int64_t first_row);
    void stationary(bool shadow);
    void chain(std::int32_t id);
    void stationary_value(std::int32_t id, std::int64_t row, std::int64_t first_step);
    void moving_sum();
    void standing_sum(std::int64_t delay);
    void product();
    void drain();
    void skew();

    void operand_value(const Fold& f, bool is_weight, std::int64_t m, std::int64_t k, std::int64_t n);
    void sum_value(HeldKind kind, const Fold& f, std::int64_t m, std::int64_t n, Span k);
    void reads(const Fold& f, Span m, Span k, Span n, Cycle first, Cycle last);
    void at_fold(std::int32_t id);
    int width() const;

    const RecordedRun& run_;
    StruckSite& site_;
    const dataflow::SpaceTimeMap array_;
    const dataflow::MemoryMap memory_;
    const Cycle cycle_;
    const std::uint32_t mask_;
    std::int64_t row_ = 0, col_ = 0;
};

int RegisterLookup::width() const {
    const auto bank = dataflow::register_bank(run_.config.array, site_.upset.site);
    return bank ? bank->bits : 32;
}

void RegisterLookup::at_fold(std::int32_t id) {
    const Fold& f = fold(id);
    site_.fold = id;
    site_.layer = static_cast<std::int32_t>(f.layer);
    site_.phase = cycle_ < f.stream                     ? FoldPhase::preload
                  : cycle_ < f.stream + array_.steps(f) ? FoldPhase::stream
                                                        : FoldPhase::drain;
}

template <class First>
RegisterLookup::Position RegisterLookup::streaming(First first) const {
    const auto count = static_cast<std::int32_t>(run_.timeline.folds.size());
    for (std::int32_t id = 0; id < count; ++id) {
        const std::int64_t step = cycle_ - first(fold(id));
        if (step >= 0 && step < array_.steps(fold(id))) {
            return {id, step};
        }
    }
    return {};
}

template <class Edge>
std::int32_t RegisterLookup::latest(Edge edge) const {
    std::int32_t found = -1;
    Cycle best = 0;
    const auto count = static_cast<std::int32_t>(run_.timeline.folds.size());
    for (std::int32_t id = 0; id < count; ++id) {
        const Cycle at = edge(fold(id));
        if (at <= cycle_ && (found < 0 || at >= best)) {
            found = id;
            best = at;
        }
    }
    return found;
}

void RegisterLookup::reads(const Fold& f, Span m, Span k, Span n, Cycle first, Cycle last) {
    Macs macs;
    macs.layer = static_cast<std::int32_t>(f.layer);
    macs.group = f.group;
    macs.m = m;
    macs.k = k;
    macs.n = n;
    macs.count = m.size() * k.size() * n.size();
    macs.first_cycle = first;
    macs.last_cycle = last;
    add_macs(site_, macs);
}

void RegisterLookup::operand_value(const Fold& f, bool is_weight, std::int64_t m, std::int64_t k,
                                   std::int64_t n) {
    const workloads::Layer& layer = run_.graph.layer(f.layer);
    const dataflow::Im2col im2col(run_.graph, layer);
    HeldValue value;
    value.bits = run_.config.array.operand_bits;
    if (is_weight) {
        value.kind = HeldKind::weight;
        value.owner = static_cast<std::int32_t>(f.layer);
        value.index = memory_.channel(f.layer, f.group, n) * im2col.gemm().k + k;
    } else {
        value.index = im2col.input_element(f.group, m, k);
        value.kind = value.index < 0 ? HeldKind::padding : HeldKind::activation;
        value.owner = static_cast<std::int32_t>(layer.inputs[0]);
    }
    add_value(run_, site_, value, mask_);
}

void RegisterLookup::sum_value(HeldKind kind, const Fold& f, std::int64_t m, std::int64_t n, Span k) {
    const workloads::GemmShape gemm = workloads::gemm_shape(run_.graph, run_.graph.layer(f.layer));
    HeldValue value;
    value.kind = kind;
    value.owner = static_cast<std::int32_t>(f.layer);
    value.index = memory_.channel(f.layer, f.group, n) * gemm.m + m;
    value.k = k;
    value.bits = width();
    add_value(run_, site_, value, mask_);
}

// An operand of a row lane on its way to the right; `first_other` is the first column that multiplies it.
void RegisterLookup::row_operand(std::int64_t row, std::int64_t offset, std::int64_t first_other) {
    const Position at = streaming([&](const Fold& f) { return f.stream + offset; });
    if (at.fold < 0 || row >= fold(at.fold).used_rows) {
        return;
    }
    const Fold& f = fold(at.fold);
    at_fold(at.fold);
    const auto mac = [&](std::int64_t c) {
        return array_.mac_cycle(f, at.step, static_cast<int>(row), static_cast<int>(c));
    };
    const Cycle first = mac(first_other);
    const Cycle last = mac(f.used_cols - 1);
    const Span columns{first_other, f.used_cols - 1};
    const auto shifted = [](Span span, std::int64_t by) { return Span{span.first + by, span.last + by}; };
    if (array_.weight_stationary()) {
        const std::int64_t m = f.first_pixel + at.step;
        const std::int64_t k = f.first_k + row;
        operand_value(f, false, m, k, 0);
        reads(f, {m, m}, {k, k}, shifted(columns, f.first_n), first, last);
    } else if (array_.input_stationary()) {
        const std::int64_t n = f.first_n + at.step;
        const std::int64_t k = f.first_k + row;
        operand_value(f, true, 0, k, n);
        reads(f, shifted(columns, f.first_pixel), {k, k}, {n, n}, first, last);
    } else {
        const std::int64_t m = f.first_pixel + row;
        const std::int64_t k = f.first_k + at.step;
        operand_value(f, false, m, k, 0);
        reads(f, {m, m}, {k, k}, shifted(columns, f.first_n), first, last);
    }
}

// Output stationary: a weight on its way down.
void RegisterLookup::column_operand(std::int64_t col, std::int64_t offset, std::int64_t first_row) {
    const Position at = streaming([&](const Fold& f) { return f.stream + offset; });
    if (at.fold < 0 || col >= fold(at.fold).used_cols) {
        return;
    }
    const Fold& f = fold(at.fold);
    at_fold(at.fold);
    const std::int64_t n = f.first_n + col;
    const std::int64_t k = f.first_k + at.step;
    operand_value(f, true, 0, k, n);
    const auto mac = [&](std::int64_t r) {
        return array_.mac_cycle(f, at.step, static_cast<int>(r), static_cast<int>(col));
    };
    reads(f, {f.first_pixel + first_row, f.first_pixel + f.used_rows - 1}, {k, k}, {n, n}, mac(first_row),
          mac(f.used_rows - 1));
}

// The operand that PE (row, col_) keeps in the fold; MACs read it from `first_step` on.
void RegisterLookup::stationary_value(std::int32_t id, std::int64_t row, std::int64_t first_step) {
    const Fold& f = fold(id);
    if (row >= f.used_rows || col_ >= f.used_cols) {
        return;
    }
    at_fold(id);
    const std::int64_t k = f.first_k + row;
    const bool weights = array_.weight_stationary();
    operand_value(f, weights, f.first_pixel + col_, k, f.first_n + col_);
    const std::int64_t first = std::max<std::int64_t>(first_step, 0);
    const std::int64_t last = array_.steps(f) - 1;
    if (first > last) {
        return;
    }
    const auto mac = [&](std::int64_t t) {
        return array_.mac_cycle(f, t, static_cast<int>(row), static_cast<int>(col_));
    };
    if (weights) {
        const std::int64_t n = f.first_n + col_;
        reads(f, {f.first_pixel + first, f.first_pixel + last}, {k, k}, {n, n}, mac(first), mac(last));
    } else {
        const std::int64_t m = f.first_pixel + col_;
        reads(f, {m, m}, {k, k}, {f.first_n + first, f.first_n + last}, mac(first), mac(last));
    }
}

// A register of the chain through which stationary operands move down, from edge Fold::preload on.
void RegisterLookup::chain(std::int32_t id) {
    const Fold& f = fold(id);
    const std::int64_t last_row = array_.rows() - 1;
    const std::int64_t shifts = std::min<std::int64_t>(cycle_ - f.preload, last_row);
    if (row_ > shifts) {
        return;  // of the fold before, on its way out
    }
    const std::int64_t home = last_row - shifts + row_;
    const std::int64_t taken =
        cycle_ - array_.mac_cycle(f, 0, static_cast<int>(home), static_cast<int>(col_));
    if (!run_.config.array.shadow_weights) {
        stationary_value(id, home, taken);
        return;
    }
    const bool swapped = cycle_ >= array_.swap_edge(f, static_cast<int>(home), static_cast<int>(col_));
    stationary_value(id, home, swapped ? array_.steps(f) : 0);
}

void RegisterLookup::stationary(bool shadow) {
    const int row = static_cast<int>(row_);
    const int col = static_cast<int>(col_);
    if (shadow || !run_.config.array.shadow_weights) {
        const std::int32_t id = latest([](const Fold& f) { return f.preload; });
        if (id >= 0) {
            chain(id);
        }
        return;
    }
    const std::int32_t id = latest([&](const Fold& f) { return array_.swap_edge(f, row, col); });
    if (id >= 0) {
        stationary_value(id, row_, cycle_ - array_.mac_cycle(fold(id), 0, row, col));
    }
}

// A partial sum on its way down a column.
void RegisterLookup::moving_sum() {
    const int q = static_cast<int>(row_);
    const int c = static_cast<int>(col_);
    const Position at = streaming([&](const Fold& f) { return array_.psum_cycle(f, 0, q, c); });
    if (at.fold < 0 || col_ >= fold(at.fold).used_cols) {
        return;
    }
    const Fold& f = fold(at.fold);
    at_fold(at.fold);
    const std::int64_t terms = std::min(array_.psum_terms(q), f.used_rows);
    const bool weights = array_.weight_stationary();
    const std::int64_t m = f.first_pixel + (weights ? at.step : col_);
    const std::int64_t n = f.first_n + (weights ? col_ : at.step);
    sum_value(HeldKind::sum, f, m, n, {f.first_k, f.first_k + terms - 1});
    if (terms < f.used_rows) {
        reads(f, {m, m}, {f.first_k + terms, f.first_k + f.used_rows - 1}, {n, n}, cycle_,
              cycle_ + f.used_rows - 1 - terms);
    }
}

// Output stationary: the accumulator of a PE, or a stage `delay` behind it.
void RegisterLookup::standing_sum(std::int64_t delay) {
    const int r = static_cast<int>(row_);
    const int c = static_cast<int>(col_);
    const auto begin = [&](const Fold& f) { return array_.psum_cycle(f, 0, r, c) + delay; };
    const std::int32_t id = latest(begin);
    if (id < 0 || row_ >= fold(id).used_rows || col_ >= fold(id).used_cols) {
        return;
    }
    const Fold& f = fold(id);
    const std::int64_t last = array_.steps(f) - 1;
    const std::int64_t step = cycle_ - begin(f);
    if (step > last) {
        return;  // handed over
    }
    at_fold(id);
    const std::int64_t m = f.first_pixel + row_;
    const std::int64_t n = f.first_n + col_;
    sum_value(HeldKind::sum, f, m, n, {f.first_k, f.first_k + step});
    if (delay == 0 && step < last) {
        reads(f, {m, m}, {f.first_k + step + 1, f.first_k + last}, {n, n}, cycle_, cycle_ + last - step - 1);
    }
}

void RegisterLookup::product() {
    const int r = static_cast<int>(row_);
    const int c = static_cast<int>(col_);
    const Position at =
        streaming([&](const Fold& f) { return array_.product_cycle(f, 0, site_.stage, r, c); });
    if (at.fold < 0 || col_ >= fold(at.fold).used_cols) {
        return;
    }
    const Fold& f = fold(at.fold);
    if (row_ >= f.used_rows) {
        // Sums on their way down take up the zeros of unused rows too.
        if (!array_.output_stationary()) {
            at_fold(at.fold);
            HeldValue zero;
            zero.bits = width();
            add_value(run_, site_, zero, mask_);
        }
        return;
    }
    at_fold(at.fold);
    const std::int64_t m = f.first_pixel + (array_.weight_stationary()  ? at.step
                                            : array_.input_stationary() ? col_
                                                                        : row_);
    const std::int64_t n = f.first_n + (array_.input_stationary() ? at.step : col_);
    const std::int64_t k = f.first_k + (array_.output_stationary() ? at.step : row_);
    sum_value(HeldKind::product, f, m, n, {k, k});
}

// Output stationary, drain `shift`.
void RegisterLookup::drain() {
    const int r = static_cast<int>(row_);
    const std::int32_t id =
        latest([&](const Fold& f) { return array_.copy_edge(f, r, static_cast<int>(col_)); });
    if (id < 0) {
        return;
    }
    const Fold& f = fold(id);
    const std::int64_t moved = std::max<std::int64_t>(0, cycle_ - array_.last_copy_edge(f));
    const std::int64_t from = col_ - moved;
    if (from < 0 || row_ >= f.used_rows || from >= f.used_cols) {
        return;
    }
    at_fold(id);
    sum_value(HeldKind::sum, f, f.first_pixel + row_, f.first_n + from, {f.first_k, f.first_k + f.terms - 1});
}

// Lane r of the triangle has r registers; the columns' triangle follows.
void RegisterLookup::skew() {
    std::int64_t unit = site_.upset.unit;
    const std::int64_t row_lanes = std::int64_t{array_.rows()} * (array_.rows() - 1) / 2;
    const bool columns = unit >= row_lanes;
    unit -= columns ? row_lanes : 0;
    std::int64_t lane = 1;
    while (unit >= lane) {
        unit -= lane++;
    }
    if (columns) {
        site_.col = static_cast<std::int32_t>(lane);
        column_operand(lane, unit, 0);
    } else {
        site_.row = static_cast<std::int32_t>(lane);
        row_operand(lane, unit, 0);
    }
}

void RegisterLookup::locate() {
    const SiteKind kind = site_.upset.site;
    if (kind == SiteKind::array_skew) {
        skew();
        return;
    }
    const std::int64_t cols = run_.config.array.cols;
    const bool stages = kind == SiteKind::pe_product || kind == SiteKind::pe_psum_stage;
    const std::int64_t bank = run_.config.array.rows * cols;
    const std::int64_t unit = stages ? site_.upset.unit % bank : site_.upset.unit;
    site_.stage = stages ? static_cast<std::int32_t>(site_.upset.unit / bank) + 1 : 0;
    row_ = unit / cols;
    col_ = unit % cols;
    site_.row = static_cast<std::int32_t>(row_);
    site_.col = static_cast<std::int32_t>(col_);
    const int c = static_cast<int>(col_);
    switch (kind) {
        case SiteKind::pe_weight_shadow:
        case SiteKind::pe_activation_shadow:
            return stationary(true);
        case SiteKind::pe_weight:
        case SiteKind::pe_activation:
            if (stationary_operand(kind)) {
                return stationary(false);
            }
            if (array_.output_stationary() && kind == SiteKind::pe_weight) {
                return column_operand(col_, row_ + col_, array_.first_row_fed(static_cast<int>(row_)));
            }
            return row_operand(row_, row_ + col_, array_.first_column_fed(c));
        case SiteKind::pe_psum:
            return array_.output_stationary() ? standing_sum(0) : moving_sum();
        case SiteKind::pe_psum_stage:
            return standing_sum(site_.stage);
        case SiteKind::pe_product:
            return product();
        case SiteKind::pe_drain:
            return drain();
        default:
            break;
    }
    // Control bits and the chains that they steer: only the fold is known here.
    site_.known = false;
    const std::int32_t id = latest([](const Fold& f) { return f.preload; });
    if (id >= 0 && cycle_ < fold(id).end) {
        at_fold(id);
    }
}

}  // namespace

void locate_register(const RecordedRun& run, StruckSite& site) {
    RegisterLookup(run, site).locate();
}

}  // namespace fluence::campaign
