#include "sim/accel/detailed_vector_unit.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>

#include "sim/accel/memory_image.h"
#include "sim/dataflow/packets.h"
#include "sim/protect/layer_filters.h"
#include "sim/protect/relu_check.h"

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
      pipeline_(script.workload.config.vector_unit, unit_parts(script.workload).added_stages),
      sums_(output_buffer, script.workload.config.output_buffer.word_bytes()),
      activations_(activation_buffer, script.workload.config.activation_buffer.word_bytes()),
      passes_(script.timeline.passes.size()),
      comparators_(static_cast<std::size_t>(script.workload.config.vector_unit.lanes)),
      bounds_(comparators_.size()),
      parameters_(graph_.layers.size()),
      staged_(graph_.tensors.size()),
      filter_(script, *this),
      kept_sums_(script.workload) {
    dma.register_b_transport(this, &DetailedVectorUnit::b_transport);
    std::iota(passes_.begin(), passes_.end(), 0);
    std::stable_sort(passes_.begin(), passes_.end(), [&](std::int32_t a, std::int32_t b) {
        return script.timeline.passes[static_cast<std::size_t>(a)].begin <
               script.timeline.passes[static_cast<std::size_t>(b)].begin;
    });
    const dataflow::MemoryMap& map = script.workload.map;
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
        parameter_owner_.resize(
            std::max(parameter_owner_.size(), static_cast<std::size_t>(map.parameters(layer_id(i)).words)),
            -1);
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
        std::fill_n(parameter_owner_.begin() + offset / word_bytes, payload.get_data_length() / word_bytes,
                    static_cast<std::int32_t>(owner));
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
    if (!running_.empty() || filter_.works()) {
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
                load < 0 ? dataflow::LoadedWords()
                         : dataflow::LoadedWords(script_.timeline.loads[static_cast<std::size_t>(load)],
                                                 script_.workload.map.word_bytes()));
        }
        running.hints.resize(running.operands.size());
        running_.push_back(std::move(running));
    }
}

void DetailedVectorUnit::edge(Cycle t) {
    edge_ = t;
    subtract_accumulators(t);
    kept_sums_.edge(t);
    filter_.edge(t);
    dataflow::move_packets(pipeline_, t, packets_,
                           [&](Packet& packet, int stage) { advance(packet, stage); });
    finish_passes();
}

void DetailedVectorUnit::cycle(Cycle t) {
    now_ = t;
    begin_passes(t);
    compare();
    kept_sums_.compare();
    filter_.cycle(t);
    for (const Packet& packet : packets_) {
        if (!packet.relu_operands.empty() &&
            t == packet.arrival + pipeline_.first(dataflow::StageHolds::code)) {
            check_relu(packet);
        }
    }
    for (Running& running : running_) {
        const traces::VectorPass& pass = pass_of(running);
        read(running, std::min(pass.elements, (t - pass.begin + 1) * pass.lanes));
    }
}

// Accumulators that were read and decoded meet the sums of the checksum column.
void DetailedVectorUnit::subtract_accumulators(Cycle t) {
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
    if (bank == traces::SiteKind::checksum_compare) {
        comparators_.at(static_cast<std::size_t>(unit)).difference ^= bits.to_ullong();
        return;
    }
    if (bank == traces::SiteKind::vector_parameter) {
        return flip_parameter(unit, bits);
    }
    if (bank == traces::SiteKind::range_bound) {
        bounds_.at(static_cast<std::size_t>(unit)).bits ^= static_cast<std::uint32_t>(bits.to_ullong());
        return;
    }
    const auto low = static_cast<std::uint32_t>(bits.to_ullong());
    switch (bank) {
        case traces::SiteKind::duplicate_sum:
            return kept_sums_.flip_word(unit, low);
        case traces::SiteKind::duplicate_compare:
            return kept_sums_.flip_comparator(unit, low);
        case traces::SiteKind::filter_buffer:
            return filter_.flip_code(unit, low);
        case traces::SiteKind::filter_threshold:
            return filter_.flip_threshold(unit, low);
        default:
            return flip_pipeline(bank, unit, low);
    }
}

void DetailedVectorUnit::flip_pipeline(traces::SiteKind bank, std::int64_t unit, std::uint32_t mask) {
    const std::int64_t lanes = script_.workload.config.vector_unit.lanes;
    const bool relu = bank == traces::SiteKind::relu_operand;
    if (!relu && bank != traces::SiteKind::vector_pipeline) {
        throw std::logic_error(std::string("the vector unit has no ") + traces::name_of(bank));
    }
    const Cycle stage = relu ? pipeline_.first(dataflow::StageHolds::code) : unit / lanes;
    const auto lane = static_cast<std::size_t>(unit % lanes);
    for (Packet& packet : packets_) {
        if (packet.arrival + stage != edge_ || lane >= packet.values.size()) {
            continue;
        }
        const Layer& layer =
            graph_.layer(script_.timeline.passes[static_cast<std::size_t>(packet.pass)].layer);
        if (!relu) {
            packet.values[lane] ^= mask & dataflow::VectorPipeline::used_bits(graph_, layer, packet.holds);
        } else if (!packet.relu_operands.empty()) {
            packet.relu_operands[lane] ^= mask;
        }
    }
}

void DetailedVectorUnit::flip_parameter(std::int64_t word, const WordBits& bits) {
    const std::int32_t owner = parameter_owner_.at(static_cast<std::size_t>(word));
    if (owner < 0) {
        return;
    }
    Parameters& parameters = parameters_[static_cast<std::size_t>(owner)];
    const std::int64_t word_bytes = script_.workload.map.word_bytes();
    for (std::int64_t i = 0; i < 8 * word_bytes; ++i) {
        if (bits[static_cast<std::size_t>(i)]) {
            parameters.words[static_cast<std::size_t>(word * word_bytes + i / 8)] ^=
                static_cast<std::uint8_t>(1u << (i % 8));
        }
    }
    parameters.parsed = false;
}

std::int64_t DetailedVectorUnit::flat_element(const traces::VectorPass& pass, std::int64_t element) const {
    const Layer& layer = graph_.layer(pass.layer);
    if (!layer.has_macs()) {
        return pass.first_element + element;
    }
    const std::int64_t channel =
        script_.workload.map.channel(pass.layer, pass.group, pass.first_n + element / pass.pixels);
    return channel * graph_.tensor(layer.output).shape.plane() + pass.first_pixel + element % pass.pixels;
}

bool DetailedVectorUnit::is_copy(const traces::VectorPass& pass, std::int64_t element) const {
    return graph_.layer(pass.layer).has_macs() &&
           script_.workload.map.is_copy(pass.layer, pass.group, pass.first_n + element / pass.pixels);
}

// Elements up to `end` of the pass, all in this cycle.
void DetailedVectorUnit::read(Running& running, std::int64_t end) {
    if (running.element >= end) {
        return;
    }
    const traces::VectorPass& pass = pass_of(running);
    const bool macs = graph_.layer(pass.layer).has_macs();
    Packet packet;
    packet.pass = running.index;
    packet.first = running.element;
    packet.arrival = now_ + 1 + script_.decode(macs ? Memory::output_buffer : Memory::activation_buffer);
    for (; running.element < end; ++running.element) {
        packet.values.push_back(macs ? drain(running, pass) : combine(running, pass));
    }
    if (script_.workload.policy.relu_check && protect::has_relu(graph_, graph_.layer(pass.layer))) {
        packet.relu_operands.resize(packet.values.size());
    }
    packets_.push_back(std::move(packet));
}

void DetailedVectorUnit::advance(Packet& packet, int stage) {
    const traces::VectorPass& pass = script_.timeline.passes[static_cast<std::size_t>(packet.pass)];
    const Layer& layer = graph_.layer(pass.layer);
    const bool last = stage == pipeline_.stages();
    const dataflow::StageHolds holds = last ? dataflow::StageHolds::code : pipeline_.holds(stage);
    if (holds != packet.holds) {
        for (std::size_t i = 0; i < packet.values.size(); ++i) {
            packet.values[i] = advanced(
                layer, flat_element(pass, packet.first + static_cast<std::int64_t>(i)), packet.holds, holds,
                packet.values[i], packet.relu_operands.empty() ? nullptr : &packet.relu_operands[i]);
        }
        packet.holds = holds;
    }
    if (!script_.bounds.empty() && stage == pipeline_.stages() - 1) {
        load_bounds(packet);
    }
    if (last) {
        leave(packet);
    }
}

std::uint32_t DetailedVectorUnit::advanced(const Layer& layer, std::int64_t element,
                                           dataflow::StageHolds from, dataflow::StageHolds to,
                                           std::uint32_t bits, std::uint32_t* relu_operand) {
    using dataflow::StageHolds;
    const LayerParameters& parameters =
        parameters_of(layer_id(static_cast<std::size_t>(&layer - graph_.layers.data())));
    if (from < StageHolds::biased && layer.has_macs()) {
        bits = biased(parameters, element / graph_.tensor(layer.output).shape.plane(), bits);
    }
    if (to == StageHolds::biased) {
        return bits;
    }
    std::int64_t value = static_cast<std::int32_t>(bits);
    if (from < StageHolds::requantised) {
        value = rescaled(graph_, layer, parameters, element, bits);
    }
    if (to == StageHolds::requantised) {
        return static_cast<std::uint32_t>(std::clamp<std::int64_t>(
            value, std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()));
    }
    if (relu_operand != nullptr) {
        *relu_operand = static_cast<std::uint32_t>(
                            std::clamp<std::int64_t>(value, dataflow::kLeastReluOperand, layer.clamp_hi)) &
                        dataflow::kReluOperandMask;
    }
    return static_cast<std::uint32_t>(finished_code(layer, value)) &
           dataflow::VectorPipeline::used_bits(graph_, layer, StageHolds::code);
}

// y ∈ {0, x} behind ReLU.
void DetailedVectorUnit::check_relu(const Packet& packet) {
    const traces::VectorPass& pass = script_.timeline.passes[static_cast<std::size_t>(packet.pass)];
    const LayerId id = pass.layer;
    for (std::size_t i = 0; i < packet.values.size(); ++i) {
        const std::int32_t expected =
            std::max(dataflow::relu_operand(packet.relu_operands[i]), graph_.layer(id).clamp_lo);
        if (packet.values[i] != static_cast<std::uint32_t>(expected) &&
            !is_copy(pass, packet.first + static_cast<std::int64_t>(i))) {
            raise_alarm(id, false);
        }
    }
}

bool DetailedVectorUnit::zeroes(LayerId layer) const {
    return script_.workload.policy.zero && graph_.layer(layer).output != graph_.logits;
}

void DetailedVectorUnit::raise_alarm(LayerId layer, bool located) {
    const bool filters = protect::filtered(script_.workload.policy, graph_, graph_.layer(layer)).detected;
    const bool repaired = located && zeroes(layer);
    report_.differs = true;
    report_.zeroed = report_.zeroed || repaired;
    report_.unrepaired = report_.unrepaired || !(repaired || filters);
    if (filters) {
        filter_.alarm(layer);
    }
}

// Behind the last stage stand range restriction and filters.
void DetailedVectorUnit::leave(const Packet& packet) {
    const traces::VectorPass& pass = script_.timeline.passes[static_cast<std::size_t>(packet.pass)];
    const auto running = std::find_if(running_.begin(), running_.end(),
                                      [&](const Running& one) { return one.index == packet.pass; });
    for (std::size_t i = 0; i < packet.values.size(); ++i) {
        const std::int64_t place = packet.first + static_cast<std::int64_t>(i);
        if (!is_copy(pass, place)) {
            stage_output(pass.layer, flat_element(pass, place), i, packet.values[i]);
        }
        finish_element(pass, place);
    }
    running->left += static_cast<std::int64_t>(packet.values.size());
}

// Restricted, and with the codes that wait for their word's store.
void DetailedVectorUnit::stage_output(LayerId layer, std::int64_t element, std::size_t lane,
                                      std::uint32_t bits) {
    const TensorId tensor = graph_.layer(layer).output;
    const std::int32_t code =
        restricted(layer, element, lane, workloads::flip_bits(graph_.tensor(tensor).format, 0, bits));
    set_code(tensor, element, code);
    if (filter_.filters(layer)) {
        filter_.code_came(layer, element);
    }
    if (!unfiltered_.empty()) {
        unfiltered_[index_of(tensor)][static_cast<std::size_t>(element)] = code;
    }
}

// An output that is computed twice is there when its copy has come, and right or known to be wrong.
void DetailedVectorUnit::finish_element(const traces::VectorPass& pass, std::int64_t element) {
    const std::int64_t output = flat_element(pass, element);
    const std::int64_t plane = graph_.tensor(graph_.layer(pass.layer).output).shape.plane();
    const bool copied =
        graph_.layer(pass.layer).has_macs() && script_.workload.map.copy_of(pass.layer, output / plane) >= 0;
    if (copied && !is_copy(pass, element)) {
        return;
    }
    if (copied && kept_sums_.differed({static_cast<std::int32_t>(pass.layer), output})) {
        raise_alarm(pass.layer, true);
        if (zeroes(pass.layer)) {
            zero(pass.layer, output);
        }
    }
    if (filter_.filters(pass.layer)) {
        filter_.output_is_there(pass.layer, output);
    }
}

void DetailedVectorUnit::finish_passes() {
    const auto done = [&](const Running& running) { return running.left == pass_of(running).elements; };
    for (const Running& running : running_) {
        if (done(running)) {
            finish(running);
        }
    }
    running_.erase(std::remove_if(running_.begin(), running_.end(), done), running_.end());
}

std::uint32_t DetailedVectorUnit::drain(const Running& running, const traces::VectorPass& pass) {
    const std::int64_t in_word = sums_.word_bytes() / 4;
    const std::int64_t accumulator = pass.accumulator + running.element;
    std::int32_t sum = 0;
    std::memcpy(&sum, sums_.read(accumulator / in_word) + accumulator % in_word * 4, 4);
    const Cycle there = now_ + 1 + script_.decode(Memory::output_buffer);
    if (checked(pass)) {
        to_compare_.push_back({there, running.index, running.element, sum});
    }
    if (script_.workload.policy.duplication) {
        kept_sums_.take(there, pass, running.element, sum);
    }
    return static_cast<std::uint32_t>(sum);
}

std::uint32_t DetailedVectorUnit::combine(Running& running, const traces::VectorPass& pass) {
    const Layer& layer = graph_.layer(pass.layer);
    const auto operand = [&](std::size_t i, std::int64_t element) {
        const std::int64_t from = script_.layout(layer.inputs[i]).byte(element);
        const std::uint8_t code = activations_.byte(running.operands[i].buffer_byte(from, running.hints[i]));
        return graph_.tensor(layer.inputs[i]).format == NumberFormat::u8 ? std::int32_t{code}
                                                                         : static_cast<std::int8_t>(code);
    };
    return operand_register(graph_, layer, pass.first_element + running.element, operand);
}

std::int64_t DetailedVectorUnit::bounds_key(LayerId layer, std::int64_t element) const {
    const workloads::TensorInfo& output = graph_.tensor(graph_.layer(layer).output);
    if (script_.bounds.empty() || script_.bounds[index_of(layer)].lo.empty() ||
        output.format == NumberFormat::s32) {
        return -1;
    }
    const std::optional<protect::RangePart>& range = script_.workload.policy.range;
    const bool by_channel = range && range->granularity == protect::RangePart::Granularity::channel;
    constexpr std::int64_t kChannels = std::int64_t{1} << 32;
    return static_cast<std::int64_t>(index_of(layer)) * kChannels +
           (by_channel ? element / output.shape.plane() : 0);
}

// Elements come into the last stage.
void DetailedVectorUnit::load_bounds(const Packet& packet) {
    const traces::VectorPass& pass = script_.timeline.passes[static_cast<std::size_t>(packet.pass)];
    for (std::size_t lane = 0; lane < packet.values.size(); ++lane) {
        const std::int64_t element = flat_element(pass, packet.first + static_cast<std::int64_t>(lane));
        const std::int64_t key = bounds_key(pass.layer, element);
        if (key >= 0 && bounds_[lane].key != key &&
            !is_copy(pass, packet.first + static_cast<std::int64_t>(lane))) {
            const arith::OutputBounds& bounds = script_.bounds[index_of(pass.layer)];
            const auto channel = static_cast<std::size_t>(
                element / graph_.tensor(graph_.layer(pass.layer).output).shape.plane());
            bounds_[lane] = {dataflow::range_bound_bits(bounds.lo[channel], bounds.hi[channel]), key};
        }
    }
}

std::int32_t DetailedVectorUnit::restricted(LayerId layer, std::int64_t element, std::size_t lane,
                                            std::int32_t code) {
    if (script_.bounds.empty()) {
        return code;
    }
    const workloads::TensorInfo& output = graph_.tensor(graph_.layer(layer).output);
    const auto tensor = static_cast<std::int32_t>(graph_.layer(layer).output);
    unrestricted_[static_cast<std::size_t>(tensor)][static_cast<std::size_t>(element)] = code;
    const arith::OutputBounds& bounds = script_.bounds[index_of(layer)];
    if (bounds.lo.empty()) {
        return code;
    }
    std::int32_t result = code;
    const auto channel = static_cast<std::size_t>(element / output.shape.plane());
    if (const std::int64_t key = bounds_key(layer, element); key >= 0 && bounds_[lane].key == key) {
        result = dataflow::restricted_by(bounds_[lane].bits, output.format, bounds.zero_outside, code);
    } else if (code < bounds.lo[channel] || code > bounds.hi[channel]) {
        result = bounds.zero_outside ? 0 : std::clamp(code, bounds.lo[channel], bounds.hi[channel]);
    }
    if (result != code) {
        report_.restricted.push_back({tensor, element, code});
    }
    return result;
}

void DetailedVectorUnit::set_code(TensorId tensor, std::int64_t element, std::int32_t code) {
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
    if (filter_.filters(pass_of(running).layer)) {
        filter_.finish(pass_of(running));
    }
}

std::int32_t DetailedVectorUnit::code(TensorId tensor, std::int64_t element) const {
    const dataflow::TensorLayout& layout = script_.layout(tensor);
    const dataflow::MemoryMap& map = script_.workload.map;
    const std::int64_t first = map.activations(layout.stored()).first_word * map.word_bytes();
    return code_at(staged_[index_of(layout.stored())].data() + (layout.byte(element) - first),
                   graph_.tensor(tensor).format);
}

// Behind the layer's filter, where it has one.
void DetailedVectorUnit::zero(LayerId layer, std::int64_t element) {
    if (filter_.filters(layer)) {
        filter_.zero_behind(layer, element);
    } else {
        set_code(graph_.layer(layer).output, element, 0);
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
                if ((comparator.difference & compared) != 0) {
                    running.alarms.push_back(comparator.pixel);
                }
            }
        }
    }
}

void DetailedVectorUnit::raise_alarms(const Running& running, const traces::VectorPass& pass) {
    raise_alarm(pass.layer, true);
    for (const std::int64_t pixel : running.alarms) {
        for (std::int64_t n = 0; zeroes(pass.layer) && n < pass.channels; ++n) {
            zero(pass.layer, flat_element(pass, n * pass.pixels + pixel));
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
                codes[static_cast<std::size_t>(e)] = code(tensor_id(t), e);
            }
        }
        tensors.push_back(std::move(codes));
    }
    return tensors;
}

}  // namespace fluence::accel
