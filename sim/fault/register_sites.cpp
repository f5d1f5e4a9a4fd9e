#include "sim/fault/register_sites.h"

#include <algorithm>

namespace fluence::fault {

using traces::Fold;

namespace {

std::int8_t flipped(std::int32_t weight, std::uint32_t mask) {
    return static_cast<std::int8_t>(static_cast<std::uint8_t>(weight) ^ static_cast<std::uint8_t>(mask));
}

void note_bits(Resolution& result, std::uint32_t golden, std::uint32_t mask) {
    result.golden_bits = golden;
    result.faulty_bits = golden ^ mask;
}

}  // namespace

const Fold* RegisterSites::fold_of_slot(Cycle slot, std::int64_t& pixel) const {
    const std::int32_t id = machine_.last_streaming(slot);
    if (id < 0) {
        return nullptr;
    }
    const Fold& fold = machine_.timeline.folds[static_cast<std::size_t>(id)];
    pixel = slot - fold.stream;
    return pixel < fold.pixels ? &fold : nullptr;
}

std::int32_t RegisterSites::weight_of(const Fold& fold, std::int32_t row, std::int32_t col) const {
    const MacLayer& layer = machine_.mac_layer(fold.layer);
    return layer.weight(fold.group * layer.gemm.n + fold.n_fold * machine_.cols + col,
                        fold.k_fold * machine_.rows + row);
}

void RegisterSites::weight_used(std::int32_t id, std::int32_t row, std::int32_t col, std::uint32_t mask,
                                std::int64_t first, Resolution& result) {
    const Fold& fold = machine_.timeline.folds[static_cast<std::size_t>(id)];
    if (!holds_weight(fold, row, col)) {
        result.dead = DeadReason::idle;
        return;
    }
    const std::int32_t golden = weight_of(fold, row, col);
    note_bits(result, static_cast<std::uint8_t>(golden), mask);
    result.layer = static_cast<std::int32_t>(fold.layer);
    if (first >= fold.pixels) {
        result.dead = machine_.is_last_preloaded(id) ? DeadReason::never_read : DeadReason::overwritten;
        return;
    }
    effects_.weight_off(fold, fold.k_fold * machine_.rows + row, col, flipped(golden, mask) - golden,
                        std::max<std::int64_t>(first, 0));
}

void RegisterSites::chain_word(std::int32_t id, std::int32_t row, std::int32_t col, Cycle cycle,
                               std::uint32_t mask, Resolution& result) {
    const Fold& fold = machine_.timeline.folds[static_cast<std::size_t>(id)];
    const std::int64_t shifts = std::min<std::int64_t>(cycle - fold.preload, machine_.rows - 1);
    if (row <= shifts) {
        // The word still moves down; it comes to rest in the row that it belongs to.
        const auto home = static_cast<std::int32_t>(machine_.rows - 1 - shifts + row);
        const Cycle first_mac = machine_.array.mac_cycle(fold, 0, home, col);
        const Cycle swap = machine_.array.swap_edge(fold, home, col);
        const bool shadow = machine_.config.array.shadow_weights;
        // A shadow register is read once, in the cycle before the swap; from then on it is of no use.
        const std::int64_t first = shadow ? (cycle < swap ? 0 : fold.pixels) : cycle - first_mac;
        weight_used(id, home, col, mask, first, result);
        return;
    }
    // What the fold before left there is on its way out of the chain.
    const std::int32_t before = machine_.preloaded_before(id);
    const auto old_row = static_cast<std::int32_t>(row - shifts - 1);
    result.dead = DeadReason::idle;
    if (before >= 0) {
        const Fold& old = machine_.timeline.folds[static_cast<std::size_t>(before)];
        if (holds_weight(old, old_row, col)) {
            note_bits(result, static_cast<std::uint8_t>(weight_of(old, old_row, col)), mask);
            result.layer = static_cast<std::int32_t>(old.layer);
            result.dead = DeadReason::overwritten;
        }
    }
}

void RegisterSites::weight(std::int64_t unit, Cycle cycle, std::uint32_t mask, Resolution& result) {
    const auto row = static_cast<std::int32_t>(unit / machine_.cols);
    const auto col = static_cast<std::int32_t>(unit % machine_.cols);
    if (!machine_.config.array.shadow_weights) {
        const std::int32_t id = machine_.last_preloaded(cycle);
        if (id < 0) {
            result.dead = DeadReason::idle;
        } else {
            chain_word(id, row, col, cycle, mask, result);
        }
        return;
    }
    // The swap of every fold lies the same distance behind the edge at which it begins to stream.
    const Cycle distance = machine_.array.swap_edge(Fold{}, row, col);
    const std::int32_t id = machine_.last_streaming(cycle - distance);
    if (id < 0) {
        result.dead = DeadReason::idle;
        return;
    }
    const Fold& fold = machine_.timeline.folds[static_cast<std::size_t>(id)];
    weight_used(id, row, col, mask, cycle - machine_.array.mac_cycle(fold, 0, row, col), result);
}

void RegisterSites::shadow_weight(std::int64_t unit, Cycle cycle, std::uint32_t mask, Resolution& result) {
    const std::int32_t id = machine_.last_preloaded(cycle);
    if (!machine_.config.array.shadow_weights) {
        result.dead = DeadReason::absent;
    } else if (id < 0) {
        result.dead = DeadReason::idle;
    } else {
        chain_word(id, static_cast<std::int32_t>(unit / machine_.cols),
                   static_cast<std::int32_t>(unit % machine_.cols), cycle, mask, result);
    }
}

void RegisterSites::activation(std::int64_t unit, Cycle cycle, std::uint32_t mask, Resolution& result) {
    const std::int64_t row = unit / machine_.cols;
    const std::int64_t col = unit % machine_.cols;
    std::int64_t pixel = 0;
    const Fold* fold = fold_of_slot(cycle - row - col, pixel);
    if (fold == nullptr || row >= fold->used_rows) {
        result.dead = DeadReason::idle;
        return;
    }
    const MacLayer& layer = machine_.mac_layer(fold->layer);
    const std::int64_t m = fold->first_pixel + pixel;
    const std::int64_t k = fold->k_fold * machine_.rows + row;
    const std::int64_t element = layer.im2col.input_element(fold->group, m, k);
    const std::int32_t golden = element < 0 ? 0 : effects_.input(layer)[static_cast<std::size_t>(element)];
    note_bits(result, static_cast<std::uint8_t>(golden), mask);
    result.layer = layer.id;
    const std::int32_t first = machine_.array.first_column_fed(static_cast<int>(col));
    if (first >= fold->used_cols && !machine_.policy.checksum) {
        result.dead = DeadReason::never_read;
        return;
    }
    effects_.activation_off(*fold, m, k, workloads::flip_bits(layer.input_format, golden, mask) - golden,
                            first);
}

void RegisterSites::partial_sum(std::int64_t unit, Cycle cycle, std::uint32_t mask, Resolution& result) {
    const std::int64_t row = unit / machine_.cols;
    const std::int64_t col = unit % machine_.cols;
    std::int64_t pixel = 0;
    const Fold* fold = fold_of_slot(cycle - row - col, pixel);
    if (fold == nullptr || col >= fold->used_cols) {
        result.dead = DeadReason::idle;
        return;
    }
    const MacLayer& layer = machine_.mac_layer(fold->layer);
    const std::int64_t m = fold->first_pixel + pixel;
    const std::int64_t channel = fold->group * layer.gemm.n + fold->n_fold * machine_.cols + col;
    const std::int64_t k = fold->k_fold * machine_.rows;
    const std::int64_t terms =
        std::min<std::int64_t>(machine_.array.psum_terms(static_cast<int>(row)), fold->used_rows);
    const std::uint32_t golden = effects_.partial_sum(layer, fold->group, m, channel, k, k + terms);
    note_bits(result, golden, mask);
    result.layer = layer.id;
    effects_.accumulator_off(fold->layer, layer.output_element(channel, m),
                             wrapping_difference(golden ^ mask, golden));
}

}  // namespace fluence::fault
