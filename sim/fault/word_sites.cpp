#include "sim/fault/word_sites.h"

#include <algorithm>
#include <iterator>
#include <limits>

#include "sim/fault/operand_use.h"
#include "sim/protect/recovery.h"

namespace fluence::fault {

using dataflow::Field;
using dataflow::FieldKind;

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

WordSites::Read WordSites::decode(Memory memory, std::int64_t dram_word, const State& state) const {
    if (machine_.selective.codes(memory, dram_word)) {
        return decode_selective(memory, dram_word, state);
    }
    const protect::Decoded decoded =
        machine_.code(memory).decode_error(state.latent, 8 * machine_.memory.word_bytes());
    Read read{state.stored, decoded.corrected, decoded.detected, 0};
    read.delivered.residual ^= decoded.residual;
    if (decoded.detected) {
        read.delivered = {true, {}};
    }
    return read;
}

WordBits WordSites::right_value(std::int64_t dram_word) const {
    WordBits right;
    if (dram_word != SelectiveWords::kNoWord) {
        for (const Field& field : machine_.memory.fields(dram_word)) {
            right |= WordBits(golden_.bits(field)) << static_cast<std::size_t>(field.bit);
        }
    }
    return right;
}

// What a wrong signature does depends on the data.
WordSites::Read WordSites::decode_selective(Memory memory, std::int64_t dram_word, const State& state) const {
    const WordBits right = right_value(dram_word);
    const protect::SelectiveCode& code = machine_.selective.code();
    const WordBits value = state.stored.zero ? WordBits() : right ^ state.stored.residual;
    const protect::SelectiveCode::Read got = code.decode(code.encode(value, state.signature) ^ state.latent,
                                                         machine_.selective.slots(memory, dram_word));
    return {{false, got.data ^ right}, got.corrected, got.detected, got.signature};
}

protect::Signature WordSites::signature_of(Memory memory, std::int64_t dram_word) const {
    if (!machine_.selective.codes(memory, dram_word)) {
        return 0;
    }
    return protect::SelectiveCode::fitted(machine_.selective.planned(dram_word),
                                          machine_.selective.slots(memory, dram_word));
}

protect::Signature WordSites::kept_signature(Memory memory, std::int64_t dram_word, const Read& read) const {
    return machine_.selective.codes(memory, dram_word)
               ? protect::SelectiveCode::fitted(read.signature, machine_.selective.slots(memory, dram_word))
               : 0;
}

bool WordSites::stores_data_alone(Memory memory, std::int64_t dram_word) const {
    return machine_.code(memory).check_bits(8 * machine_.memory.word_bytes()) == 0 &&
           !machine_.selective.codes(memory, dram_word);
}

WordSites::Delivered WordSites::note(Memory memory, const Read& read, Cycle cycle, Verdicts& verdicts) const {
    const bool aborts =
        read.detected && machine_.policy.memory[index_of(memory)].on_due == protect::DueAction::abort;
    verdicts.add({cycle, read.corrected, read.detected, read.detected, aborts, 0});
    return read.delivered;
}

std::vector<WordSites::State> WordSites::history(Memory memory, std::int64_t word, std::int64_t dram_word,
                                                 const State& first, const std::vector<Strike>& strikes,
                                                 Cycle until) const {
    std::vector<State> states = {first};
    auto strike =
        std::find_if(strikes.begin(), strikes.end(), [&](const Strike& s) { return s.cycle >= first.from; });
    while (true) {
        const bool struck = strike != strikes.end() && strike->cycle < until;
        const Cycle end = struck ? strike->cycle : until;
        if (states.back().latent.any()) {
            const Cycle scrubbed = machine_.next_scrub(memory, word, states.back().from);
            if (scrubbed < end) {
                const Read read = decode(memory, dram_word, states.back());
                if (read.corrected && !read.detected) {
                    states.push_back({scrubbed + 1,
                                      read.delivered,
                                      {},
                                      scrubbed,
                                      kept_signature(memory, dram_word, read)});
                }
            }
        }
        if (!struck) {
            return states;
        }
        const State& before = states.back();
        states.push_back({end, before.stored, before.latent ^ strike->bits, -1, before.signature});
        ++strike;
    }
}

WordBits WordSites::left(std::int64_t word, const std::vector<Strike>& strikes, Cycle last_edge) const {
    const Cycle written = machine_.written_at(word);
    const Cycle from = written <= last_edge ? written : 0;
    const std::vector<State> states =
        history(Memory::dram, word, word, {from, {}, {}, -1, signature_of(Memory::dram, word)}, strikes,
                last_edge + 1);
    // A scrubber that reads in the last cycle writes nothing back any more.
    const State& last = states.back().from <= last_edge ? states.back() : *std::prev(states.end(), 2);
    if (machine_.selective.codes(Memory::dram, word)) {
        const protect::SelectiveCode& code = machine_.selective.code();
        const WordBits right = right_value(word);
        return last.latent ^ code.encode(right, signature_of(Memory::dram, word)) ^
               code.encode(right ^ last.stored.residual, last.signature);
    }
    const int data_bits = 8 * machine_.memory.word_bytes();
    return last.latent ^ machine_.code(Memory::dram).encode(last.stored.residual, data_bits);
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
            result.golden_bits = golden_.bits(field);
            result.faulty_bits = result.golden_bits ^ (mask << field.value_bit);
            return;
        }
    }
}

WordSites::Delivered WordSites::read_dram(std::int64_t word, Cycle cycle, Verdicts& verdicts) const {
    for (const DramWord& struck : dram_words_) {
        if (struck.word != word) {
            continue;
        }
        const auto next = std::upper_bound(struck.states.begin(), struck.states.end(), cycle,
                                           [](Cycle c, const State& state) { return c < state.from; });
        if (next == struck.states.begin()) {
            return {};
        }
        return note(Memory::dram, decode(Memory::dram, word, *std::prev(next)), cycle, verdicts);
    }
    return {};
}

// The scrubber sees words, too, that nothing was written to yet.
bool WordSites::scrub_unread(Memory memory, std::int64_t word, std::int64_t dram_word,
                             const std::vector<Strike>& strikes, Cycle from, Cycle until) {
    bool scrubbed = false;
    if (until > from) {
        for (const State& state : history(memory, word, dram_word, {from, {}, {}, -1, 0}, strikes, until)) {
            note_scrub(state);
            scrubbed = scrubbed || state.scrubbed >= 0;
        }
    }
    return scrubbed;
}

void WordSites::note_scrub(const State& state) {
    if (state.scrubbed >= 0) {
        verdicts_.add({state.scrubbed, true, false, false, false, 0});
    }
}

void WordSites::dram(std::int64_t word, const std::vector<Strike>& strikes, Resolution& result) {
    const std::vector<Field> fields = machine_.memory.fields(word);
    const Cycle stored = machine_.stored_at(word);
    scrub_unread(Memory::dram, word, word, strikes, 0, stored);
    if (strikes.back().cycle < stored) {
        result.dead = DeadReason::idle;  // a tensor that does not exist yet
        return;
    }
    const dataflow::Region& region = machine_.memory.region_of(word);
    const WordBits& bits = strikes.back().bits;
    note_field(fields, bits, result);
    const protect::Signature signature = signature_of(Memory::dram, word);
    dram_words_.push_back(
        {word, history(Memory::dram, word, word, {stored, {}, {}, -1, signature}, strikes, kEver)});
    const std::vector<State>& states = dram_words_.back().states;
    for (const State& state : states) {
        note_scrub(state);
    }
    bool fetched = false;  // by a load
    bool read = false;     // and a wrong value of it used
    bool wrong = false;
    bool corrected = false;
    const auto fetch = [&](const State& state, Cycle cycle) {
        const Read got = decode(Memory::dram, word, state);
        note(Memory::dram, got, cycle, verdicts_);
        corrected = corrected || got.corrected || state.scrubbed >= 0;
        wrong = wrong || got.delivered.zero || touches(fields, got.delivered.residual);
        return got;
    };
    const auto clean = [&](const State& state) {
        return state.latent.none() && !state.stored.wrong() && state.signature == signature;
    };
    for (const LoadedWord& loaded : machine_.loads_of(word)) {
        const auto next = std::upper_bound(states.begin(), states.end(), loaded.read,
                                           [](Cycle c, const State& state) { return c < state.from; });
        if (next == states.begin() || clean(*std::prev(next))) {
            continue;
        }
        const LayerId layer = machine_.timeline.loads[static_cast<std::size_t>(loaded.load)].layer;
        result.layer = fetched ? result.layer : static_cast<std::int32_t>(layer);
        fetched = true;
        const Read got = fetch(*std::prev(next), loaded.read);
        const Delivered& delivered = got.delivered;
        if (region.content == traces::Content::parameters) {
            read = true;
            for (const Field& field : fields) {
                feed_parameter(layer, field, change_of(field, delivered));
            }
        } else if (delivered.wrong() || got.signature != signature) {
            wrong_loads_.push_back({loaded.load, word, delivered, got.signature, false});
        }
    }
    if (region.content == traces::Content::activations &&
        region.owner == machine_.memory.activations(machine_.graph.logits).owner && !fields.empty() &&
        !clean(states.back())) {
        fetched = true;
        read = true;
        host_reads(fields, fetch(states.back(), machine_.timeline.cycles).delivered);
        for (std::size_t i = 0; i < machine_.graph.layers.size(); ++i) {
            if (static_cast<std::int32_t>(machine_.graph.layers[i].output) == fields.front().owner) {
                result.layer = static_cast<std::int32_t>(i);
            }
        }
    }
    result.dead = reason_without_effect(read, false);
    if (fetched && !wrong) {
        result.dead = corrected ? DeadReason::corrected : DeadReason::padding;
    } else if (!fetched && states.back().scrubbed >= 0) {
        result.dead = DeadReason::corrected;
    } else if (!fetched && !touches(fields, bits) && stores_data_alone(Memory::dram, word)) {
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
    const auto next = after(strikes.front().cycle);
    if (next == loads.begin()) {
        result.dead = DeadReason::idle;
        scrub_unread(memory, word, SelectiveWords::kNoWord, strikes, 0,
                     loads.empty() ? kEver : loads.front().write);
    }
    const auto end = after(strikes.back().cycle);
    for (auto content = next == loads.begin() ? next : std::prev(next); content != end; ++content) {
        const Cycle until = std::next(content) == loads.end() ? kEver : std::next(content)->write;
        if (content->load < 0) {
            result.dead = scrub_unread(memory, word, SelectiveWords::kNoWord, strikes, content->write, until)
                              ? DeadReason::corrected
                              : reason_without_effect(false, next != loads.end());
            continue;
        }
        const std::vector<Field> fields = machine_.memory.fields(content->dram_word);
        const WordBits& bits = strikes.front().bits;
        if (content + 1 == next) {
            result.layer = static_cast<std::int32_t>(
                machine_.timeline.loads[static_cast<std::size_t>(content->load)].layer);
            note_field(fields, bits, result);
        }
        State first{content->write, {}, {}, -1, signature_of(memory, content->dram_word)};
        for (WrongLoad& wrong : wrong_loads_) {
            if (wrong.load == content->load && wrong.dram_word == content->dram_word) {
                first.stored = wrong.delivered;
                first.signature =
                    kept_signature(memory, content->dram_word, {{}, false, false, wrong.signature});
                wrong.placed = true;
            }
        }
        Outcome outcome;
        read_states(memory, word, *content, fields, first, strikes, until, outcome);
        result.dead = reason_without_effect(outcome.wrong_value, next != loads.end());
        if (outcome.read && !outcome.wrong) {
            result.dead = outcome.corrected ? DeadReason::corrected : DeadReason::padding;
        } else if (!outcome.read && !touches(fields, bits) && stores_data_alone(memory, content->dram_word)) {
            result.dead = DeadReason::padding;
        }
    }
}

void WordSites::read_states(Memory memory, std::int64_t word, const LoadedWord& content,
                            const std::vector<Field>& fields, const State& first,
                            const std::vector<Strike>& strikes, Cycle until, Outcome& outcome) {
    const bool fetches = machine_.policy.memory[index_of(memory)].on_due == protect::DueAction::refetch;
    const std::vector<State> states = history(memory, word, content.dram_word, first, strikes, until);
    for (std::size_t i = 0; i < states.size(); ++i) {
        const State& state = states[i];
        note_scrub(state);
        outcome.corrected = outcome.corrected || state.scrubbed >= 0;
        const Cycle end = i + 1 < states.size() ? states[i + 1].from : kEver;
        const Read got = decode(memory, content.dram_word, state);
        if ((!got.delivered.wrong() && state.latent.none()) || state.from >= end) {
            continue;
        }
        if (got.detected && fetches) {
            const Reads would = feed(content.load, fields, {}, state.from, end);
            if (!would.word) {
                continue;
            }
            outcome.read = true;
            std::vector<Strike> later;
            std::copy_if(strikes.begin(), strikes.end(), std::back_inserter(later),
                         [&](const Strike& strike) { return strike.cycle > would.first; });
            const State fetched{would.first, fetch_again(memory, content, would.first), {}, -1, 0};
            return read_states(memory, word, content, fields, fetched, later, until, outcome);
        }
        const Reads reads = feed(content.load, fields, got.delivered, state.from, end);
        if (reads.word) {
            note(memory, got, reads.first, verdicts_);
        }
        outcome.read = outcome.read || reads.word;
        outcome.wrong_value = outcome.wrong_value || reads.wrong_value;
        outcome.corrected = outcome.corrected || (reads.word && got.corrected);
        outcome.wrong = outcome.wrong || got.delivered.zero || touches(fields, got.delivered.residual);
    }
}

WordSites::Delivered WordSites::fetch_again(Memory memory, const LoadedWord& content, Cycle cycle) {
    if (machine_.timeline.loads[static_cast<std::size_t>(content.load)].kept) {
        verdicts_.add({cycle, false, true, true, true, 0});  // DRAM does not have it
        return {};
    }
    verdicts_.add({cycle, false, true, false, false,
                   protect::refetch_cycles(machine_.config, machine_.timing, memory).count()});
    return read_dram(content.dram_word, cycle, verdicts_);
}

std::vector<StruckOperand> WordSites::operands_in_dram(std::int32_t fold, std::int64_t m, std::int64_t n,
                                                       Cycle cycle, Verdicts* verdicts) const {
    std::vector<StruckOperand> operands;
    const traces::Fold& f = machine_.fold(fold);
    const MacLayer& layer = machine_.mac_layer(f.layer);
    Verdicts ignored;
    for (const DramWord& struck : dram_words_) {
        bool read = false;
        std::vector<std::pair<StruckOperand, Field>> found;
        for (const Field& field : machine_.memory.fields(struck.word)) {
            const auto uses = [&](bool weight, std::int64_t k) {
                if (k >= f.first_k && k < f.first_k + f.terms) {
                    read = true;
                    const std::int64_t user = weight ? m : n;
                    found.push_back(
                        {{fold, weight, k - f.first_k, weight ? n : m, user, user + 1, {}, 0}, field});
                }
            };
            if (field.kind == FieldKind::weight && field.owner == layer.id &&
                field.index / layer.gemm.k / layer.gemm.n == f.group &&
                layer.position_of(field) == f.first_n + n) {
                const std::int64_t k = field.index % layer.gemm.k;
                if (layer.im2col.input_element(f.group, f.first_pixel + m, k) >= 0) {  // not for padding
                    uses(true, k);
                }
            } else if (field.kind == FieldKind::activation &&
                       field.owner == machine_.memory.activations(layer.layer->inputs[0]).owner &&
                       layer.im2col.group_of(field.index) == f.group) {
                layer.im2col.for_each_use(field.index, [&](std::int64_t pixel, std::int64_t k) {
                    if (pixel == f.first_pixel + m) {
                        uses(false, k);
                    }
                });
            }
        }
        if (read) {
            const Delivered delivered =
                read_dram(struck.word, cycle, verdicts != nullptr ? *verdicts : ignored);
            for (auto& [operand, field] : found) {
                operand.code = change_of(field, delivered);
                operands.push_back(operand);
            }
        }
    }
    return operands;
}

void WordSites::finish(Resolution& result) {
    std::vector<Field> fields;
    std::int64_t fields_of = -1;
    for (const WrongLoad& wrong : wrong_loads_) {
        if (wrong.placed) {
            continue;
        }
        if (wrong.dram_word != fields_of) {
            fields_of = wrong.dram_word;
            fields = machine_.memory.fields(fields_of);
        }
        const Reads reads =
            feed(wrong.load, fields, wrong.delivered, std::numeric_limits<Cycle>::min(), kEver);
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
        Cycle first = kEver;
        if (field.kind == FieldKind::weight) {
            first = feed_weight(load, field, change, from, until);
        } else if (machine_.graph.layer(layer).has_macs()) {
            first = feed_array(load, layer, field, change, from, until);
        } else {
            first = feed_vector_unit(load, field, change, from, until);
        }
        reads.first = std::min(reads.first, first);
        reads.word = reads.word || first != kEver;
        reads.wrong_value = reads.wrong_value || (first != kEver && !change.none());
    }
    return reads;
}

Cycle WordSites::feed_weight(std::int32_t load, const Field& field, const BitChange& change, Cycle from,
                             Cycle until) {
    const MacLayer& layer = machine_.mac_layer(layer_id(static_cast<std::size_t>(field.owner)));
    const std::int64_t channel = field.index / layer.gemm.k;
    const std::int64_t k = field.index % layer.gemm.k;
    const std::int64_t n = layer.position_of(field);
    Cycle first = kEver;
    machine_.for_each_weight_fold(load, static_cast<int>(channel / layer.gemm.n), k, n, [&](std::int32_t id) {
        const traces::Fold& fold = machine_.fold(id);
        const Cycle at = machine_.weight_read_cycle(fold, k - fold.first_k, n - fold.first_n);
        if (at < from || at >= until) {
            return;
        }
        first = std::min(first, at);
        if (!change.none()) {
            effects_.of(fold.layer)
                .operands.push_back(
                    {id, true, k - fold.first_k, n - fold.first_n, 0, fold.pixels, change, 0});
        }
    });
    return first;
}

Cycle WordSites::feed_array(std::int32_t load, LayerId consumer, const Field& field, const BitChange& change,
                            Cycle from, Cycle until) {
    const MacLayer& layer = machine_.mac_layer(consumer);
    const int group = layer.im2col.group_of(field.index);
    Cycle first = kEver;
    layer.im2col.for_each_use(field.index, [&](std::int64_t m, std::int64_t k) {
        machine_.for_each_activation_fold(load, group, m, k, [&](std::int32_t id) {
            const traces::Fold& fold = machine_.fold(id);
            const Cycle at = machine_.activation_read_cycle(fold, m - fold.first_pixel, k - fold.first_k);
            if (at < from || at >= until) {
                return;
            }
            first = std::min(first, at);
            if (!change.none()) {
                effects_.of(fold.layer)
                    .operands.push_back(
                        {id, false, k - fold.first_k, m - fold.first_pixel, 0, fold.channels, change, 0});
            }
        });
    });
    return first;
}

Cycle WordSites::feed_vector_unit(std::int32_t load, const Field& field, const BitChange& change, Cycle from,
                                  Cycle until) {
    Cycle read = kEver;
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
        if (last >= 0) {
            read = std::min(read, pass.read_cycle(first - pass.first_element));
        }
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
