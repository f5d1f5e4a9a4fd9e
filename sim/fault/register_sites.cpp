#include "sim/fault/register_sites.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "sim/fault/live_value.h"

namespace fluence::fault {

using traces::Fold;

void RegisterSites::strike(const Upset& upset, WideBits mask, Resolution& result) {
    const dataflow::SpaceTimeMap& array = machine_.array;
    const Pe at = pe(upset.unit);
    const Cycle cycle = upset.cycle;
    const auto moving_row = [&] {
        row_operand(slot(cycle - at.row - at.col), at.row, array.first_column_fed(static_cast<int>(at.col)),
                    mask, result);
    };
    result.dead = DeadReason::idle;
    if (moves_at_every_edge(upset.site)) {
        holds_zero(mask, result);
    }
    switch (upset.site) {
        case SiteKind::pe_weight:
            if (array.weight_stationary()) {
                return active(at, cycle, mask, result);
            }
            if (array.input_stationary()) {
                return moving_row();
            }
            return column_operand(slot(cycle - at.row - at.col), at.col,
                                  array.first_row_fed(static_cast<int>(at.row)), mask, result);
        case SiteKind::pe_activation:
            return array.input_stationary() ? active(at, cycle, mask, result) : moving_row();
        case SiteKind::pe_weight_shadow:
        case SiteKind::pe_activation_shadow:
            return chain(at, cycle, mask, result);
        case SiteKind::array_skew:
            return skewed(upset.unit, cycle, mask, result);
        case SiteKind::pe_product:
            return product(upset.unit, cycle, mask, result);
        case SiteKind::pe_psum:
            return array.output_stationary() ? accumulator(at, 0, cycle, mask, result)
                                             : moving_sum(at, cycle, mask, result);
        case SiteKind::pe_psum_stage: {
            const std::int64_t pes = machine_.rows * cols_;
            return accumulator(pe(upset.unit % pes), static_cast<int>(upset.unit / pes) + 1, cycle, mask,
                               result);
        }
        case SiteKind::pe_drain:
            return drain(at, cycle, mask, result);
        default:
            throw std::logic_error(std::string("the resolver does not know ") + name_of(upset.site));
    }
}

// Without an enable, so that zeros follow the last value: operands that move; drain registers, into which
// nothing but zeros comes when no sum does.
bool RegisterSites::moves_at_every_edge(SiteKind site) const {
    switch (site) {
        case SiteKind::pe_weight:
            return !machine_.array.weight_stationary();
        case SiteKind::pe_activation:
            return !machine_.array.input_stationary();
        default:
            return site == SiteKind::array_skew || site == SiteKind::pe_drain;
    }
}

void RegisterSites::holds_zero(WideBits mask, Resolution& result) {
    result.golden_bits = 0;
    result.faulty_bits = static_cast<std::uint64_t>(mask);
}

void RegisterSites::note(std::int32_t id, WideBits golden, WideBits mask, Resolution& result) const {
    note_live(fold(id).layer, static_cast<std::uint64_t>(golden), static_cast<std::uint64_t>(mask), result);
}

RegisterSites::Slot RegisterSites::slot(Cycle cycle) const {
    const std::int32_t id = machine_.last_streaming(cycle);
    if (id < 0 || cycle - fold(id).stream >= machine_.array.steps(fold(id))) {
        return {};
    }
    return {id, cycle - fold(id).stream};
}

void RegisterSites::row_operand(const Slot& slot, std::int64_t lane, std::int64_t first, WideBits mask,
                                Resolution& result) {
    if (!slot) {
        return;
    }
    if (machine_.array.weight_stationary()) {
        activation_off(slot.id, slot.step, lane, first, mask, result);
    } else if (machine_.array.input_stationary()) {
        weight_off(slot.id, lane, slot.step, first, mask, result);
    } else if (lane < fold(slot.id).pixels) {
        activation_off(slot.id, lane, slot.step, first, mask, result);
    }
}

void RegisterSites::column_operand(const Slot& slot, std::int64_t lane, std::int64_t first, WideBits mask,
                                   Resolution& result) {
    if (slot && lane < fold(slot.id).channels) {
        weight_off(slot.id, slot.step, lane, first, mask, result);
    }
}

void RegisterSites::skewed(std::int64_t unit, Cycle cycle, WideBits mask, Resolution& result) {
    const std::int64_t row_registers = machine_.rows * (machine_.rows - 1) / 2;
    const bool of_rows = unit < row_registers;
    std::int64_t stage = of_rows ? unit : unit - row_registers;
    std::int64_t lane = 1;
    for (; stage >= lane; ++lane) {
        stage -= lane;
    }
    of_rows ? row_operand(slot(cycle - stage), lane, 0, mask, result)
            : column_operand(slot(cycle - stage), lane, 0, mask, result);
}

void RegisterSites::active(Pe at, Cycle cycle, WideBits mask, Resolution& result) {
    if (!machine_.config.array.shadow_weights) {
        return chain(at, cycle, mask, result);
    }
    // The swap of every fold lies the same distance behind the edge at which it begins to stream.
    const auto row = static_cast<int>(at.row);
    const auto col = static_cast<int>(at.col);
    const std::int32_t id = machine_.last_streaming(cycle - machine_.array.swap_edge(Fold{}, row, col));
    if (id >= 0) {
        stationary(id, at, cycle - machine_.array.mac_cycle(fold(id), 0, row, col), mask, result);
    }
}

void RegisterSites::chain(Pe at, Cycle cycle, WideBits mask, Resolution& result) {
    const std::int32_t id = machine_.last_preloaded(cycle);
    if (id < 0) {
        return;
    }
    const std::int64_t shifts = std::min<std::int64_t>(cycle - fold(id).preload, machine_.rows - 1);
    if (at.row <= shifts) {
        // The word still moves down; it comes to rest in the row that it belongs to.
        const Pe home{machine_.rows - 1 - shifts + at.row, at.col};
        const auto row = static_cast<int>(home.row);
        const auto col = static_cast<int>(home.col);
        std::int64_t first = cycle - machine_.array.mac_cycle(fold(id), 0, row, col);
        if (machine_.config.array.shadow_weights) {
            // A shadow register is read once, in the cycle before the swap; from then on it is of no use.
            const bool used = cycle < machine_.array.swap_edge(fold(id), row, col);
            first = used ? 0 : machine_.array.steps(fold(id));
        }
        return stationary(id, home, first, mask, result);
    }
    // What the fold before left there is on its way out of the chain.
    const std::int32_t before = machine_.preloaded_before(id);
    if (before >= 0) {
        stationary(before, {at.row - shifts - 1, at.col}, machine_.array.steps(fold(before)), mask, result);
    }
}

void RegisterSites::stationary(std::int32_t id, Pe at, std::int64_t first, WideBits mask,
                               Resolution& result) {
    const Fold& f = fold(id);
    if (at.col >= used_cols(f)) {
        return;
    }
    if (first >= machine_.array.steps(f)) {
        if (at.row < f.terms) {
            note(id,
                 machine_.array.input_stationary() ? golden_.activation(f, at.col, at.row)
                                                   : golden_.weight(f, at.row, at.col),
                 mask, result);
            result.dead = machine_.is_last_preloaded(id) ? DeadReason::never_read : DeadReason::overwritten;
        }
        return;
    }
    first = std::max<std::int64_t>(first, 0);
    if (machine_.array.input_stationary()) {
        activation_off(id, at.col, at.row, first, mask, result);
    } else {
        weight_off(id, at.row, at.col, first, mask, result);
    }
}

// Operands of rows that the fold does not use meet zeros; they count where an upset has changed those as
// well.
void RegisterSites::activation_off(std::int32_t id, std::int64_t m, std::int64_t k, std::int64_t first,
                                   WideBits mask, Resolution& result) {
    const Fold& f = fold(id);
    effects_.of_fold(id).operands.push_back(
        {id, false, k, m, first, f.channels, {}, static_cast<std::uint32_t>(mask)});
    if (k < f.terms) {
        note(id, golden_.activation(f, m, k), mask, result);
        if (first >= f.channels && !machine_.policy.checksum) {
            result.dead = DeadReason::never_read;
        }
    }
}

void RegisterSites::weight_off(std::int32_t id, std::int64_t k, std::int64_t n, std::int64_t first,
                               WideBits mask, Resolution& result) {
    const Fold& f = fold(id);
    effects_.of_fold(id).operands.push_back(
        {id, true, k, n, first, f.pixels, {}, static_cast<std::uint32_t>(mask)});
    if (k < f.terms) {
        note(id, golden_.weight(f, k, n), mask, result);
        if (first >= f.pixels) {
            result.dead = DeadReason::never_read;
        }
    }
}

void RegisterSites::product(std::int64_t unit, Cycle cycle, WideBits mask, Resolution& result) {
    const std::int64_t pes = machine_.rows * cols_;
    const Pe at = pe(unit % pes);
    const Cycle delay = machine_.array.product_cycle(Fold{}, 0, static_cast<int>(unit / pes) + 1,
                                                     static_cast<int>(at.row), static_cast<int>(at.col));
    const Slot now = slot(cycle - delay);
    if (!now || machine_.array.output_stationary()) {
        holds_zero(mask, result);  // unless a step's product is there
    }
    if (!now || at.col >= used_cols(fold(now.id))) {
        return;
    }
    StruckProduct struck{now.id, now.step, at.row, at.col, mask};
    if (machine_.array.input_stationary()) {
        struck = {now.id, at.col, at.row, now.step, mask};
    } else if (machine_.array.output_stationary()) {
        if (at.row >= fold(now.id).pixels) {
            return;
        }
        struck = {now.id, at.row, now.step, at.col, mask};
    }
    note(now.id, golden_.product(fold(now.id), struck.m, struck.k, struck.n), mask, result);
    effects_.of_fold(now.id).products.push_back(struck);
}

void RegisterSites::moving_sum(Pe at, Cycle cycle, WideBits mask, Resolution& result) {
    const auto row = static_cast<int>(at.row);
    const Slot now = slot(cycle - machine_.array.psum_cycle(Fold{}, 0, row, static_cast<int>(at.col)));
    if (!now || at.col >= used_cols(fold(now.id))) {
        return;
    }
    const bool weights_stay = machine_.array.weight_stationary();
    sum_off(now.id, weights_stay ? now.step : at.col, weights_stay ? at.col : now.step,
            machine_.array.psum_terms(row), mask, result);
}

// Stage 0 is the accumulator; the others hold what it held as many cycles before.
void RegisterSites::accumulator(Pe at, int stage, Cycle cycle, WideBits mask, Resolution& result) {
    const Cycle delay =
        machine_.array.psum_cycle(Fold{}, 0, static_cast<int>(at.row), static_cast<int>(at.col)) + stage;
    const Slot now = slot(cycle - delay);
    if (!now || at.row >= fold(now.id).pixels || at.col >= fold(now.id).channels) {
        return;
    }
    if (stage > 0 && now.step + 1 < fold(now.id).terms) {
        note(now.id, golden_.sum(fold(now.id), at.row, at.col, now.step + 1), mask, result);
        result.dead = DeadReason::overwritten;
        return;
    }
    sum_off(now.id, at.row, at.col, now.step + 1, mask, result);
}

void RegisterSites::drain(Pe at, Cycle cycle, WideBits mask, Resolution& result) {
    std::int32_t id = machine_.last_streaming(cycle);
    const auto copied = [&] {
        return machine_.array.copy_edge(fold(id), static_cast<int>(at.row), static_cast<int>(at.col));
    };
    while (id >= 0 && copied() > cycle) {
        id = machine_.streamed_before(id);
    }
    if (id < 0) {
        return;
    }
    // From the last copy on the sums move one column an edge.
    const Cycle moved = std::max<Cycle>(0, cycle - machine_.array.last_copy_edge(fold(id)));
    const std::int64_t col = at.col - moved;
    if (col >= 0 && col < fold(id).channels && at.row < fold(id).pixels) {
        sum_off(id, at.row, col, fold(id).terms, mask, result);
    }
}

void RegisterSites::sum_off(std::int32_t id, std::int64_t m, std::int64_t n, std::int64_t terms,
                            WideBits mask, Resolution& result) {
    note(id, golden_.sum(fold(id), m, n, terms), mask, result);
    effects_.of_fold(id).sums.push_back({id, m, n, terms, mask});
}

}  // namespace fluence::fault
