#include "sim/accel/detailed_vector_unit.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "sim/accel/memory_image.h"
#include "sim/protect/layer_filters.h"

namespace fluence::accel {

using workloads::Layer;
using workloads::NumberFormat;

DetailedVectorUnit::DetailedVectorUnit(const sc_core::sc_module_name& name, const Script& script)
    : sc_module(name),
      output_buffer("output_buffer"),
      activation_buffer("activation_buffer"),
      dma("dma"),
      checksums("checksums"),
      script_(script),
      graph_(script.workload.graph),
      sums_(output_buffer, script.workload.config.output_buffer.word_bytes()),
      activations_(activation_buffer, script.workload.config.activation_buffer.word_bytes()),
      passes_(script.timeline.passes.size()),
      comparators_(static_cast<std::size_t>(script.workload.config.vector_unit.lanes)),
      parameters_(graph_.layers.size()),
      staged_(graph_.tensors.size()) {
    dma.register_b_transport(this, &DetailedVectorUnit::b_transport);
    std::iota(passes_.begin(), passes_.end(), 0);
    std::stable_sort(passes_.begin(), passes_.end(), [&](std::int32_t a, std::int32_t b) {
        return script.timeline.passes[static_cast<std::size_t>(a)].begin <
               script.timeline.passes[static_cast<std::size_t>(b)].begin;
    });
    const dataflow::MemoryMap& map = script.workload.map;
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
        parameters_[i].words.resize(
            static_cast<std::size_t>(map.parameters(layer_id(i)).words * map.word_bytes()));
    }
    for (const Layer& layer : graph_.layers) {
        const TensorId stored = script.layout(layer.output).stored();
        staged_[index_of(stored)].resize(
            static_cast<std::size_t>(map.activations(stored).words * map.word_bytes()));
    }
    if (!script.bounds.empty()) {
        for (const workloads::TensorInfo& tensor : graph_.tensors) {
            unrestricted_.emplace_back(static_cast<std::size_t>(tensor.shape.elements()));
        }
    }
    if (!script.filters.empty()) {
        for (const workloads::TensorInfo& tensor : graph_.tensors) {
            unfiltered_.emplace_back(static_cast<std::size_t>(tensor.shape.elements()));
        }
        for (std::size_t i = 0; i < graph_.layers.size(); ++i) {
            const workloads::Shape& shape = graph_.tensor(graph_.layers[i].output).shape;
            waiting_.emplace_back();
            if (filters_of(layer_id(i)) != nullptr) {
                waiting_.back().missing.assign(static_cast<std::size_t>(shape.plane()), shape.channels);
            }
        }
    }
}

void DetailedVectorUnit::start_of_simulation() {
    sums_.connect();
    activations_.connect();
}

void DetailedVectorUnit::b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time&) {
    const std::int64_t word_bytes = script_.workload.map.word_bytes();
    const auto address = static_cast<std::int64_t>(payload.get_address());
    const dataflow::Region& region = script_.workload.map.region_of(address / word_bytes);
    const auto owner = static_cast<std::size_t>(region.owner);
    const std::int64_t offset = address - region.first_word * word_bytes;
    if (payload.is_write()) {
        std::memcpy(parameters_[owner].words.data() + offset, payload.get_data_ptr(),
                    payload.get_data_length());
        parameters_[owner].parsed = false;
    } else {
        std::memcpy(payload.get_data_ptr(), staged_[owner].data() + offset, payload.get_data_length());
    }
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
}

const LayerParameters& DetailedVectorUnit::parameters_of(LayerId layer) {
    Parameters& parameters = parameters_[index_of(layer)];
    if (!parameters.parsed) {
        parameters.values =
            parse_parameters(graph_.layer(layer), parameters.words, script_.workload.map.word_bytes());
        parameters.parsed = true;
    }
    return parameters.values;
}

const traces::VectorPass& DetailedVectorUnit::pass_of(const Running& running) const {
    return script_.timeline.passes[static_cast<std::size_t>(running.index)];
}

Cycle DetailedVectorUnit::next() const {
    if (!running_.empty()) {
        return now_ + 1;
    }
    return next_pass_ < passes_.size()
               ? script_.timeline.passes[static_cast<std::size_t>(passes_[next_pass_])].begin
               : kNever;
}

void DetailedVectorUnit::begin_passes(Cycle t) {
    for (; next_pass_ < passes_.size(); ++next_pass_) {
        Running running;
        running.index = passes_[next_pass_];
        const traces::VectorPass& pass = pass_of(running);
        if (pass.begin > t) {
            return;
        }
        for (const std::int32_t load : pass.operand_loads) {
            running.operands.push_back(
                load < 0 ? LoadedWords()
                         : LoadedWords(script_.timeline.loads[static_cast<std::size_t>(load)],
                                       script_.workload.map.word_bytes()));
        }
        running.hints.resize(running.operands.size());
        running_.push_back(std::move(running));
    }
}

// Accumulators that were read and decoded meet the sums of the checksum column.
void DetailedVectorUnit::edge(Cycle t) {
    for (Comparator& comparator : comparators_) {
        comparator.pass = -1;
    }
    for (; !to_compare_.empty() && to_compare_.front().edge <= t; to_compare_.pop_front()) {
        const Compared& one = to_compare_.front();
        const traces::VectorPass& pass = script_.timeline.passes[static_cast<std::size_t>(one.pass)];
        const std::int64_t pixel = one.element % pass.pixels;
        checksums->subtract(one.pass, pixel, one.sum);
        if (one.element / pass.pixels == pass.channels - 1) {
            comparators_[static_cast<std::size_t>(one.element % pass.lanes)] = {
                checksums->difference(one.pass, pixel), one.pass, pixel};
        }
    }
}

void DetailedVectorUnit::flip_state(traces::SiteKind bank, std::int64_t unit, const WordBits& bits) {
    if (bank != traces::SiteKind::checksum_compare) {
        throw std::logic_error(std::string("the vector unit has no ") + traces::name_of(bank));
    }
    comparators_.at(static_cast<std::size_t>(unit)).difference ^= bits.to_ullong();
}

void DetailedVectorUnit::cycle(Cycle t) {
    now_ = t;
    begin_passes(t);
    compare();
    bool finished = false;
    for (Running& running : running_) {
        const traces::VectorPass& pass = pass_of(running);
        const std::int64_t end = std::min(pass.elements, (t - pass.begin + 1) * pass.lanes);
        for (; running.element < end; ++running.element) {
            produce(running);
        }
        if (done(running)) {
            finish(running);
            finished = true;
        }
    }
    if (finished) {
        running_.erase(std::remove_if(running_.begin(), running_.end(),
                                      [&](const Running& running) { return done(running); }),
                       running_.end());
    }
}

void DetailedVectorUnit::produce(Running& running) {
    const traces::VectorPass& pass = pass_of(running);
    const Layer& layer = graph_.layer(pass.layer);
    std::int64_t element = pass.first_element + running.element;
    std::int32_t code = 0;
    if (layer.has_macs()) {
        const std::int64_t group_channels = graph_.tensor(layer.output).shape.channels / layer.groups;
        const std::int64_t channel =
            pass.group * group_channels + pass.first_n + running.element / pass.pixels;
        element = channel * graph_.tensor(layer.output).shape.plane() + pass.first_pixel +
                  running.element % pass.pixels;
        code = drain(running, pass, channel);
    } else {
        code = combine(running, pass);
    }
    code = restricted(pass.layer, element, code);
    stage(layer.output, element, code);
    if (!unfiltered_.empty()) {
        unfiltered_[index_of(layer.output)][static_cast<std::size_t>(element)] = code;
    }
    if (filters_of(pass.layer) != nullptr) {
        const std::int64_t pixel = element % graph_.tensor(layer.output).shape.plane();
        if (--waiting_[index_of(pass.layer)].missing[static_cast<std::size_t>(pixel)] == 0) {
            running.complete.push_back(pixel);
        }
    }
}

const arith::LayerFilters* DetailedVectorUnit::filters_of(LayerId layer) const {
    if (script_.filters.empty()) {
        return nullptr;
    }
    const arith::LayerFilters& filters = script_.filters[index_of(layer)];
    return filters.always != nullptr || filters.detected != nullptr ? &filters : nullptr;
}

std::int32_t DetailedVectorUnit::drain(Running& running, const traces::VectorPass& pass,
                                       std::int64_t channel) {
    const std::int64_t in_word = sums_.word_bytes() / 4;
    const std::int64_t accumulator = pass.accumulator + running.element;
    std::int32_t sum = 0;
    std::memcpy(&sum, sums_.read(accumulator / in_word) + accumulator % in_word * 4, 4);
    if (checked(pass)) {
        to_compare_.push_back(
            {now_ + 1 + script_.decode(Memory::output_buffer), running.index, running.element, sum});
    }
    return finish_accumulator(graph_.layer(pass.layer), parameters_of(pass.layer), channel, sum);
}

std::int32_t DetailedVectorUnit::combine(Running& running, const traces::VectorPass& pass) {
    const Layer& layer = graph_.layer(pass.layer);
    const auto operand = [&](std::size_t i, std::int64_t element) {
        const std::int64_t from = script_.layout(layer.inputs[i]).byte(element);
        const std::uint8_t code = activations_.byte(running.operands[i].buffer_byte(from, running.hints[i]));
        return graph_.tensor(layer.inputs[i]).format == NumberFormat::u8 ? std::int32_t{code}
                                                                         : static_cast<std::int8_t>(code);
    };
    return vector_element(graph_, layer, parameters_of(pass.layer), pass.first_element + running.element,
                          operand);
}

std::int32_t DetailedVectorUnit::restricted(LayerId layer, std::int64_t element, std::int32_t code) {
    if (script_.bounds.empty()) {
        return code;
    }
    const TensorId tensor = graph_.layer(layer).output;
    unrestricted_[index_of(tensor)][static_cast<std::size_t>(element)] = code;
    const arith::OutputBounds& bounds = script_.bounds[index_of(layer)];
    if (bounds.lo.empty()) {
        return code;
    }
    const auto channel = static_cast<std::size_t>(element / graph_.tensor(tensor).shape.plane());
    const std::int32_t nearest = std::clamp(code, bounds.lo[channel], bounds.hi[channel]);
    if (nearest == code) {
        return code;
    }
    const std::int32_t result = bounds.zero_outside ? 0 : nearest;
    if (result != code) {
        report_.restricted.push_back({static_cast<std::int32_t>(index_of(tensor)), element, code});
    }
    return result;
}

void DetailedVectorUnit::stage(TensorId tensor, std::int64_t element, std::int32_t code) {
    const dataflow::TensorLayout& layout = script_.layout(tensor);
    const dataflow::MemoryMap& map = script_.workload.map;
    const std::int64_t first = map.activations(layout.stored()).first_word * map.word_bytes();
    std::memcpy(staged_[index_of(layout.stored())].data() + (layout.byte(element) - first), &code,
                static_cast<std::size_t>(layout.element_bytes()));  // little endian: the low bytes
}

void DetailedVectorUnit::finish(const Running& running) {
    if (!running.alarms.empty()) {
        raise_alarms(running, pass_of(running));
    }
    const LayerId layer = pass_of(running).layer;
    if (filters_of(layer) != nullptr) {
        complete_pixels(running, layer);
    }
}

// Always-on filters take the pixels that the pass completed, gated ones the whole layer with its last pass;
// located blocks become zero behind them.
void DetailedVectorUnit::complete_pixels(const Running& running, LayerId layer) {
    const arith::LayerFilters& filters = *filters_of(layer);
    const workloads::Shape& shape = graph_.tensor(graph_.layer(layer).output).shape;
    Waiting& waiting = waiting_[index_of(layer)];
    waiting.complete += static_cast<std::int64_t>(running.complete.size());
    if (filters.always != nullptr) {
        for (const std::int64_t pixel : running.complete) {
            filter_pixel(*filters.always, layer, pixel);
        }
    }
    if (filters.detected != nullptr && waiting.alarm && waiting.complete == shape.plane()) {
        for (std::int64_t pixel = 0; pixel < shape.plane(); ++pixel) {
            filter_pixel(*filters.detected, layer, pixel);
        }
        report_.filter_cycles +=
            protect::filter_cycles(script_.workload.config, shape.plane(), shape.channels).count();
    }
    const auto behind =
        std::partition(waiting.to_zero.begin(), waiting.to_zero.end(), [&](std::int64_t element) {
            return waiting.missing[static_cast<std::size_t>(element % shape.plane())] > 0;
        });
    std::for_each(behind, waiting.to_zero.end(),
                  [&](std::int64_t element) { stage(graph_.layer(layer).output, element, 0); });
    waiting.to_zero.erase(behind, waiting.to_zero.end());
}

void DetailedVectorUnit::filter_pixel(const arith::PixelFilter& filter, LayerId layer, std::int64_t pixel) {
    const TensorId tensor = graph_.layer(layer).output;
    const workloads::Shape& shape = graph_.tensor(tensor).shape;
    workloads::Codes row;
    for (std::int64_t channel = 0; channel < shape.channels; ++channel) {
        row.push_back(staged_code(tensor, channel * shape.plane() + pixel));
    }
    const workloads::Codes before = row;
    filter.apply(layer, pixel, {row.data(), shape.channels});
    for (std::size_t channel = 0; channel < row.size(); ++channel) {
        if (row[channel] != before[channel]) {
            const std::int64_t element = static_cast<std::int64_t>(channel) * shape.plane() + pixel;
            report_.filtered.push_back({static_cast<std::int32_t>(tensor), element, before[channel]});
            stage(tensor, element, row[channel]);
        }
    }
}

std::int32_t DetailedVectorUnit::staged_code(TensorId tensor, std::int64_t element) const {
    const dataflow::TensorLayout& layout = script_.layout(tensor);
    const dataflow::MemoryMap& map = script_.workload.map;
    const std::int64_t first = map.activations(layout.stored()).first_word * map.word_bytes();
    return code_at(staged_[index_of(layout.stored())].data() + (layout.byte(element) - first),
                   graph_.tensor(tensor).format);
}

// Behind the layer's filter, where it has one.
void DetailedVectorUnit::zero(LayerId layer, std::int64_t element) {
    if (filters_of(layer) != nullptr) {
        waiting_[index_of(layer)].to_zero.push_back(element);
    } else {
        stage(graph_.layer(layer).output, element, 0);
    }
}

void DetailedVectorUnit::compare() {
    // Where sums wrap the comparator is as wide as they are (policies.md).
    const ArrayConfig& array = script_.workload.config.array;
    const bool narrow = array.overflow == Overflow::wrap && array.accumulator_bits < 32;
    const std::uint64_t compared =
        narrow ? (std::uint64_t{1} << array.accumulator_bits) - 1 : ~std::uint64_t{0};
    for (const Comparator& comparator : comparators_) {
        for (Running& running : running_) {
            if (running.index == comparator.pass) {
                ++running.compared;
                if ((comparator.difference & compared) != 0) {
                    running.alarms.push_back(comparator.pixel);
                }
            }
        }
    }
}

void DetailedVectorUnit::raise_alarms(const Running& running, const traces::VectorPass& pass) {
    const Layer& layer = graph_.layer(pass.layer);
    const workloads::Shape& shape = graph_.tensor(layer.output).shape;
    const bool zeroes = script_.workload.policy.zero && layer.output != graph_.logits;
    const bool filters = protect::filtered(script_.workload.policy, graph_, layer).detected;
    report_.differs = true;
    report_.zeroed = report_.zeroed || zeroes;
    report_.unrepaired = report_.unrepaired || !(zeroes || filters);
    if (filters) {
        waiting_[index_of(pass.layer)].alarm = true;
    }
    for (const std::int64_t pixel : running.alarms) {
        for (std::int64_t n = pass.first_n; zeroes && n < pass.first_n + pass.channels; ++n) {
            const std::int64_t channel = pass.group * (shape.channels / layer.groups) + n;
            zero(pass.layer, channel * shape.plane() + pass.first_pixel + pixel);
        }
    }
}

std::vector<workloads::Codes> DetailedVectorUnit::tensors() const {
    std::vector<workloads::Codes> tensors;
    for (std::size_t t = 0; t < graph_.tensors.size(); ++t) {
        const dataflow::TensorLayout& layout = script_.layout(tensor_id(t));
        const std::vector<std::uint8_t>& bytes = staged_[index_of(layout.stored())];
        workloads::Codes codes(static_cast<std::size_t>(layout.elements()));
        if (!bytes.empty()) {
            for (std::int64_t e = 0; e < layout.elements(); ++e) {
                codes[static_cast<std::size_t>(e)] = staged_code(tensor_id(t), e);
            }
        }
        tensors.push_back(std::move(codes));
    }
    return tensors;
}

}  // namespace fluence::accel
