#include "sim/fault/word_sites.h"

#include <algorithm>
#include <limits>

#include "sim/fault/operand_use.h"

namespace fluence::fault {

using dataflow::Field;
using dataflow::FieldKind;
using workloads::Layer;

namespace {

constexpr Cycle kEver = std::numeric_limits<Cycle>::max();

std::uint32_t low_bits(int width) {
    return width >= 32 ? ~std::uint32_t{0} : (std::uint32_t{1} << width) - 1;
}

// `width` bits of a word from `bit` on.
std::uint32_t extract(const WordBits& bits, int bit, int width) {
    std::uint32_t value = 0;
    for (int i = 0; i < width; ++i) {
        value |= std::uint32_t{bits[static_cast<std::size_t>(bit + i)]} << i;
    }
    return value;
}

bool touches(const std::vector<Field>& fields, const WordBits& bits) {
    return std::any_of(fields.begin(), fields.end(),
                       [&](const Field& field) { return extract(bits, field.bit, field.width) != 0; });
}

// Why an upset that was read, or not, changed nothing.
DeadReason reason_without_effect(bool read, bool written_again) {
    if (read) {
        return DeadReason::no_effect;
    }
    return written_again ? DeadReason::overwritten : DeadReason::never_read;
}

}  // namespace

WordSites::Read WordSites::decode(Memory memory, const State& state) const {
    const protect::Decoded decoded =
        machine_.code(memory).decode_error(state.latent, 8 * machine_.memory.word_bytes());
    Read read{state.stored, decoded.corrected, decoded.detected};
    read.delivered.residual ^= decoded.residual;
    if (decoded.detected) {
        read.delivered = {true, {}};
    }
    return read;
}

std::vector<WordSites::State> WordSites::history(const State& first, const std::vector<Strike>& strikes,
                                                 Cycle until) const {
    std::vector<State> states = {first};
    for (const Strike& strike : strikes) {
        if (strike.cycle >= first.from && strike.cycle < until) {
            State state = states.back();
            state.from = strike.cycle;
            state.latent ^= strike.bits;
            states.push_back(state);
        }
    }
    return states;
}

std::uint32_t WordSites::stored_bits(const Field& field) const {
    const auto index = static_cast<std::size_t>(field.index);
    if (field.kind == FieldKind::activation) {
        const auto tensor = static_cast<std::size_t>(field.owner);
        return static_cast<std::uint32_t>(golden_.tensors[tensor][index]) &
               low_bits(width_bits(machine_.graph.tensors[tensor].format));
    }
    const Layer& layer = machine_.graph.layers[static_cast<std::size_t>(field.owner)];
    switch (field.kind) {
        case FieldKind::weight:
            return static_cast<std::uint8_t>(layer.weights[index]);
        case FieldKind::bias:
            return static_cast<std::uint32_t>(layer.bias[index]);
        case FieldKind::multiplier:
            return static_cast<std::uint32_t>(layer.multiplier[index]);
        case FieldKind::shift:
        case FieldKind::activation:
            break;
    }
    return layer.shift[index];
}

// In the value's own bits.
BitChange WordSites::change_of(const Field& field, const Delivered& delivered) const {
    BitChange change;
    if (delivered.zero) {
        change.keep = ~(low_bits(field.width) << field.value_bit);
    }
    change.flip = extract(delivered.residual, field.bit, field.width) << field.value_bit;
    return change;
}

void WordSites::note_field(const std::vector<Field>& fields, const WordBits& bits, Resolution& result) const {
    for (const Field& field : fields) {
        const std::uint32_t mask = extract(bits, field.bit, field.width);
        if (mask != 0) {
            result.golden_bits = stored_bits(field);
            result.faulty_bits = result.golden_bits ^ (mask << field.value_bit);
            return;
        }
    }
}

void WordSites::dram(std::int64_t word, const std::vector<Strike>& strikes, Resolution& result) {
    const std::vector<Field> fields = machine_.memory.fields(word);
    const int data_bits = 8 * machine_.memory.word_bytes();
    const Cycle stored = machine_.stored_at(word);
    if (strikes.back().cycle < stored) {
        result.dead = DeadReason::idle;  // a tensor that does not exist yet
        return;
    }
    const dataflow::Region& region = machine_.memory.region_of(word);
    const WordBits& bits = strikes.back().bits;
    note_field(fields, bits, result);
    const std::vector<State> states = history({stored, {}, {}}, strikes, kEver);
    bool fetched = false;  // by a load
    bool read = false;     // and a wrong value of it used
    bool wrong = false;
    const auto fetch = [&](const State& state) {
        const Read got = decode(Memory::dram, state);
        result.corrected = result.corrected || got.corrected;
        result.detected = result.detected || got.detected;
        wrong = wrong || got.delivered.zero || touches(fields, got.delivered.residual);
        return got.delivered;
    };
    for (const LoadedWord& loaded : machine_.loads_of(word)) {
        const auto next = std::upper_bound(states.begin(), states.end(), loaded.read,
                                           [](Cycle c, const State& state) { return c < state.from; });
        if (next == states.begin() || std::prev(next)->latent.none()) {
            continue;
        }
        const LayerId layer = machine_.timeline.loads[static_cast<std::size_t>(loaded.load)].layer;
        result.layer = fetched ? result.layer : static_cast<std::int32_t>(layer);
        fetched = true;
        const Delivered delivered = fetch(*std::prev(next));
        if (region.content == traces::Content::parameters) {
            read = true;
            for (const Field& field : fields) {
                feed_parameter(layer, field, change_of(field, delivered));
            }
        } else if (delivered.wrong()) {
            wrong_loads_.push_back({loaded.load, word, delivered, false});
        }
    }
    if (region.content == traces::Content::activations &&
        region.owner == machine_.memory.activations(machine_.graph.logits).owner && !fields.empty() &&
        states.back().latent.any()) {
        fetched = true;
        read = true;
        host_reads(fields, fetch(states.back()));
        for (std::size_t i = 0; i < machine_.graph.layers.size(); ++i) {
            if (static_cast<std::int32_t>(machine_.graph.layers[i].output) == fields.front().owner) {
                result.layer = static_cast<std::int32_t>(i);
            }
        }
    }
    result.dead = reason_without_effect(read, false);
    if (fetched && !wrong) {
        result.dead = result.corrected ? DeadReason::corrected : DeadReason::padding;
    } else if (!fetched && !touches(fields, bits) && machine_.code(Memory::dram).check_bits(data_bits) == 0) {
        result.dead = DeadReason::padding;
    }
}

void WordSites::buffer(Memory memory, std::int64_t word, const std::vector<Strike>& strikes,
                       Resolution& result) {
    const std::vector<LoadedWord> loads = machine_.loads_into(memory, word);
    const auto after = [&](Cycle cycle) {
        return std::upper_bound(loads.begin(), loads.end(), cycle,
                                [](Cycle c, const LoadedWord& loaded) { return c < loaded.write; });
    };
    auto next = after(strikes.front().cycle);
    if (next == loads.begin()) {
        result.dead = DeadReason::idle;
    }
    const int data_bits = 8 * machine_.memory.word_bytes();
    const auto end = after(strikes.back().cycle);
    for (auto content = next == loads.begin() ? next : std::prev(next); content != end; ++content) {
        const std::vector<Field> fields = machine_.memory.fields(content->dram_word);
        const WordBits& bits = strikes.front().bits;
        if (content + 1 == next) {
            result.layer = static_cast<std::int32_t>(
                machine_.timeline.loads[static_cast<std::size_t>(content->load)].layer);
            note_field(fields, bits, result);
        }
        State first{content->write, {}, {}};
        for (WrongLoad& wrong : wrong_loads_) {
            if (wrong.load == content->load && wrong.dram_word == content->dram_word) {
                first.stored = wrong.delivered;
                wrong.placed = true;
            }
        }
        const std::vector<State> states =
            history(first, strikes, std::next(content) == loads.end() ? kEver : std::next(content)->write);
        Reads all;
        bool wrong = false;
        for (std::size_t i = 0; i < states.size(); ++i) {
            const Read got = decode(memory, states[i]);
            if (!got.delivered.wrong() && states[i].latent.none()) {
                continue;
            }
            const Reads reads = feed(content->load, fields, got.delivered, states[i].from,
                                     i + 1 < states.size() ? states[i + 1].from : kEver);
            result.corrected = result.corrected || (reads.word && got.corrected);
            result.detected = result.detected || (reads.word && got.detected);
            wrong = wrong || got.delivered.zero || touches(fields, got.delivered.residual);
            all.word = all.word || reads.word;
            all.wrong_value = all.wrong_value || reads.wrong_value;
        }
        result.dead = reason_without_effect(all.wrong_value, next != loads.end());
        if (all.word && !wrong) {
            result.dead = result.corrected ? DeadReason::corrected : DeadReason::padding;
        } else if (!all.word && !touches(fields, bits) && machine_.code(memory).check_bits(data_bits) == 0) {
            result.dead = DeadReason::padding;
        }
    }
}

void WordSites::finish(Resolution& result) {
    for (const WrongLoad& wrong : wrong_loads_) {
        if (wrong.placed) {
            continue;
        }
        const Reads reads = feed(wrong.load, machine_.memory.fields(wrong.dram_word), wrong.delivered,
                                 std::numeric_limits<Cycle>::min(), kEver);
        if (reads.wrong_value) {
            result.dead = DeadReason::no_effect;
        }
    }
}

void WordSites::host_reads(const std::vector<Field>& fields, const Delivered& delivered) {
    for (const Field& field : fields) {
        logits_.push_back({field.index, change_of(field, delivered)});
    }
}

WordSites::Reads WordSites::feed(std::int32_t load, const std::vector<Field>& fields,
                                 const Delivered& delivered, Cycle from, Cycle until) {
    const LayerId layer = machine_.timeline.loads[static_cast<std::size_t>(load)].layer;
    Reads reads;
    for (const Field& field : fields) {
        const BitChange change = change_of(field, delivered);
        bool read = false;
        if (field.kind == FieldKind::weight) {
            read = feed_weight(load, field, change, from, until);
        } else if (machine_.graph.layer(layer).has_macs()) {
            read = feed_array(load, layer, field, change, from, until);
        } else {
            read = feed_vector_unit(load, field, change, from, until);
        }
        reads.word = reads.word || read;
        reads.wrong_value = reads.wrong_value || (read && !change.none());
    }
    return reads;
}

bool WordSites::feed_weight(std::int32_t load, const Field& field, const BitChange& change, Cycle from,
                            Cycle until) {
    const MacLayer& layer = machine_.mac_layer(layer_id(static_cast<std::size_t>(field.owner)));
    const std::int64_t channel = field.index / layer.gemm.k;
    const std::int64_t k = field.index % layer.gemm.k;
    const std::int64_t n = channel % layer.gemm.n;
    bool read = false;
    machine_.for_each_weight_fold(load, static_cast<int>(channel / layer.gemm.n), k, n, [&](std::int32_t id) {
        const traces::Fold& fold = machine_.fold(id);
        const Cycle at = machine_.weight_read_cycle(fold, k - fold.first_k, n - fold.first_n);
        if (at < from || at >= until) {
            return;
        }
        read = true;
        if (!change.none()) {
            effects_.of(fold.layer)
                .operands.push_back(
                    {id, true, k - fold.first_k, n - fold.first_n, 0, fold.pixels, change, 0});
        }
    });
    return read;
}

bool WordSites::feed_array(std::int32_t load, LayerId consumer, const Field& field, const BitChange& change,
                           Cycle from, Cycle until) {
    const MacLayer& layer = machine_.mac_layer(consumer);
    const int group = layer.im2col.group_of(field.index);
    bool read = false;
    layer.im2col.for_each_use(field.index, [&](std::int64_t m, std::int64_t k) {
        machine_.for_each_activation_fold(load, group, m, k, [&](std::int32_t id) {
            const traces::Fold& fold = machine_.fold(id);
            const Cycle at = machine_.activation_read_cycle(fold, m - fold.first_pixel, k - fold.first_k);
            if (at < from || at >= until) {
                return;
            }
            read = true;
            if (!change.none()) {
                effects_.of(fold.layer)
                    .operands.push_back(
                        {id, false, k - fold.first_k, m - fold.first_pixel, 0, fold.channels, change, 0});
            }
        });
    });
    return read;
}

bool WordSites::feed_vector_unit(std::int32_t load, const Field& field, const BitChange& change, Cycle from,
                                 Cycle until) {
    bool read = false;
    for (const MachineView::OperandUse& use : machine_.operand_uses(load)) {
        const traces::VectorPass& pass = machine_.timeline.passes[static_cast<std::size_t>(use.pass)];
        std::int64_t first = std::numeric_limits<std::int64_t>::max();
        std::int64_t last = -1;
        for_each_output_use(
            machine_.graph, machine_.graph.layer(pass.layer), use.input, field.index,
            [&](std::int64_t output) {
                const std::int64_t i = output - pass.first_element;
                if (i >= 0 && i < pass.elements && pass.read_cycle(i) >= from && pass.read_cycle(i) < until) {
                    first = std::min(first, output);
                    last = std::max(last, output);
                }
            });
        read = read || last >= 0;
        if (last >= 0 && !change.none()) {
            effects_.of(pass.layer).reads.push_back({use.input, field.index, change, first, last + 1});
        }
    }
    return read;
}

void WordSites::feed_parameter(LayerId layer, const Field& field, const BitChange& change) {
    const arith::Parameter parameter = field.kind == FieldKind::bias         ? arith::Parameter::bias
                                       : field.kind == FieldKind::multiplier ? arith::Parameter::multiplier
                                                                             : arith::Parameter::shift;
    if (!change.none()) {
        effects_.of(layer).parameters.push_back({parameter, field.index, change});
    }
}

}  // namespace fluence::fault
