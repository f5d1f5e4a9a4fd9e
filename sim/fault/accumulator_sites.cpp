#include "sim/fault/accumulator_sites.h"

#include <algorithm>

#include "sim/arith/golden_sums.h"
#include "sim/protect/recovery.h"

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

AccumulatorWord::AccumulatorWord(const MachineView& machine, const WordSites& words, std::int64_t word,
                                 std::vector<Strike> strikes, bool joint)
    : machine_(machine),
      words_(words),
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

// The blocks that lie in a field of the word from the first strike on. The first one to come behind the last
// strike starts anew.
void AccumulatorWord::schedule(int field) {
    bool undisturbed = false;
    machine_.for_each_block(
        word_ * fields_ + field, [&](const AccumulatorBlock& block, std::int64_t position) {
            const Cycle first = machine_.sum_written(block, 0, position);
            const auto last = static_cast<std::int32_t>(block.folds.size()) - 1;
            if (undisturbed) {
                return;
            }
            if (machine_.sum_drained(block, position) < strikes_.front().cycle) {
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
        const Cycle written = machine_.sum_written(block, j, position);
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
    events_.push_back({machine_.sum_drained(block, position),
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

LayerChanges::Copy AccumulatorWord::copy_of(const Slot& slot) const {
    const Fold& f = fold(*slot.block, 0);
    const bool copy = machine_.mac_layer(f.layer).is_copy(f.group, f.first_n + slot.position / f.pixels);
    return copy ? LayerChanges::Copy::yes : LayerChanges::Copy::no;
}

// The accumulator behind its last fold, without the bias, which the vector unit adds.
std::uint32_t AccumulatorWord::golden_sum(const Slot& slot, const Walk& walk) const {
    const Fold& first = fold(*slot.block, 0);
    if (walk.golden != nullptr && slot.k_fold + 1 == static_cast<std::int32_t>(slot.block->folds.size())) {
        const MacLayer& layer = machine_.mac_layer(first.layer);
        const std::int64_t channel = element(slot) / layer.gemm.m;
        const std::int64_t pixel = element(slot) % layer.gemm.m;
        const std::int64_t at =
            arith::golden_sums_at(layer.gemm.m, layer.gemm.n, channel / layer.gemm.n, pixel) +
            channel % layer.gemm.n;
        return static_cast<std::uint32_t>(
                   walk.golden->accumulators[index_of(first.layer)][static_cast<std::size_t>(at)]) -
               static_cast<std::uint32_t>(layer.layer->bias[static_cast<std::size_t>(channel)]);
    }
    std::uint32_t sum = 0;
    for (std::int32_t j = 0; j <= slot.k_fold; ++j) {
        sum += walk.sums->total(fold(*slot.block, j), slot.position % first.pixels,
                                slot.position / first.pixels);
    }
    return sum;
}

AccumulatorWord::Decoded AccumulatorWord::decode(Cycle cycle, const Walk& walk) {
    const protect::Decoded decoded =
        machine_.code(Memory::output_buffer).decode_error(latent_, machine_.config.output_buffer.word_bits);
    corrected_ = corrected_ || decoded.corrected;
    detected_ = detected_ || decoded.detected;
    const protect::DueAction action = machine_.policy.memory[index_of(Memory::output_buffer)].on_due;
    if (decoded.detected && action == protect::DueAction::recompute) {
        recompute(cycle, walk);
        return {};
    }
    if (walk.verdicts != nullptr) {
        const bool aborts = decoded.detected && action == protect::DueAction::abort;
        walk.verdicts->add({cycle, decoded.corrected, decoded.detected, decoded.detected, aborts, 0});
    }
    return {decoded.detected, decoded.detected ? WordBits{} : decoded.residual};
}

// The code took these for data.
void AccumulatorWord::take_in(const WordBits& residual) {
    for (int i = 0; i < fields_; ++i) {
        states_[static_cast<std::size_t>(i)].flipped ^= field_of(residual, i);
    }
    latent_.reset();
}

void AccumulatorWord::recompute(Cycle cycle, const Walk& walk) {
    std::int64_t terms = 0;
    bool aborts = false;
    for (int i = 0; i < fields_ && !aborts; ++i) {
        State& state = states_[static_cast<std::size_t>(i)];
        state.zero = false;
        state.flipped = 0;
        state.offset = 0;
        if (state.slot.block == nullptr) {
            continue;
        }
        const Fold& last = fold(*state.slot.block, state.slot.k_fold);
        terms += last.first_k + last.terms;
        aborts = machine_.timeline.loads[static_cast<std::size_t>(last.activation_load)].kept;
        state.offset = aborts ? 0 : recomputed_off(state.slot, cycle, walk);
    }
    latent_.reset();
    if (walk.verdicts != nullptr) {
        const Cycle stall =
            aborts ? 0 : protect::recompute_cycles(machine_.config, machine_.timing, terms).count();
        walk.verdicts->add({cycle, false, true, aborts, aborts, stall});
    }
}

std::uint32_t AccumulatorWord::recomputed_off(const Slot& slot, Cycle cycle, const Walk& walk) const {
    std::uint32_t off = 0;
    for (std::int32_t j = 0; j <= slot.k_fold; ++j) {
        const Fold& f = fold(*slot.block, j);
        const std::int64_t m = slot.position % f.pixels;
        const std::int64_t n = slot.position / f.pixels;
        const std::vector<StruckOperand> operands = words_.operands_in_dram(
            slot.block->folds[static_cast<std::size_t>(j)], m, n, cycle, walk.verdicts);
        if (operands.empty() || walk.changes == nullptr || f.layer != walk.layer) {
            continue;
        }
        StruckFold struck(*walk.sums, f);
        for (const StruckOperand& operand : operands) {
            struck.add(operand);
        }
        for (const auto& [at, delta] : struck.evaluate()) {
            off += delta;
        }
    }
    return off;
}

void AccumulatorWord::scrub(Cycle until, const Walk& walk) {
    if (latent_.none()) {
        return;
    }
    const Cycle cycle = machine_.next_scrub(Memory::output_buffer, word_, latent_since_);
    if (cycle >= until) {
        return;
    }
    const protect::Decoded decoded =
        machine_.code(Memory::output_buffer).decode_error(latent_, machine_.config.output_buffer.word_bits);
    if (decoded.corrected) {
        corrected_ = true;
        take_in(decoded.residual);
        if (walk.verdicts != nullptr) {
            walk.verdicts->add({cycle, true, false, false, false, 0});
        }
    }
}

void AccumulatorWord::write(const Event& event, const Walk& walk) {
    if (latent_.any() && fields_ > 1) {
        const Decoded decoded = decode(event.cycle, walk);
        for (State& state : states_) {
            state.zero = state.zero || decoded.zero;
            state.flipped = decoded.zero ? 0 : state.flipped;
        }
        take_in(decoded.residual);
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
    Decoded decoded;
    if (latent_.any()) {
        decoded = decode(event.cycle, walk);
    }
    const bool zero = state.zero || decoded.zero;
    const std::uint32_t flipped = decoded.zero ? 0 : state.flipped ^ field_of(decoded.residual, event.field);
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
        walk.changes->output_off(element(event.slot), copy_of(event.slot), off);
    }
}

void AccumulatorWord::walk(const Walk& walk) {
    latent_.reset();
    read_ = corrected_ = detected_ = false;
    for (int i = 0; i < fields_; ++i) {
        states_[static_cast<std::size_t>(i)] = State{};
        states_[static_cast<std::size_t>(i)].slot = before_[static_cast<std::size_t>(i)];
    }
    for (const Event& event : events_) {
        scrub(event.cycle, walk);
        if (event.kind == Event::Kind::strike) {
            latent_ ^= strikes_[event.strike].bits;
            latent_since_ = event.cycle;
        } else if (event.kind == Event::Kind::write) {
            write(event, walk);
        } else {
            read(event, walk);
        }
    }
    scrub(machine_.timeline.cycles, walk);
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

void AccumulatorWord::report(const FoldSums& sums, const arith::GoldenRun& golden, Verdicts& verdicts,
                             Resolution& result) {
    if (!joint_) {
        note(sums, golden, result);
    }
    Walk flags;
    flags.verdicts = &verdicts;
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
        result.dead = corrected_ && !detected_ ? DeadReason::corrected : DeadReason::no_effect;
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
