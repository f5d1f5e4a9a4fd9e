#include "sim/accel/vector_unit.h"

#include <cstring>
#include <stdexcept>

#include "sim/accel/burst.h"

namespace fluence::accel {

VectorUnit::VectorUnit(const sc_core::sc_module_name& name, const Workload& workload)
    : sc_module(name),
      output_buffer("output_buffer"),
      activation_buffer("activation_buffer"),
      dma("dma"),
      workload_(workload) {
    dma.register_b_transport(this, &VectorUnit::b_transport);
}

void VectorUnit::b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time&) {
    const auto address = static_cast<std::int64_t>(payload.get_address());
    const std::int64_t word_bytes = workload_.map.word_bytes();
    const dataflow::Region& region = workload_.map.region_of(address / word_bytes);
    if (payload.is_write()) {
        take_parameters(region, payload);
    } else {
        const std::vector<std::uint8_t>& staged =
            staged_words(tensor_id(static_cast<std::size_t>(region.owner)));
        std::memcpy(payload.get_data_ptr(), staged.data() + (address - region.first_word * word_bytes),
                    payload.get_data_length());
    }
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
}

void VectorUnit::take_parameters(const dataflow::Region& region, const tlm::tlm_generic_payload& payload) {
    parameter_layer_ = layer_id(static_cast<std::size_t>(region.owner));
    parameter_words_.assign(payload.get_data_ptr(), payload.get_data_ptr() + payload.get_data_length());
    parameters_ = parse_parameters(workload_.graph.layer(parameter_layer_), parameter_words_,
                                   workload_.map.word_bytes());
}

const LayerParameters& VectorUnit::parameters_of(LayerId layer) {
    const bool needed = workload_.map.parameters(layer).words > 0;
    if (needed && parameter_layer_ != layer) {
        throw std::logic_error(std::string(name()) + ": the parameters of another layer are in place");
    }
    return parameters_;
}

template <class Socket>
void VectorUnit::read(Socket& socket, Memory memory, std::int64_t address, std::uint8_t* data,
                      std::int64_t bytes) {
    const Cycle delay = burst(socket, workload_.clock, tlm::TLM_READ_COMMAND, address, data, bytes);
    if (delay != 1 + workload_.decode_cycles(memory)) {
        throw std::logic_error(std::string(name()) +
                               ": a buffer answers at another time than the pass timing says");
    }
}

void VectorUnit::run(std::int32_t index) {
    const traces::VectorPass& pass = workload_.plan.passes[static_cast<std::size_t>(index)];
    if (!workload_.moves_words()) {
        return;
    }
    if (workload_.graph.layer(pass.layer).has_macs()) {
        drain_block(pass);
    } else {
        run_range(pass);
    }
}

void VectorUnit::drain_block(const traces::VectorPass& pass) {
    const workloads::Layer& layer = workload_.graph.layer(pass.layer);
    const workloads::GemmShape gemm = workloads::gemm_shape(workload_.graph, layer);
    const LayerParameters& parameters = parameters_of(pass.layer);
    const std::int64_t word_bytes = workload_.config.output_buffer.word_bytes();
    const std::int64_t bytes = (pass.elements * 4 + word_bytes - 1) / word_bytes * word_bytes;
    accumulators_.resize(static_cast<std::size_t>(bytes));
    read(output_buffer, Memory::output_buffer, pass.accumulator * 4, accumulators_.data(), bytes);

    const dataflow::TensorLayout layout(workload_.graph, workload_.map, layer.output);
    std::vector<std::uint8_t>& staged = staged_words(layout.stored());
    for (std::int64_t i = 0; i < pass.elements; ++i) {
        std::int32_t accumulator = 0;
        std::memcpy(&accumulator, accumulators_.data() + i * 4, 4);
        const std::int64_t n = pass.first_n + i / pass.pixels;
        if (workload_.map.is_copy(pass.layer, pass.group, n)) {
            continue;  // compared, and forgotten
        }
        const std::int64_t channel = workload_.map.channel(pass.layer, pass.group, n);
        const std::int64_t element = channel * gemm.m + pass.first_pixel + i % pass.pixels;
        stage(layout, staged, element,
              finish_accumulator(workload_.graph, layer, parameters, element, accumulator));
    }
}

void VectorUnit::run_range(const traces::VectorPass& pass) {
    const workloads::Layer& layer = workload_.graph.layer(pass.layer);
    const LayerParameters& parameters = parameters_of(pass.layer);
    const std::int64_t word_bytes = workload_.map.word_bytes();
    const auto from_buffer = [&](std::int64_t word, std::int64_t words, std::uint8_t* data) {
        read(activation_buffer, Memory::activation_buffer, word * word_bytes, data, words * word_bytes);
    };
    std::vector<dataflow::TensorLayout> layouts;
    for (std::size_t i = 0; i < layer.inputs.size(); ++i) {
        layouts.emplace_back(workload_.graph, workload_.map, layer.inputs[i]);
        if (windows_.size() <= i) {
            windows_.emplace_back(static_cast<int>(word_bytes));
        }
        const dataflow::Region& region = workload_.map.activations(layouts[i].stored());
        windows_[i].attach(region);
        if (pass.operand_loads[i] >= 0) {
            windows_[i].fetch(workload_.plan.loads[static_cast<std::size_t>(pass.operand_loads[i])],
                              region.first_word, region.first_word + region.words, from_buffer);
        }
    }
    const auto operand = [&](std::size_t i, std::int64_t element) {
        return windows_[i].code(layouts[i].byte(element), workload_.graph.tensor(layer.inputs[i]).format);
    };
    const dataflow::TensorLayout layout(workload_.graph, workload_.map, layer.output);
    std::vector<std::uint8_t>& staged = staged_words(layout.stored());
    for (std::int64_t e = pass.first_element; e < pass.first_element + pass.elements; ++e) {
        stage(layout, staged, e, vector_element(workload_.graph, layer, parameters, e, operand));
    }
}

void VectorUnit::stage(const dataflow::TensorLayout& layout, std::vector<std::uint8_t>& staged,
                       std::int64_t element, std::int32_t code) {
    const std::int64_t first =
        workload_.map.activations(layout.stored()).first_word * workload_.map.word_bytes();
    std::memcpy(staged.data() + (layout.byte(element) - first), &code,
                static_cast<std::size_t>(layout.element_bytes()));  // little endian: the low bytes
}

std::vector<std::uint8_t>& VectorUnit::staged_words(TensorId stored) {
    std::vector<std::uint8_t>& bytes = staged_[static_cast<std::int32_t>(stored)];
    bytes.resize(
        static_cast<std::size_t>(workload_.map.activations(stored).words * workload_.map.word_bytes()));
    return bytes;
}

}  // namespace fluence::accel
