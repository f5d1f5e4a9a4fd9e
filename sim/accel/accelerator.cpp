#include "sim/accel/accelerator.h"

#include "sim/accel/burst.h"
#include "sim/accel/memory_image.h"

namespace fluence::accel {
namespace {

std::int64_t stored_dram_bytes(const Workload& w) {
    const std::int64_t words = w.moves_words() ? w.map.words() : 0;
    return words * codec_of(w, Memory::dram, w.config.dram.word_bits).stored_bytes();
}

}  // namespace

Accelerator::Accelerator(const sc_core::sc_module_name& name, const Workload& w,
                         std::vector<std::uint8_t> memory, RunObserver* observer)
    : sc_module(name),
      workload_(w),
      memory_(std::move(memory)),
      ports_(w.config),
      controller_("controller", w, ports_, observer),
      dma_("dma", w, ports_),
      array_("array", w),
      vector_unit_("vector_unit", w),
      dram_codec_("dram_codec", codec_of(w, Memory::dram, w.config.dram.word_bits),
                  w.decode_cycles(Memory::dram), w.clock),
      weight_codec_("weight_codec", codec_of(w, Memory::weight_buffer, w.config.weight_buffer.word_bits),
                    w.decode_cycles(Memory::weight_buffer), w.clock),
      activation_codec_("activation_codec",
                        codec_of(w, Memory::activation_buffer, w.config.activation_buffer.word_bits),
                        w.decode_cycles(Memory::activation_buffer), w.clock),
      output_codec_("output_codec", codec_of(w, Memory::output_buffer, w.config.output_buffer.word_bits),
                    w.decode_cycles(Memory::output_buffer), w.clock),
      dram_("dram", stored_dram_bytes(w), w.config.dram.latency.count(), w.clock),
      weight_buffer_("weight_buffer", stored_bytes(w, Memory::weight_buffer, w.config.weight_buffer),
                     w.clock),
      activation_buffer_("activation_buffer",
                         stored_bytes(w, Memory::activation_buffer, w.config.activation_buffer), w.clock),
      output_buffer_("output_buffer", stored_bytes(w, Memory::output_buffer, w.config.output_buffer),
                     w.clock) {
    controller_.dma.bind(dma_);
    controller_.array.bind(array_);
    controller_.vector_unit.bind(vector_unit_);
    dma_.reports.bind(controller_);

    dma_.dram.bind(dram_codec_.front);
    dma_.weight_buffer.bind(weight_codec_.front);
    dma_.activation_buffer.bind(activation_codec_.front);
    dma_.vector_unit.bind(vector_unit_.dma);
    array_.weight_buffer.bind(weight_codec_.front);
    array_.activation_buffer.bind(activation_codec_.front);
    array_.output_buffer.bind(output_codec_.front);
    vector_unit_.activation_buffer.bind(activation_codec_.front);
    vector_unit_.output_buffer.bind(output_codec_.front);

    dram_codec_.memory.bind(dram_.socket);
    weight_codec_.memory.bind(weight_buffer_.socket);
    activation_codec_.memory.bind(activation_buffer_.socket);
    output_codec_.memory.bind(output_buffer_.socket);
}

void Accelerator::start_of_simulation() {
    if (workload_.moves_words()) {
        debug_burst(dma_.dram, tlm::TLM_WRITE_COMMAND, 0, memory_.data(),
                    static_cast<std::int64_t>(memory_.size()));
    }
}

std::vector<workloads::Codes> Accelerator::tensors() {
    std::vector<std::uint8_t> words(
        static_cast<std::size_t>(workload_.map.words() * workload_.map.word_bytes()));
    debug_burst(dma_.dram, tlm::TLM_READ_COMMAND, 0, words.data(), static_cast<std::int64_t>(words.size()));
    // What stayed in the activation buffer is there no more; the vector unit knows what it finished.
    for (const traces::Store& store : workload_.plan.stores) {
        for (const traces::Segment& segment : store.segments) {
            if (store.to_buffer) {
                const std::int64_t bytes = segment.words * store.word_bytes;
                const std::int64_t address = segment.dram_word * store.word_bytes;
                burst(dma_.vector_unit, workload_.clock, tlm::TLM_READ_COMMAND, address,
                      words.data() + address, bytes);
            }
        }
    }
    return tensors_in(workload_, words);
}

}  // namespace fluence::accel
