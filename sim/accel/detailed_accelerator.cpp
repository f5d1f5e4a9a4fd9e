#include "sim/accel/detailed_accelerator.h"

#include <algorithm>

#include "sim/accel/burst.h"
#include "sim/accel/memory_image.h"

namespace fluence::accel {
namespace {

Cycle scrub_period(const Script& script, Memory memory) {
    return script.workload.policy.memory[index_of(memory)].scrub_period.count();
}

std::int64_t words_of(const BufferConfig& buffer) {
    return buffer.size.count() / buffer.word_bytes();
}

std::optional<SelectiveMemory> selective_memory(const Script& script, Memory memory) {
    if (!protect::is_selective(script.workload.policy, memory)) {
        return std::nullopt;
    }
    return SelectiveMemory(script.workload, memory);
}

}  // namespace

DetailedAccelerator::DetailedAccelerator(const sc_core::sc_module_name& name, const Script& script,
                                         std::vector<std::uint8_t> memory)
    : sc_module(name),
      script_(script),
      memory_(std::move(memory)),
      selective_dram_(selective_memory(script, Memory::dram)),
      selective_weights_(selective_memory(script, Memory::weight_buffer)),
      sequencer_("sequencer", script.workload.clock),
      injector_("injector", script),
      dma_("dma", script),
      array_("array", script),
      vector_unit_("vector_unit", script),
      recovery_("recovery", script),
      dram_codec_("dram_codec",
                  codec_of(script.workload, Memory::dram, script.workload.config.dram.word_bits),
                  script.decode(Memory::dram), script.workload.clock),
      weight_codec_(
          "weight_codec",
          codec_of(script.workload, Memory::weight_buffer, script.workload.config.weight_buffer.word_bits),
          script.decode(Memory::weight_buffer), script.workload.clock),
      activation_codec_("activation_codec",
                        codec_of(script.workload, Memory::activation_buffer,
                                 script.workload.config.activation_buffer.word_bits),
                        script.decode(Memory::activation_buffer), script.workload.clock),
      output_codec_(
          "output_codec",
          codec_of(script.workload, Memory::output_buffer, script.workload.config.output_buffer.word_bits),
          script.decode(Memory::output_buffer), script.workload.clock),
      dram_scrubber_("dram_scrubber", scrub_period(script, Memory::dram), script.workload.map.words(),
                     script.timeline.cycles),
      weight_scrubber_("weight_scrubber", scrub_period(script, Memory::weight_buffer),
                       words_of(script.workload.config.weight_buffer), script.timeline.cycles),
      activation_scrubber_("activation_scrubber", scrub_period(script, Memory::activation_buffer),
                           words_of(script.workload.config.activation_buffer), script.timeline.cycles),
      output_scrubber_("output_scrubber", scrub_period(script, Memory::output_buffer),
                       words_of(script.workload.config.output_buffer), script.timeline.cycles),
      dram_("dram",
            script.workload.map.words() * (selective_dram_ ? selective_dram_->stored_bytes()
                                                           : codec_of(script.workload, Memory::dram,
                                                                      script.workload.config.dram.word_bits)
                                                                 .stored_bytes()),
            script.workload.config.dram.latency.count(), script.workload.clock),
      weight_buffer_(
          "weight_buffer",
          selective_weights_
              ? words_of(script.workload.config.weight_buffer) * selective_weights_->stored_bytes()
              : stored_bytes(script.workload, Memory::weight_buffer, script.workload.config.weight_buffer),
          script.workload.clock),
      activation_buffer_(
          "activation_buffer",
          stored_bytes(script.workload, Memory::activation_buffer, script.workload.config.activation_buffer),
          script.workload.clock),
      output_buffer_(
          "output_buffer",
          stored_bytes(script.workload, Memory::output_buffer, script.workload.config.output_buffer),
          script.workload.clock) {
    if (selective_dram_) {
        dram_codec_.code_selectively(*selective_dram_);
        injector_.limit_dram_words(*selective_dram_);
    }
    if (selective_weights_) {
        weight_codec_.code_selectively(*selective_weights_);
    }
    dma_.dram_signatures.bind(dram_codec_);
    dma_.weight_signatures.bind(weight_codec_);

    // Scrubbers first: a write of the machine at the same edge wins.
    sequencer_.units.bind(dram_scrubber_);
    sequencer_.units.bind(weight_scrubber_);
    sequencer_.units.bind(activation_scrubber_);
    sequencer_.units.bind(output_scrubber_);
    sequencer_.units.bind(dma_);
    sequencer_.units.bind(array_);
    sequencer_.units.bind(vector_unit_);
    sequencer_.upsets.bind(injector_);
    dram_scrubber_.codec.bind(dram_codec_);
    weight_scrubber_.codec.bind(weight_codec_);
    activation_scrubber_.codec.bind(activation_codec_);
    output_scrubber_.codec.bind(output_codec_);

    injector_.array.bind(array_);
    injector_.alarm.bind(recovery_);
    injector_.checksum.bind(array_);
    injector_.vector_unit.bind(vector_unit_);
    injector_.dram.bind(dram_);
    injector_.weight_buffer.bind(weight_buffer_);
    injector_.activation_buffer.bind(activation_buffer_);
    injector_.output_buffer.bind(output_buffer_);

    dram_codec_.due.bind(recovery_.handler(Memory::dram));
    weight_codec_.due.bind(recovery_.handler(Memory::weight_buffer));
    activation_codec_.due.bind(recovery_.handler(Memory::activation_buffer));
    output_codec_.due.bind(recovery_.handler(Memory::output_buffer));
    recovery_.dram.bind(dram_codec_.front);
    recovery_.buffers.bind(dma_);
    recovery_.sums.bind(array_);
    recovery_.sequencer.bind(sequencer_);

    dma_.dram.bind(dram_codec_.front);
    dma_.weight_buffer.bind(weight_codec_.front);
    dma_.activation_buffer.bind(activation_codec_.front);
    dma_.vector_unit.bind(vector_unit_.dma);
    array_.weight_buffer.bind(weight_codec_.front);
    array_.activation_buffer.bind(activation_codec_.front);
    array_.output_buffer.bind(output_codec_.front);
    vector_unit_.activation_buffer.bind(activation_codec_.front);
    vector_unit_.output_buffer.bind(output_codec_.front);
    vector_unit_.checksums.bind(array_);

    dram_codec_.memory.bind(dram_.socket);
    weight_codec_.memory.bind(weight_buffer_.socket);
    activation_codec_.memory.bind(activation_buffer_.socket);
    output_codec_.memory.bind(output_buffer_.socket);
}

void DetailedAccelerator::start_of_simulation() {
    debug_burst(dma_.dram, tlm::TLM_WRITE_COMMAND, 0, memory_.data(),
                static_cast<std::int64_t>(memory_.size()));
    if (!cells_.empty()) {
        dram_.restore(cells_);
    }
}

void DetailedAccelerator::attach(const std::vector<traces::Upset>& upsets) {
    injector_.attach(upsets);
    if (injector_.next() != kNever) {
        sequencer_.wake(injector_.next());
    }
}

void DetailedAccelerator::run_until(Cycle t) {
    if (t > reached_) {
        // In the middle of the cycle before: the kernel stops between two of the sequencer's steps.
        sc_core::sc_start(script_.workload.clock.span(t) -
                          sc_core::sc_time::from_value(script_.workload.clock.span(1).value() / 2) -
                          sc_core::sc_time_stamp());
        reached_ = t;
    }
}

void DetailedAccelerator::run_to_end() {
    if (reached_ == 0 || sc_core::sc_pending_activity()) {
        sc_core::sc_start();
    }
    if (!recovery_.aborted()) {
        recovery_.finish(script_.timeline.cycles);
        read_logits();
    }
}

void DetailedAccelerator::read_logits() {
    const dataflow::TensorLayout& layout = script_.layout(script_.workload.graph.logits);
    const std::int64_t unit = script_.workload.map.word_bytes();
    const std::int64_t first = layout.byte(0) / unit;
    const std::int64_t last = (layout.byte(layout.elements() - 1) + layout.element_bytes() - 1) / unit;
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>((last - first + 1) * unit));
    burst(dma_.dram, script_.workload.clock, tlm::TLM_READ_COMMAND, first * unit, bytes.data(),
          static_cast<std::int64_t>(bytes.size()));
    const workloads::NumberFormat format =
        script_.workload.graph.tensor(script_.workload.graph.logits).format;
    for (std::int64_t e = 0; e < layout.elements(); ++e) {
        logits_.push_back(code_at(bytes.data() + (layout.byte(e) - first * unit), format));
    }
}

DetailedRun DetailedAccelerator::result() const {
    const workloads::Graph& graph = script_.workload.graph;
    const DetailedVectorUnit::Report& outputs = vector_unit_.report();
    DetailedRun run;
    run.tensors = vector_unit_.tensors();
    if (!logits_.empty()) {
        run.tensors[index_of(graph.logits)] = logits_;
    }
    for (const EccCodec* codec : {&dram_codec_, &weight_codec_, &activation_codec_, &output_codec_}) {
        run.corrected = run.corrected || codec->stats().corrected > 0;
        run.detected = run.detected || codec->stats().detected > 0;
        run.zeroed = run.zeroed || codec->stats().zeroed > 0;
    }
    run.suppressed = run.zeroed;
    run.corrected = run.corrected || recovery_.corrected();
    run.detected = run.detected || recovery_.detected() || outputs.differs;
    run.suppressed = run.suppressed || outputs.zeroed;
    run.unrepaired = outputs.unrepaired;
    run.aborted = recovery_.aborted();
    // An inference that was aborted has no outputs, whatever a filter did before.
    run.recovery_cycles = recovery_.cycles() + (run.aborted ? 0 : vector_unit_.filter().stalled());
    run.cycles = run.aborted ? std::min(recovery_.aborted_in() + 1, script_.timeline.cycles)
                             : script_.timeline.cycles + run.recovery_cycles;
    return run;
}

}  // namespace fluence::accel
