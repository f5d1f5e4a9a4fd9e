#include "sim/fault/word_sites.h"

#include <algorithm>
#include <limits>

#include "sim/fault/operand_use.h"

namespace fluence::fault {

using dataflow::Field;
using dataflow::FieldKind;
using workloads::Layer;

namespace {

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

std::int32_t as_code(workloads::NumberFormat format, std::uint32_t bits) {
    return workloads::flip_bits(format, 0, bits);
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

WordSites::Delivered WordSites::decode(Memory memory, const WordBits& bits, int data_bits) const {
    const protect::Decoded decoded = machine_.code(memory).decode_error(bits, data_bits);
    return {decoded.detected, decoded.residual, decoded.corrected};
}

std::uint32_t WordSites::stored_bits(const Field& field) const {
    const auto index = static_cast<std::size_t>(field.index);
    if (field.kind == FieldKind::activation) {
        const auto tensor = static_cast<std::size_t>(field.owner);
        return static_cast<std::uint32_t>(effects_.golden().tensors[tensor][index]) &
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

std::uint32_t WordSites::delivered_bits(const Field& field, const Delivered& delivered) const {
    const std::uint32_t stored = stored_bits(field);
    if (delivered.zero) {
        return stored & ~(low_bits(field.width) << field.value_bit);
    }
    return stored ^ (extract(delivered.residual, field.bit, field.width) << field.value_bit);
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

void WordSites::buffer(Memory memory, std::int64_t word, Cycle cycle, const WordBits& bits,
                       Resolution& result) {
    const std::vector<LoadedWord> loads = machine_.loads_into(memory, word);
    const auto next = std::upper_bound(loads.begin(), loads.end(), cycle,
                                       [](Cycle c, const LoadedWord& loaded) { return c < loaded.write; });
    if (next == loads.begin()) {
        result.dead = DeadReason::idle;
        return;
    }
    const LoadedWord& content = *std::prev(next);
    const std::vector<Field> fields = machine_.memory.fields(content.dram_word);
    const int data_bits = 8 * machine_.memory.word_bytes();
    result.layer =
        static_cast<std::int32_t>(machine_.timeline.loads[static_cast<std::size_t>(content.load)].layer);
    note_field(fields, bits, result);

    const Delivered delivered = decode(memory, bits, data_bits);
    const Reads reads = feed(content.load, fields, delivered, cycle);
    result.corrected = reads.word && delivered.corrected;
    result.detected = reads.word && delivered.zero;
    result.dead = reason_without_effect(reads.wrong_value, next != loads.end());
    if (reads.word && !delivered.zero && !touches(fields, delivered.residual)) {
        result.dead = delivered.corrected ? DeadReason::corrected : DeadReason::padding;
    } else if (!reads.word && !touches(fields, bits) && machine_.code(memory).check_bits(data_bits) == 0) {
        result.dead = DeadReason::padding;
    }
}

void WordSites::dram(std::int64_t word, Cycle cycle, const WordBits& bits, Resolution& result) {
    const dataflow::Region& region = machine_.memory.region_of(word);
    const std::vector<Field> fields = machine_.memory.fields(word);
    const int data_bits = 8 * machine_.memory.word_bytes();
    const Cycle stored = machine_.stored_at(word);
    if (cycle < stored) {
        result.dead = DeadReason::idle;  // a tensor that does not exist yet
        return;
    }
    note_field(fields, bits, result);
    const Delivered delivered = decode(Memory::dram, bits, data_bits);
    bool fetched = false;  // by a load
    bool read = false;     // and a wrong value of it used
    for (const LoadedWord& loaded : machine_.loads_of(word)) {
        if (loaded.read < cycle) {
            continue;
        }
        const LayerId layer = machine_.timeline.loads[static_cast<std::size_t>(loaded.load)].layer;
        if (!fetched) {
            result.layer = static_cast<std::int32_t>(layer);
        }
        fetched = true;
        if (region.content == traces::Content::parameters) {
            read = true;
            for (const Field& field : fields) {
                feed_parameter(layer, field, delivered);
            }
        } else {
            const Reads reads = feed(loaded.load, fields, delivered, std::numeric_limits<Cycle>::min());
            read = reads.wrong_value || read;
        }
    }
    if (region.content == traces::Content::activations &&
        region.owner == machine_.memory.activations(machine_.graph.logits).owner) {
        fetched = true;
        read = true;
        result.layer = host_reads(fields, delivered);
    }
    result.corrected = fetched && delivered.corrected;
    result.detected = fetched && delivered.zero;
    result.dead = reason_without_effect(read, false);
    if (fetched && !delivered.zero && !touches(fields, delivered.residual)) {
        result.dead = delivered.corrected ? DeadReason::corrected : DeadReason::padding;
    } else if (!fetched && !touches(fields, bits) && machine_.code(Memory::dram).check_bits(data_bits) == 0) {
        result.dead = DeadReason::padding;
    }
}

std::int32_t WordSites::host_reads(const std::vector<Field>& fields, const Delivered& delivered) {
    std::int32_t producer = -1;
    for (std::size_t i = 0; i < machine_.graph.layers.size(); ++i) {
        if (static_cast<std::int32_t>(machine_.graph.layers[i].output) == fields.front().owner) {
            producer = static_cast<std::int32_t>(i);
        }
    }
    for (const Field& field : fields) {
        effects_.output_flips(layer_id(static_cast<std::size_t>(producer)), field.index,
                              stored_bits(field) ^ delivered_bits(field, delivered));
    }
    return producer;
}

WordSites::Reads WordSites::feed(std::int32_t load, const std::vector<Field>& fields,
                                 const Delivered& delivered, Cycle from) {
    const LayerId layer = machine_.timeline.loads[static_cast<std::size_t>(load)].layer;
    Reads reads;
    for (const Field& field : fields) {
        bool read = false;
        if (field.kind == FieldKind::weight) {
            read = feed_weight(load, field, delivered, from);
        } else if (machine_.graph.layer(layer).has_macs()) {
            read = feed_array(load, layer, field, delivered, from);
        } else {
            read = feed_vector_unit(load, field, delivered, from);
        }
        reads.word = reads.word || read;
        reads.wrong_value =
            reads.wrong_value ||
            (read && (delivered.zero || extract(delivered.residual, field.bit, field.width) != 0));
    }
    return reads;
}

bool WordSites::feed_weight(std::int32_t load, const Field& field, const Delivered& delivered, Cycle from) {
    const MacLayer& layer = machine_.mac_layer(layer_id(static_cast<std::size_t>(field.owner)));
    const std::int64_t channel = field.index / layer.gemm.k;
    const std::int64_t k = field.index % layer.gemm.k;
    const std::int64_t n = channel % layer.gemm.n;
    const auto golden = static_cast<std::int8_t>(stored_bits(field));
    const auto faulty = static_cast<std::int8_t>(delivered_bits(field, delivered));
    bool read = false;
    machine_.for_each_weight_fold(
        load, static_cast<int>(channel / layer.gemm.n), static_cast<int>(n / machine_.cols),
        static_cast<int>(k / machine_.rows), [&](std::int32_t id) {
            const traces::Fold& fold = machine_.timeline.folds[static_cast<std::size_t>(id)];
            const int decode = machine_.decode_cycles(Memory::weight_buffer);
            if (machine_.array.stationary_read_cycle(fold, static_cast<int>(k % machine_.rows), decode) <
                from) {
                return;
            }
            read = true;
            if (golden != faulty) {
                effects_.weight_off(fold, k, static_cast<std::int32_t>(n % machine_.cols), faulty - golden,
                                    0);
            }
        });
    return read;
}

bool WordSites::feed_array(std::int32_t load, LayerId consumer, const Field& field,
                           const Delivered& delivered, Cycle from) {
    const MacLayer& layer = machine_.mac_layer(consumer);
    const std::int32_t golden = as_code(layer.input_format, stored_bits(field));
    const std::int32_t faulty = as_code(layer.input_format, delivered_bits(field, delivered));
    const int decode = machine_.decode_cycles(Memory::activation_buffer);
    const int group = layer.im2col.group_of(field.index);
    bool read = false;
    layer.im2col.for_each_use(field.index, [&](std::int64_t m, std::int64_t k) {
        machine_.for_each_activation_fold(
            load, group, static_cast<int>(k / machine_.rows), [&](std::int32_t id) {
                const traces::Fold& fold = machine_.timeline.folds[static_cast<std::size_t>(id)];
                const std::int64_t pixel = m - fold.first_pixel;
                if (pixel < 0 || pixel >= fold.pixels ||
                    machine_.array.operand_read_cycle(fold, pixel, static_cast<int>(k % machine_.rows),
                                                      decode) < from) {
                    return;
                }
                read = true;
                if (golden != faulty) {
                    effects_.activation_off(fold, m, k, faulty - golden, 0);
                }
            });
    });
    return read;
}

bool WordSites::feed_vector_unit(std::int32_t load, const Field& field, const Delivered& delivered,
                                 Cycle from) {
    const workloads::NumberFormat format =
        machine_.graph.tensors[static_cast<std::size_t>(field.owner)].format;
    const std::int32_t golden = as_code(format, stored_bits(field));
    const std::int32_t faulty = as_code(format, delivered_bits(field, delivered));
    bool read = false;
    for (const MachineView::OperandUse& use : machine_.operand_uses(load)) {
        const traces::VectorPass& pass = machine_.timeline.passes[static_cast<std::size_t>(use.pass)];
        std::int64_t first = std::numeric_limits<std::int64_t>::max();
        std::int64_t last = -1;
        for_each_output_use(machine_.graph, machine_.graph.layer(pass.layer), use.input, field.index,
                            [&](std::int64_t output) {
                                const std::int64_t i = output - pass.first_element;
                                if (i >= 0 && i < pass.elements && pass.read_cycle(i) >= from) {
                                    first = std::min(first, output);
                                    last = std::max(last, output);
                                }
                            });
        read = read || last >= 0;
        if (last >= 0 && golden != faulty) {
            effects_.operand_reads(pass.layer, {use.input, field.index, faulty, first, last + 1});
        }
    }
    return read;
}

void WordSites::feed_parameter(LayerId layer, const Field& field, const Delivered& delivered) {
    const std::uint32_t golden = stored_bits(field);
    const std::uint32_t faulty = delivered_bits(field, delivered);
    arith::ParameterChange change;
    change.index = field.index;
    change.value = static_cast<std::int32_t>(faulty);
    std::uint32_t used = ~std::uint32_t{0};
    switch (field.kind) {
        case FieldKind::bias:
            change.parameter = arith::Parameter::bias;
            break;
        case FieldKind::multiplier:
            change.parameter = arith::Parameter::multiplier;
            break;
        default:
            change.parameter = arith::Parameter::shift;
            used = 63;  // the bits of a shift that the vector unit looks at
            break;
    }
    if (((golden ^ faulty) & used) != 0) {
        effects_.parameter_is(layer, change);
    }
}

}  // namespace fluence::fault
