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

AccumulatorWord::AccumulatorWord(const MachineView& machine, std::int64_t word, std::vector<Strike> strikes,
                                 bool joint)
    : machine_(machine),
      word_(word),
      strikes_(std::move(strikes)),
      joint_(joint),
      fields_(machine.config.output_buffer.word_bits / kAccumulatorBits) {
    for (int i = 0; i < fields_; ++i) {
        schedule(i);
    }
    for (std::size_t i = 0; i < strikes_.size(); ++i) {
        Event event;
        event.cycle = strikes_[i].cycle;
        event.kind = Event::Kind::strike;
        event.strike = i;
        events_.push_back(event);
    }
    std::stable_sort(events_.begin(), events_.end());
    std::sort(layers_.begin(), layers_.end());
    layers_.erase(std::unique(layers_.begin(), layers_.end()), layers_.end());
}

Cycle AccumulatorWord::write_edge(const AccumulatorBlock& block, std::int32_t k_fold,
                                  std::int64_t position) const {
    const Fold& f = fold(block, k_fold);
    const std::int64_t m = position % f.pixels;
    const std::int64_t n = position / f.pixels;
    return machine_.array.accumulate_cycle(f, machine_.array.result_step(f, m, n),
                                           machine_.array.result_row(m), machine_.array.result_column(m, n)) +
           1;
}

Cycle AccumulatorWord::drained(const AccumulatorBlock& block, std::int64_t position) const {
    const Fold& f = fold(block, 0);
    const traces::VectorPass& pass = machine_.timeline.passes[static_cast<std::size_t>(block.pass)];
    const std::int64_t m = f.first_pixel + position % f.pixels;
    const std::int64_t n = f.first_n + position / f.pixels;
    return pass.read_cycle((n - pass.first_n) * pass.pixels + m - pass.first_pixel);
}

// The blocks that lie in a field of the word from the first strike on. The first one to come behind the last
// strike starts anew.
void AccumulatorWord::schedule(int field) {
    bool undisturbed = false;
    machine_.for_each_block(
        word_ * fields_ + field, [&](const AccumulatorBlock& block, std::int64_t position) {
            const Cycle first = write_edge(block, 0, position);
            const auto last = static_cast<std::int32_t>(block.folds.size()) - 1;
            if (undisturbed) {
                return;
            }
            if (drained(block, position) < strikes_.front().cycle) {
                before_[static_cast<std::size_t>(field)] = {&block, position, last};
            } else if (first > strikes_.back().cycle) {
                undisturbed = true;
                rewritten_[static_cast<std::size_t>(field)] = true;
                events_.push_back({first, Event::Kind::write, field, {&block, position, 0}, false, 0});
            } else {
                schedule(block, position, field);
            }
        });
}

void AccumulatorWord::schedule(const AccumulatorBlock& block, std::int64_t position, int field) {
    const Cycle struck = strikes_.front().cycle;
    const auto last = static_cast<std::int32_t>(block.folds.size()) - 1;
    layers_.push_back(fold(block, 0).layer);
    for (std::int32_t j = 0; j <= last; ++j) {
        const Cycle written = write_edge(block, j, position);
        const Cycle read = written - 1 - machine_.decode_cycles(Memory::output_buffer);
        if (j > 0 && (joint_ || read >= struck)) {
            events_.push_back({read, Event::Kind::read_by_array, field, {&block, position, j - 1}, true, 0});
        }
        if (joint_ || written > struck) {
            events_.push_back({written, Event::Kind::write, field, {&block, position, j}, true, 0});
        } else {
            before_[static_cast<std::size_t>(field)] = {&block, position, j};
        }
        rewritten_[static_cast<std::size_t>(field)] =
            rewritten_[static_cast<std::size_t>(field)] || written > struck;
    }
    events_.push_back({drained(block, position),
                       Event::Kind::read_by_vector_unit,
                       field,
                       {&block, position, last},
                       true,
                       0});
}

std::int64_t AccumulatorWord::element(const Slot& slot) const {
    const Fold& f = fold(*slot.block, 0);
    const MacLayer& layer = machine_.mac_layer(f.layer);
    return layer.output_element(layer.channel(f.group, f.first_n + slot.position / f.pixels),
                                f.first_pixel + slot.position % f.pixels);
}

// The accumulator behind its last fold, without the bias, which the vector unit adds.
std::uint32_t AccumulatorWord::golden_sum(const Slot& slot, const Walk& walk) const {
    const Fold& first = fold(*slot.block, 0);
    if (walk.golden != nullptr && slot.k_fold + 1 == static_cast<std::int32_t>(slot.block->folds.size())) {
        const auto at = static_cast<std::size_t>(element(slot));
        const MacLayer& layer = machine_.mac_layer(first.layer);
        return static_cast<std::uint32_t>(walk.golden->accumulators[index_of(first.layer)][at]) -
               static_cast<std::uint32_t>(layer.layer->bias[at / static_cast<std::size_t>(layer.gemm.m)]);
    }
    std::uint32_t sum = 0;
    for (std::int32_t j = 0; j <= slot.k_fold; ++j) {
        sum += walk.sums->total(fold(*slot.block, j), slot.position % first.pixels,
                                slot.position / first.pixels);
    }
    return sum;
}

protect::Decoded AccumulatorWord::decode(const Walk& walk) const {
    const protect::Decoded decoded =
        machine_.code(Memory::output_buffer).decode_error(latent_, machine_.config.output_buffer.word_bits);
    if (walk.result != nullptr) {
        walk.result->corrected = walk.result->corrected || decoded.corrected;
        walk.result->detected = walk.result->detected || decoded.detected;
    }
    return decoded;
}

void AccumulatorWord::write(const Event& event, const Walk& walk) {
    if (latent_.any() && fields_ > 1) {
        const protect::Decoded decoded = decode(walk);
        for (int i = 0; i < fields_; ++i) {
            State& state = states_[static_cast<std::size_t>(i)];
            state.zero = state.zero || decoded.detected;
            state.flipped = decoded.detected ? 0 : state.flipped ^ field_of(decoded.residual, i);
        }
    }
    latent_.reset();
    State& state = states_[static_cast<std::size_t>(event.field)];
    state.offset = event.slot.k_fold > 0 ? state.pending : 0;
    state.slot = event.slot;
    state.pending = 0;
    state.flipped = 0;
    state.zero = false;
    if (walk.changes != nullptr && joint_ && event.followed && layer_of(event.slot) == walk.layer) {
        const Fold& f = fold(*event.slot.block, event.slot.k_fold);
        state.offset +=
            walk.changes->claim(event.slot.block->folds[static_cast<std::size_t>(event.slot.k_fold)],
                                event.slot.position % f.pixels, event.slot.position / f.pixels);
    }
}

void AccumulatorWord::read(const Event& event, const Walk& walk) {
    read_ = read_ || event.cycle >= strikes_.front().cycle;
    State& state = states_[static_cast<std::size_t>(event.field)];
    bool zero = state.zero;
    std::uint32_t flipped = state.flipped;
    if (latent_.any()) {
        const protect::Decoded decoded = decode(walk);
        zero = zero || decoded.detected;
        flipped = decoded.detected ? 0 : flipped ^ field_of(decoded.residual, event.field);
    }
    if (walk.changes == nullptr || layer_of(event.slot) != walk.layer) {
        return;
    }
    std::uint32_t off = state.offset;
    if (zero || flipped != 0) {
        const std::uint32_t golden = golden_sum(event.slot, walk);
        off = ((zero ? 0 : golden + state.offset) ^ flipped) - golden;
    }
    if (event.kind == Event::Kind::read_by_array) {
        state.pending = off;
    } else if (off != 0) {
        walk.changes->output_off(element(event.slot), off);
    }
}

void AccumulatorWord::walk(const Walk& walk) {
    latent_.reset();
    read_ = false;
    for (int i = 0; i < fields_; ++i) {
        states_[static_cast<std::size_t>(i)] = State{};
        states_[static_cast<std::size_t>(i)].slot = before_[static_cast<std::size_t>(i)];
    }
    for (const Event& event : events_) {
        if (event.kind == Event::Kind::strike) {
            latent_ ^= strikes_[event.strike].bits;
        } else if (event.kind == Event::Kind::write) {
            write(event, walk);
        } else {
            read(event, walk);
        }
    }
}

// What the first strike meets.
void AccumulatorWord::note(const FoldSums& sums, const arith::GoldenRun& golden, Resolution& result) const {
    const WordBits& bits = strikes_.front().bits;
    bool noted = false;
    for (int i = 0; i < fields_; ++i) {
        const Slot& slot = before_[static_cast<std::size_t>(i)];
        if (slot.block == nullptr) {
            continue;
        }
        if (result.layer < 0) {
            result.layer = static_cast<std::int32_t>(layer_of(slot));
        }
        if (const std::uint32_t mask = field_of(bits, i); mask != 0 && !noted) {
            noted = true;
            Walk walk;
            walk.sums = &sums;
            walk.golden = &golden;
            result.golden_bits = golden_sum(slot, walk);
            result.faulty_bits = result.golden_bits ^ mask;
        }
    }
}

void AccumulatorWord::report(const FoldSums& sums, const arith::GoldenRun& golden, Resolution& result) {
    if (!joint_) {
        note(sums, golden, result);
    }
    Walk flags;
    flags.result = &result;
    walk(flags);
    const WordBits& bits = strikes_.front().bits;
    const bool data_struck =
        (bits << static_cast<std::size_t>(kMaxWordBits - kAccumulatorBits * fields_)).any();
    bool held = false;  // a struck accumulator, or any where check bits alone were struck, holds a sum
    bool rewritten = false;
    for (int i = 0; i < fields_; ++i) {
        const bool struck = !data_struck || field_of(bits, i) != 0;
        held = held || (struck && before_[static_cast<std::size_t>(i)].block != nullptr);
        rewritten = rewritten || (struck && rewritten_[static_cast<std::size_t>(i)]);
    }
    if (!held) {
        result.dead = DeadReason::idle;
    } else if (!read_) {
        result.dead = rewritten ? DeadReason::overwritten : DeadReason::never_read;
    } else {
        result.dead = result.corrected && !result.detected ? DeadReason::corrected : DeadReason::no_effect;
    }
}

void AccumulatorWord::evaluate(LayerId layer, const FoldSums& sums, const arith::GoldenRun* golden,
                               LayerChanges& changes) {
    Walk values;
    values.layer = layer;
    values.sums = &sums;
    values.golden = golden;
    values.changes = &changes;
    walk(values);
}

}  // namespace fluence::fault
