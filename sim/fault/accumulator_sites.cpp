#include "sim/fault/accumulator_sites.h"

#include <algorithm>

namespace fluence::fault {

using traces::Fold;

namespace {

constexpr int kAccumulatorBits = 32;

std::uint32_t field_of(const WordBits& bits, int field) {
    std::uint32_t value = 0;
    for (int i = 0; i < kAccumulatorBits; ++i) {
        value |= std::uint32_t{bits[static_cast<std::size_t>(kAccumulatorBits * field + i)]} << i;
    }
    return value;
}

}  // namespace

Cycle AccumulatorSites::write_edge(const AccumulatorBlock& block, std::int32_t k_fold,
                                   std::int64_t position) const {
    const Fold& f = fold(block, k_fold);
    return machine_.array.accumulate_cycle(f, position % f.pixels, 0, static_cast<int>(position / f.pixels)) +
           1;
}

AccumulatorSites::Slot AccumulatorSites::find(std::int64_t accumulator, int field, Cycle cycle) {
    Slot slot;
    machine_.for_each_block(accumulator, [&](const AccumulatorBlock& block, std::int64_t position) {
        const Cycle first = write_edge(block, 0, position);
        if (first <= cycle) {
            slot.block = &block;
            slot.position = position;
        } else if (!slot.written_again) {
            slot.written_again = true;  // by the next block, from anew
            events_.push_back({first, Event::Kind::write, field, 0});
        }
    });
    return slot;
}

// What still happens to the block that the slot holds.
void AccumulatorSites::schedule(const Slot& slot, int field, Cycle cycle) {
    const auto position = slot.position;
    for (std::int32_t j = 1; j < static_cast<std::int32_t>(slot.block->folds.size()); ++j) {
        const Cycle written = write_edge(*slot.block, j, position);
        const Cycle read = written - 1 - machine_.decode_cycles(Memory::output_buffer);
        if (read >= cycle) {
            events_.push_back({read, Event::Kind::read_by_array, field, j - 1});
        }
        if (written > cycle) {
            events_.push_back({written, Event::Kind::write, field, j});
            slots_[static_cast<std::size_t>(field)].written_again = true;
        } else {
            slots_[static_cast<std::size_t>(field)].k_fold = j;
        }
    }
    const Cycle drained =
        machine_.timeline.passes[static_cast<std::size_t>(slot.block->pass)].read_cycle(position);
    if (drained >= cycle) {
        events_.push_back({drained, Event::Kind::read_by_vector_unit, field,
                           static_cast<std::int32_t>(slot.block->folds.size()) - 1});
    }
}

std::int64_t AccumulatorSites::element(const Slot& slot) const {
    const Fold& f = fold(*slot.block, 0);
    const MacLayer& layer = machine_.mac_layer(f.layer);
    const std::int64_t channel = f.group * layer.gemm.n + f.n_fold * machine_.cols + slot.position / f.pixels;
    return layer.output_element(channel, f.first_pixel + slot.position % f.pixels);
}

// The accumulator behind `k_fold` in the fault-free run, without the bias, which the vector unit adds.
std::uint32_t AccumulatorSites::golden_sum(const Slot& slot, std::int32_t k_fold) const {
    const Fold& f = fold(*slot.block, 0);
    const MacLayer& layer = machine_.mac_layer(f.layer);
    const std::int64_t at = element(slot);
    const std::int64_t channel = at / layer.gemm.m;
    const std::int64_t terms = std::min<std::int64_t>((k_fold + 1) * machine_.rows, layer.gemm.k);
    if (terms == layer.gemm.k) {
        const auto& sums = effects_.golden().accumulators[index_of(f.layer)];
        return static_cast<std::uint32_t>(sums[static_cast<std::size_t>(at)]) -
               static_cast<std::uint32_t>(layer.layer->bias[static_cast<std::size_t>(channel)]);
    }
    return effects_.partial_sum(layer, f.group, at % layer.gemm.m, channel, 0, terms);
}

protect::Decoded AccumulatorSites::decode(Resolution& result) const {
    const protect::Decoded decoded =
        machine_.code(Memory::output_buffer).decode_error(latent_, machine_.config.output_buffer.word_bits);
    result.corrected = result.corrected || decoded.corrected;
    result.detected = result.detected || decoded.detected;
    return decoded;
}

void AccumulatorSites::write(const Event& event, Resolution& result) {
    const auto own = static_cast<std::size_t>(event.field);
    if (latent_.any() && fields_ > 1) {
        const protect::Decoded decoded = decode(result);
        for (int i = 0; i < fields_; ++i) {
            State& state = states_[static_cast<std::size_t>(i)];
            state.zero = decoded.detected;
            state.flipped = decoded.detected ? 0 : field_of(decoded.residual, i);
        }
    }
    latent_.reset();
    State& state = states_[own];
    state.offset = state.pending;
    state.pending = 0;
    state.flipped = 0;
    state.zero = false;
}

void AccumulatorSites::read(const Event& event, Resolution& result) {
    read_ = true;
    const Slot& slot = slots_[static_cast<std::size_t>(event.field)];
    State& state = states_[static_cast<std::size_t>(event.field)];
    bool zero = state.zero;
    std::uint32_t flipped = state.flipped;
    if (latent_.any()) {
        const protect::Decoded decoded = decode(result);
        zero = decoded.detected;
        flipped = zero ? 0 : field_of(decoded.residual, event.field);
    }
    std::uint32_t off = state.offset;
    if (zero || flipped != 0) {
        const std::uint32_t golden = golden_sum(slot, event.k_fold);
        off = (zero ? 0 : (golden + state.offset) ^ flipped) - golden;
    }
    if (event.kind == Event::Kind::read_by_array) {
        state.pending = off;
    } else if (off != 0) {
        effects_.accumulator_off(fold(*slot.block, 0).layer, element(slot), static_cast<std::int32_t>(off));
    }
}

void AccumulatorSites::word(std::int64_t word, Cycle cycle, const WordBits& bits, Resolution& result) {
    fields_ = machine_.config.output_buffer.word_bits / kAccumulatorBits;
    latent_ = bits;
    bool noted = false;
    bool held = false;  // a struck accumulator, or any where check bits alone were struck, holds a sum
    bool written_again = false;
    const bool data_struck =
        (bits << static_cast<std::size_t>(kMaxWordBits - kAccumulatorBits * fields_)).any();
    for (int i = 0; i < fields_; ++i) {
        Slot& slot = slots_[static_cast<std::size_t>(i)] = find(word * fields_ + i, i, cycle);
        const std::uint32_t mask = field_of(bits, i);
        if (slot.block != nullptr) {
            slot.k_fold = 0;
            schedule(slot, i, cycle);
            if (mask != 0 && !noted) {
                noted = true;
                result.golden_bits = golden_sum(slot, slot.k_fold);
                result.faulty_bits = result.golden_bits ^ mask;
            }
            if (result.layer < 0) {
                result.layer = static_cast<std::int32_t>(fold(*slot.block, 0).layer);
            }
            held = held || mask != 0 || !data_struck;
        }
        written_again = written_again || ((mask != 0 || !data_struck) && slot.written_again);
    }
    std::stable_sort(events_.begin(), events_.end());
    for (const Event& event : events_) {
        if (event.kind == Event::Kind::write) {
            write(event, result);
        } else {
            read(event, result);
        }
    }
    if (!held) {
        result.dead = DeadReason::idle;
    } else if (!read_) {
        result.dead = written_again ? DeadReason::overwritten : DeadReason::never_read;
    } else {
        result.dead = result.corrected && !result.detected ? DeadReason::corrected : DeadReason::no_effect;
    }
}

}  // namespace fluence::fault
