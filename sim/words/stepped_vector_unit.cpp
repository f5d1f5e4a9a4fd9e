#include "sim/words/stepped_vector_unit.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "sim/dataflow/packets.h"

namespace fluence::words {
namespace {

std::int64_t most_parameter_words(const SteppedScript& script) {
    std::int64_t words = 0;
    for (std::size_t i = 0; i < script.structure.layers.size(); ++i) {
        words = std::max(words, script.map.parameters(layer_id(i)).words);
    }
    return words;
}

void check(std::int64_t unit, std::int64_t units, WideBits mask, int bits) {
    if (unit < 0 || unit >= units || (mask & ~low_wide_bits(bits)) != 0) {
        throw std::out_of_range("the vector unit has " + std::to_string(units) + " of these registers of " +
                                std::to_string(bits) + " bits");
    }
}

}  // namespace

SteppedVectorUnit::SteppedVectorUnit(const SteppedScript& script, CodedMemory& activations, CodedMemory& sums)
    : script_(script),
      activations_(activations),
      sums_(sums),
      pipeline_(script.config.vector_unit,
                static_cast<int>(protect::timing_of(script.policy).vector_pipeline.count())),
      finished_(script.map.words(), script.map.word_bytes()),
      parameters_(most_parameter_words(script), script.map.word_bytes()),
      arithmetic_(make_layer_arithmetic(script.graph)) {
    for (const traces::VectorPass& pass : script.timeline.passes) {
        passes_.push_back(&pass);
    }
    std::stable_sort(passes_.begin(), passes_.end(),
                     [](const auto* a, const auto* b) { return a->begin < b->begin; });
}

Cycle SteppedVectorUnit::next() const {
    if (!packets_.empty()) {
        return edge_ + 1;
    }
    Cycle next = next_pass_ < passes_.size() ? passes_[next_pass_]->begin : kNever;
    for (const Running& running : running_) {
        next = std::min(next, running.pass->read_cycle(running.element));
    }
    return next;
}

void SteppedVectorUnit::begin_passes(Cycle t) {
    for (; next_pass_ < passes_.size() && passes_[next_pass_]->begin <= t; ++next_pass_) {
        Running running;
        running.pass = passes_[next_pass_];
        running.hints.resize(running.pass->operand_loads.size());
        running_.push_back(std::move(running));
    }
}

void SteppedVectorUnit::edge(Cycle t) {
    edge_ = t;
    dataflow::move_packets(pipeline_, t, packets_,
                           [&](Packet& packet, int stage) { advance(packet, stage); });
}

void SteppedVectorUnit::advance(Packet& packet, int stage) {
    const workloads::Layer& layer = script_.structure.layer(packet.pass->layer);
    const bool leaves = stage == pipeline_.stages();
    const StageHolds holds = leaves ? StageHolds::code : pipeline_.holds(stage);
    if (holds == packet.holds && !leaves) {
        return;
    }
    use_parameters_of(packet.pass->layer);
    for (std::size_t lane = 0; lane < packet.values.size(); ++lane) {
        const std::int64_t element =
            flat_element(*packet.pass, packet.first + static_cast<std::int64_t>(lane));
        WideBits& bits = packet.values[lane];
        if (holds != packet.holds) {
            bits = arithmetic_->advanced(index_of(packet.pass->layer), element, packet.holds, holds, bits);
        }
        if (leaves) {
            finished_.write(script_.layout(layer.output).byte(element), script_.widths.operand, bits);
        }
    }
    packet.holds = holds;
}

void SteppedVectorUnit::flip_pipeline(std::int64_t unit, WideBits mask) {
    const std::int64_t lanes = script_.config.vector_unit.lanes;
    const OperandFormat format = script_.config.array.format;
    check(unit, lanes * pipeline_.stages(), mask, dataflow::VectorPipeline::register_bits(format));
    const auto lane = static_cast<std::size_t>(unit % lanes);
    for (Packet& packet : packets_) {
        if (packet.arrival + unit / lanes == edge_ && lane < packet.values.size()) {
            const workloads::OpKind kind = script_.structure.layer(packet.pass->layer).kind;
            packet.values[lane] ^=
                mask & low_wide_bits(dataflow::VectorPipeline::used_word_bits(format, kind, packet.holds));
        }
    }
}

void SteppedVectorUnit::flip_parameter(std::int64_t word, WideBits mask) {
    check(word, parameters_.words(), mask, 8 * parameters_.word_bytes());
    parameters_.write_word(word, parameters_.word(word) ^ mask);
    parsed_.reset();
}

void SteppedVectorUnit::cycle(Cycle t) {
    begin_passes(t);
    for (Running& running : running_) {
        const traces::VectorPass& pass = *running.pass;
        if (running.element == pass.elements || pass.read_cycle(running.element) != t) {
            continue;
        }
        const Memory source = script_.structure.layer(pass.layer).has_macs() ? Memory::output_buffer
                                                                             : Memory::activation_buffer;
        Packet packet;
        packet.pass = &pass;
        packet.first = running.element;
        packet.arrival = t + 1 + script_.timeline.decode_cycles[index_of(source)];
        for (; running.element < pass.elements && pass.read_cycle(running.element) == t; ++running.element) {
            packet.values.push_back(read(t, running));
        }
        packets_.push_back(std::move(packet));
    }
    running_.erase(
        std::remove_if(running_.begin(), running_.end(),
                       [](const Running& running) { return running.element == running.pass->elements; }),
        running_.end());
}

void SteppedVectorUnit::load_parameters(std::int64_t dram_word, WideBits data) {
    parameters_.write_word(dram_word - script_.map.region_of(dram_word).first_word, data);
    parsed_.reset();
}

// Biases, then shifts on a new word.
void SteppedVectorUnit::use_parameters_of(LayerId id) {
    if (parsed_ == id) {
        return;
    }
    parsed_ = id;
    const workloads::Layer& layer = script_.structure.layer(id);
    const std::int64_t unit = parameters_.word_bytes();
    std::int64_t byte = 0;
    Words bias;
    for (std::size_t i = 0; i < layer.bias.size(); ++i, byte += script_.widths.bias) {
        bias.push_back(static_cast<Word>(parameters_.read(byte, script_.widths.bias)));
    }
    byte = (byte + unit - 1) / unit * unit;
    std::vector<std::int8_t> shifts;
    for (std::size_t i = 0; i < layer.shift.size(); ++i, ++byte) {
        shifts.push_back(static_cast<std::int8_t>(parameters_.read(byte, 1)));
    }
    arithmetic_->load(index_of(id), std::move(bias), shifts);
}

std::int64_t SteppedVectorUnit::flat_element(const traces::VectorPass& pass, std::int64_t element) const {
    const workloads::Layer& layer = script_.structure.layer(pass.layer);
    if (!layer.has_macs()) {
        return pass.first_element + element;
    }
    const std::int64_t channel =
        script_.map.channel(pass.layer, pass.group, pass.first_n + element / pass.pixels);
    return channel * script_.structure.tensor(layer.output).shape.plane() + pass.first_pixel +
           element % pass.pixels;
}

WideBits SteppedVectorUnit::read(Cycle t, Running& running) {
    const traces::VectorPass& pass = *running.pass;
    const workloads::Layer& layer = script_.structure.layer(pass.layer);
    if (layer.has_macs()) {
        const int bytes = script_.widths.sum;
        return sums_.read(t, bytes * (pass.accumulator + running.element), bytes);
    }
    const std::int64_t element = flat_element(pass, running.element);
    return arithmetic_->operand(index_of(pass.layer), element, [&](std::size_t input, std::int64_t from) {
        const std::int64_t byte =
            script_.load(pass.operand_loads[input])
                .buffer_byte(script_.layout(layer.inputs[input]).byte(from), running.hints[input]);
        return static_cast<Word>(activations_.read(t, byte, script_.widths.operand));
    });
}

}  // namespace fluence::words
