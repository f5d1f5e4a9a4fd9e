#include "sim/accel/recovery_unit.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "sim/arith/sum_rule.h"
#include "sim/dataflow/im2col.h"
#include "sim/protect/recovery.h"

namespace fluence::accel {

using protect::DueAction;

RecoveryUnit::RecoveryUnit(const sc_core::sc_module_name& name, const Script& script)
    : sc_module(name),
      dram("dram"),
      buffers("buffers"),
      sums("sums"),
      sequencer("sequencer"),
      script_(script),
      dram_(dram, script.workload.map.word_bytes()) {
    for (const Memory memory : kMemories) {
        handlers_[index_of(memory)].unit = this;
        handlers_[index_of(memory)].memory = memory;
    }
}

bool RecoveryUnit::recover(Memory memory, std::int64_t word, std::uint8_t* data) {
    switch (script_.workload.policy.memory[index_of(memory)].on_due) {
        case DueAction::zero:
            return false;
        case DueAction::refetch:
            return fetch_again(memory, word, data);
        case DueAction::recompute:
            return compute_again(word, data);
        case DueAction::abort:
            return abort();
    }
    return false;
}

void RecoveryUnit::register_error(protect::RegisterAction action, Cycle t) {
    register_detected_ = true;
    if (action == protect::RegisterAction::abort) {
        abort();
        return;
    }
    for (const traces::Fold& fold : script_.timeline.folds) {
        if (fold.preload <= t && t < fold.end) {
            cycles_ += protect::replay_cycles(fold.preload, t).count();
            return;
        }
    }
}

bool RecoveryUnit::abort() {
    if (!aborted_) {
        aborted_in_ = finished_ == kNever ? script_.workload.clock.next_edge() : finished_;
    }
    aborted_ = true;
    sequencer->halt();
    return false;
}

bool RecoveryUnit::fetch_again(Memory buffer, std::int64_t word, std::uint8_t* data) {
    const std::int64_t from = buffers->dram_word(buffer, word);
    if (from < 0) {
        return abort();
    }
    std::memcpy(data, dram_.read(from), static_cast<std::size_t>(dram_.word_bytes()));
    cycles_ += protect::refetch_cycles(script_.workload.config, script_.workload.timing, buffer).count();
    return !aborted_;
}

bool RecoveryUnit::compute_again(std::int64_t word, std::uint8_t* data) {
    const int in_word = script_.workload.config.output_buffer.word_bits / 32;
    std::int64_t terms = 0;
    for (int i = 0; i < in_word && !aborted_; ++i) {
        const SumInBuffer of = sums->sum_at(word * in_word + i);
        std::int32_t sum = 0;
        if (of.fold >= 0) {
            terms += script_.fold(of.fold).first_k + script_.fold(of.fold).terms;
            sum = sum_again(of);
        }
        std::memcpy(data + 4 * i, &sum, 4);
    }
    if (!aborted_) {
        cycles_ += protect::recompute_cycles(script_.workload.config, script_.workload.timing, terms).count();
    }
    return !aborted_;
}

bool RecoveryUnit::input_in_dram(const traces::Fold& fold) const {
    return !script_.timeline.loads[static_cast<std::size_t>(fold.activation_load)].kept;
}

std::int32_t RecoveryUnit::sum_again(const SumInBuffer& of) {
    const traces::Fold& last = script_.fold(of.fold);
    if (!input_in_dram(last)) {
        abort();
        return 0;
    }
    const workloads::Graph& graph = script_.workload.graph;
    const workloads::Layer& layer = graph.layer(last.layer);
    const dataflow::MemoryMap& map = script_.workload.map;
    const ArrayConfig& array = script_.workload.config.array;
    const dataflow::Im2col im2col(graph, layer);
    const bool is_signed = graph.tensor(layer.inputs[0]).format == workloads::NumberFormat::s8;
    const auto product = [&](std::int64_t k) {
        const std::int64_t element = im2col.input_element(last.group, of.m, k);
        if (element < 0) {
            return 0;
        }
        const std::uint8_t code = dram_.byte(script_.layout(layer.inputs[0]).byte(element));
        const dataflow::WeightBlock block = map.weight_block(
            last.layer, last.group, static_cast<int>(of.n / array.cols), static_cast<int>(k / array.rows));
        const std::int64_t weight_byte =
            (block.first_word + k % array.rows * block.row_words) * map.word_bytes() + of.n % array.cols;
        const std::int32_t weight = static_cast<std::int8_t>(dram_.byte(weight_byte));
        return weight * (is_signed ? std::int32_t{static_cast<std::int8_t>(code)} : std::int32_t{code});
    };
    // Fold by fold, as the array's registers summed them.
    const arith::SumRegister sum_register(array.accumulator_bits, array.overflow);
    std::uint32_t total = 0;
    std::int32_t wanted = last.k_fold;
    for (std::int32_t i = of.fold; wanted >= 0; --i) {
        const traces::Fold& fold = script_.fold(i);
        const bool holds = fold.k_fold == wanted && of.m >= fold.first_pixel &&
                           of.m < fold.first_pixel + fold.pixels && of.n >= fold.first_n &&
                           of.n < fold.first_n + fold.channels;
        if (!holds) {
            continue;
        }
        std::int32_t sum = 0;
        for (std::int64_t k = fold.first_k; k < fold.first_k + fold.terms; ++k) {
            sum = sum_register.add(sum, product(k));
        }
        total += static_cast<std::uint32_t>(sum);
        --wanted;
    }
    return static_cast<std::int32_t>(total);
}

}  // namespace fluence::accel
