#include "sim/words/stepped_vector_unit.h"

#include <algorithm>

namespace fluence::words {

SteppedVectorUnit::SteppedVectorUnit(const SteppedScript& script, CodedMemory& activations, CodedMemory& sums)
    : script_(script),
      activations_(activations),
      sums_(sums),
      registers_(script.map.words(), script.map.word_bytes()),
      parsed_(script.structure.layers.size()),
      arithmetic_(make_layer_arithmetic(script.graph)) {
    for (const traces::VectorPass& pass : script.timeline.passes) {
        passes_.push_back(&pass);
    }
    std::stable_sort(passes_.begin(), passes_.end(),
                     [](const auto* a, const auto* b) { return a->begin < b->begin; });
}

Cycle SteppedVectorUnit::next() const {
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

void SteppedVectorUnit::cycle(Cycle t) {
    begin_passes(t);
    for (Running& running : running_) {
        while (running.element < running.pass->elements && running.pass->read_cycle(running.element) == t) {
            compute(t, running);
            ++running.element;
        }
    }
    running_.erase(
        std::remove_if(running_.begin(), running_.end(),
                       [](const Running& running) { return running.element == running.pass->elements; }),
        running_.end());
}

void SteppedVectorUnit::load_parameters(std::int64_t dram_word, WideBits data) {
    registers_.write_word(dram_word, data);
    parsed_[static_cast<std::size_t>(script_.map.region_of(dram_word).owner)] = false;
}

// Biases, then shifts on a new word.
void SteppedVectorUnit::parse_parameters(LayerId id) {
    if (parsed_[index_of(id)]) {
        return;
    }
    parsed_[index_of(id)] = true;
    const workloads::Layer& layer = script_.structure.layer(id);
    const std::int64_t unit = registers_.word_bytes();
    std::int64_t byte = script_.map.parameters(id).first_word * unit;
    Words bias;
    for (std::size_t i = 0; i < layer.bias.size(); ++i, byte += script_.widths.bias) {
        bias.push_back(static_cast<Word>(registers_.read(byte, script_.widths.bias)));
    }
    byte = (byte + unit - 1) / unit * unit;
    std::vector<std::int8_t> shifts;
    for (std::size_t i = 0; i < layer.shift.size(); ++i, ++byte) {
        shifts.push_back(static_cast<std::int8_t>(registers_.read(byte, 1)));
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

void SteppedVectorUnit::compute(Cycle t, Running& running) {
    const traces::VectorPass& pass = *running.pass;
    const workloads::Layer& layer = script_.structure.layer(pass.layer);
    const std::int64_t element = flat_element(pass, running.element);
    const int width = script_.widths.operand;
    parse_parameters(pass.layer);
    Word word = 0;
    if (layer.has_macs()) {
        const int bytes = script_.widths.sum;
        const WideBits sum = sums_.read(t, bytes * (pass.accumulator + running.element), bytes);
        word = arithmetic_->finish(index_of(pass.layer),
                                   element / script_.structure.tensor(layer.output).shape.plane(), sum);
    } else {
        word = arithmetic_->combine(index_of(pass.layer), element, [&](std::size_t input, std::int64_t from) {
            const std::int64_t byte =
                script_.load(pass.operand_loads[input])
                    .buffer_byte(script_.layout(layer.inputs[input]).byte(from), running.hints[input]);
            return static_cast<Word>(activations_.read(t, byte, width));
        });
    }
    registers_.write(script_.layout(layer.output).byte(element), width, word);
}

}  // namespace fluence::words
