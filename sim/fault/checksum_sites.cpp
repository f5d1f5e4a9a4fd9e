#include "sim/fault/checksum_sites.h"

#include <stdexcept>
#include <string>

#include "sim/fault/live_value.h"

namespace fluence::fault {

using traces::Fold;

void ChecksumSites::strike(const Upset& upset, std::uint64_t mask, Resolution& result) {
    const auto rows = static_cast<std::int64_t>(map().rows());
    const auto row = static_cast<int>(upset.unit % rows);
    const auto stage = static_cast<int>(upset.unit / rows);
    const Cycle cycle = upset.cycle;
    result.dead = DeadReason::idle;
    switch (upset.site) {
        case SiteKind::checksum_weight:
            return weight(row, cycle, mask, result);
        case SiteKind::checksum_activation:
            return activation(row, cycle, mask, result);
        case SiteKind::checksum_product:
            return product(stage + 1, row, cycle, mask, result);
        case SiteKind::checksum_psum:
            return map().output_stationary() ? accumulator(stage, row, cycle, mask, result)
                                             : moving_sum(static_cast<int>(upset.unit), cycle, mask, result);
        case SiteKind::checksum_sum:
            return word(upset.unit, cycle, mask, result);
        case SiteKind::checksum_compare:
            return comparator(upset.unit, cycle, mask, result);
        default:
            throw std::logic_error(std::string("the checksum column has no ") + name_of(upset.site));
    }
}

void ChecksumSites::note(LayerId layer, std::int64_t golden, int bits, std::uint64_t mask,
                         Resolution& result) const {
    note_live(layer, dataflow::ChecksumColumn::low(static_cast<std::uint64_t>(golden), bits), mask, result);
}

ChecksumSites::Slot ChecksumSites::slot(Cycle cycle) const {
    const std::int32_t id = machine_.last_streaming(cycle);
    if (id < 0 || cycle - fold(id).stream >= map().steps(fold(id))) {
        return {};
    }
    return {id, cycle - fold(id).stream};
}

bool ChecksumSites::multiplies(const Slot& now, int row, std::int64_t& m, std::int64_t& k) const {
    if (!now) {
        return false;
    }
    const bool weights_stay = map().weight_stationary();
    m = weights_stay ? now.step : row;
    k = weights_stay ? row : now.step;
    return row < (weights_stay ? fold(now.id).terms : fold(now.id).pixels);
}

void ChecksumSites::weight(int row, Cycle cycle, std::uint64_t mask, Resolution& result) {
    const int bits = column_.column().weight_bits();
    const auto low = static_cast<std::uint32_t>(mask);
    if (map().output_stationary()) {
        // On its way down.
        if (const Slot now = slot(cycle - row - col())) {
            const Fold& f = fold(now.id);
            note(f.layer, column_.weight(f, now.step), bits, mask, result);
            const std::int64_t first = map().first_row_fed(row);
            if (first >= f.pixels) {
                result.dead = DeadReason::never_read;
                return;
            }
            struck(now.id).operands.push_back({now.id, true, now.step, first, f.pixels, low});
        }
        return;
    }
    const std::int32_t id = machine_.last_streaming(cycle - map().mac_cycle(Fold{}, 0, row, col()));
    if (id < 0 || row >= fold(id).terms) {
        return;
    }
    const Fold& f = fold(id);
    note(f.layer, column_.weight(f, row), bits, mask, result);
    const std::int64_t first = cycle - map().mac_cycle(f, 0, row, col());
    if (first >= f.pixels) {
        const bool last = machine_.last_streaming(machine_.timeline.cycles) == id;
        result.dead = last ? DeadReason::never_read : DeadReason::overwritten;
        return;
    }
    struck(id).operands.push_back({id, true, row, first, f.pixels, low});
}

void ChecksumSites::activation(int row, Cycle cycle, std::uint64_t mask, Resolution& result) {
    const Slot now = slot(cycle - row - col());
    std::int64_t m = 0, k = 0;
    if (multiplies(now, row, m, k)) {
        const Fold& f = fold(now.id);
        note(f.layer, sums_.activation(f, m, k), machine_.config.array.operand_bits, mask, result);
        struck(now.id).operands.push_back({now.id, false, k, m, m + 1, static_cast<std::uint32_t>(mask)});
    }
}

// Behind the multipliers rows that the fold does not use add what their registers hold: zero without upsets.
void ChecksumSites::product(int stage, int row, Cycle cycle, std::uint64_t mask, Resolution& result) {
    const Slot now = slot(cycle - map().product_cycle(Fold{}, 0, stage, row, col()));
    std::int64_t m = 0, k = 0;
    const bool multiplied = multiplies(now, row, m, k);
    if (now && (multiplied || map().weight_stationary())) {
        const Fold& f = fold(now.id);
        const std::int64_t golden = multiplied ? sums_.activation(f, m, k) * column_.weight(f, k) : 0;
        note(f.layer, golden, column_.column().product_bits(), mask, result);
        struck(now.id).products.push_back({now.id, m, k, mask});
    }
}

void ChecksumSites::sum_off(std::int32_t id, std::int64_t m, std::int64_t terms, std::uint64_t mask,
                            Resolution& result) {
    const Fold& f = fold(id);
    note(f.layer, column_.partial(f, m, terms), column_.column().sum_bits(), mask, result);
    struck(id).sums.push_back({id, m, terms, mask});
}

void ChecksumSites::moving_sum(int row, Cycle cycle, std::uint64_t mask, Resolution& result) {
    if (const Slot now = slot(cycle - map().psum_cycle(Fold{}, 0, row, col()))) {
        sum_off(now.id, now.step, map().psum_terms(row), mask, result);
    }
}

// Stage 0 is the accumulator; the others hold what it held as many cycles before.
void ChecksumSites::accumulator(int stage, int row, Cycle cycle, std::uint64_t mask, Resolution& result) {
    const Slot now = slot(cycle - map().psum_cycle(Fold{}, 0, row, col()) - stage);
    if (!now || row >= fold(now.id).pixels) {
        return;
    }
    sum_off(now.id, row, now.step + 1, mask, result);
    if (stage > 0 && now.step + 1 < fold(now.id).terms) {
        struck(now.id).sums.pop_back();
        result.dead = DeadReason::overwritten;
    }
}

void ChecksumSites::word(std::int64_t unit, Cycle cycle, std::uint64_t mask, Resolution& result) {
    const std::int64_t words = dataflow::checksum_words(machine_.graph, machine_.config);
    const std::int64_t pixel = unit % words;
    const std::int64_t half = machine_.config.output_buffer.half().count() / 4;
    for (const std::int64_t first : {std::int64_t{0}, half}) {
        machine_.for_each_block(first + pixel, [&](const AccumulatorBlock& block, std::int64_t m) {
            const Fold& f = fold(block.folds.front());
            const traces::VectorPass& pass = machine_.timeline.passes[static_cast<std::size_t>(block.pass)];
            const bool here = pass.accumulator == first && m < f.pixels &&
                              machine_.mac_ordinal(block.pass) % dataflow::kChecksumBanks == unit / words;
            if (here && cycle >= column_.begun(f, m) && cycle < column_.compared(f, m)) {
                note(f.layer, static_cast<std::int64_t>(column_.word(f, m, cycle)),
                     column_.column().sum_bits(), mask, result);
                struck(block.folds.front()).words.push_back({block.pass, pixel, cycle, false, mask});
            }
        });
    }
}

void ChecksumSites::comparator(std::int64_t lane, Cycle cycle, std::uint64_t mask, Resolution& result) {
    // The accumulator whose difference is in the register was read in cycle `read`.
    const Cycle read = cycle - 1 - machine_.decode_cycles(Memory::output_buffer);
    for (std::size_t i = 0; i < machine_.timeline.passes.size(); ++i) {
        const traces::VectorPass& pass = machine_.timeline.passes[i];
        const auto id = static_cast<std::int32_t>(i);
        if (machine_.mac_ordinal(id) < 0 || read < pass.begin) {
            continue;
        }
        const std::int64_t element = (read - pass.begin) * pass.lanes + lane;
        const std::int64_t pixel = element - (pass.channels - 1) * pass.pixels;
        if (pixel >= 0 && pixel < pass.pixels) {
            // It is zero without upsets.
            note(pass.layer, 0, column_.column().sum_bits(), mask, result);
            effects_.of(pass.layer).column.words.push_back({id, pixel, cycle, true, mask});
        }
    }
}

}  // namespace fluence::fault
