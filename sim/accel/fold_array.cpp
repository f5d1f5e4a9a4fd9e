#include "sim/accel/fold_array.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "sim/accel/burst.h"
#include "sim/arith/sum_rule.h"
#include "sim/dataflow/tensor_layout.h"

namespace fluence::accel {

FoldArray::FoldArray(const sc_core::sc_module_name& name, const Workload& workload)
    : sc_module(name),
      weight_buffer("weight_buffer"),
      activation_buffer("activation_buffer"),
      output_buffer("output_buffer"),
      workload_(workload),
      window_(workload.map.word_bytes()) {}

template <class Socket>
void FoldArray::read(Socket& socket, Memory memory, std::int64_t address, std::uint8_t* data,
                     std::int64_t bytes) {
    const Cycle delay = burst(socket, workload_.clock, tlm::TLM_READ_COMMAND, address, data, bytes);
    if (delay != 1 + workload_.decode_cycles(memory)) {
        throw std::logic_error(std::string(name()) +
                               ": a buffer answers at another time than the fold timing says");
    }
}

void FoldArray::preload(std::int32_t index) {
    held_ = index;
    if (!workload_.moves_words()) {
        return;
    }
    const traces::Fold& fold = workload_.plan.folds[static_cast<std::size_t>(index)];
    if (workload_.config.array.dataflow_kind() == DataflowKind::weight_stationary) {
        take_weights(fold);
    } else {
        take_activations(fold);
    }
}

void FoldArray::stream(std::int32_t index) {
    const DataflowKind kind = workload_.config.array.dataflow_kind();
    if (kind != DataflowKind::output_stationary && index != held_) {
        throw std::logic_error(std::string(name()) + ": streams a fold whose operand is not in the array");
    }
    if (!workload_.moves_words()) {
        return;
    }
    const traces::Fold& fold = workload_.plan.folds[static_cast<std::size_t>(index)];
    if (kind != DataflowKind::weight_stationary) {
        take_weights(fold);
    }
    if (kind != DataflowKind::input_stationary) {
        take_activations(fold);
    }
    multiply(fold);
    accumulate(fold);
}

// The fold's channels lie in blocks of C columns, each with a row of words a term.
void FoldArray::take_weights(const traces::Fold& fold) {
    const std::int64_t cols = workload_.config.array.cols;
    const std::int64_t word_bytes = workload_.map.word_bytes();
    const traces::Load& load = workload_.plan.loads[static_cast<std::size_t>(fold.weight_load)];
    weights_.resize(static_cast<std::size_t>(fold.terms * fold.channels));
    for (std::int64_t n = 0; n < fold.channels; n += cols) {
        const dataflow::WeightBlock block = workload_.map.weight_block(
            fold.layer, fold.group, static_cast<int>((fold.first_n + n) / cols), 0);
        const std::int64_t first = block.first_word + fold.first_k * block.row_words;
        const std::int64_t words = fold.terms * block.row_words;
        words_.assign(static_cast<std::size_t>(words * word_bytes), 0);
        const std::int64_t found =
            for_each_held(load, first, first + words,
                          [&](std::int64_t buffer_word, std::int64_t dram_word, std::int64_t count) {
                              read(weight_buffer, Memory::weight_buffer, buffer_word * word_bytes,
                                   words_.data() + (dram_word - first) * word_bytes, count * word_bytes);
                          });
        if (found != words) {
            throw std::logic_error(std::string(name()) + ": a fold's weights are not in the buffer");
        }
        const auto used = static_cast<std::size_t>(std::min(cols, fold.channels - n));
        for (std::int64_t k = 0; k < fold.terms; ++k) {
            std::memcpy(weights_.data() + k * fold.channels + n,
                        words_.data() + k * block.row_words * word_bytes, used);
        }
    }
}

// The words of the input rows and channels that the fold's pixels and terms come from.
void FoldArray::fetch_rows(const traces::Fold& fold, const dataflow::Im2col& im2col) {
    const workloads::Layer& layer = workload_.graph.layer(fold.layer);
    const dataflow::TensorLayout layout(workload_.graph, workload_.map, layer.inputs[0]);
    const std::int64_t word_bytes = workload_.map.word_bytes();
    window_.attach(workload_.map.activations(layout.stored()));
    const traces::Load& load = workload_.plan.loads[static_cast<std::size_t>(fold.activation_load)];
    const auto from_buffer = [&](std::int64_t word, std::int64_t words, std::uint8_t* data) {
        read(activation_buffer, Memory::activation_buffer, word * word_bytes, data, words * word_bytes);
    };
    im2col.for_each_row_run(fold.group, fold.first_pixel, fold.first_pixel + fold.pixels, fold.first_k,
                            fold.first_k + fold.terms, [&](std::int64_t first, std::int64_t last) {
                                window_.fetch(load, layout.byte(first) / word_bytes,
                                              layout.byte(last - 1) / word_bytes + 1, from_buffer);
                            });
}

void FoldArray::take_activations(const traces::Fold& fold) {
    const workloads::Layer& layer = workload_.graph.layer(fold.layer);
    const dataflow::Im2col im2col(workload_.graph, layer);
    const dataflow::TensorLayout layout(workload_.graph, workload_.map, layer.inputs[0]);
    const workloads::NumberFormat format = workload_.graph.tensor(layer.inputs[0]).format;
    fetch_rows(fold, im2col);
    activations_.assign(static_cast<std::size_t>(fold.terms * fold.pixels), 0);
    for (std::int64_t k = 0; k < fold.terms; ++k) {
        std::int32_t* column = activations_.data() + k * fold.pixels;
        im2col.for_each_pixel(fold.group, fold.first_k + k, fold.first_pixel, fold.first_pixel + fold.pixels,
                              [&](std::int64_t m, std::int64_t element) {
                                  column[m - fold.first_pixel] = window_.code(layout.byte(element), format);
                              });
    }
}

// The array's sums are as wide as its registers and grow by ascending k.
void FoldArray::multiply(const traces::Fold& fold) {
    const ArrayConfig& array = workload_.config.array;
    const arith::SumRegister sum(array.accumulator_bits, array.overflow);
    const bool exact = array.accumulator_bits == 32 && array.overflow == Overflow::wrap;
    products_.assign(static_cast<std::size_t>(fold.channels * fold.pixels), 0);
    for (std::int64_t k = 0; k < fold.terms; ++k) {
        const std::int32_t* column = activations_.data() + k * fold.pixels;
        for (std::int64_t n = 0; n < fold.channels; ++n) {
            const std::int32_t weight = weights_[static_cast<std::size_t>(k * fold.channels + n)];
            std::int32_t* sums = products_.data() + n * fold.pixels;
            for (std::int64_t m = 0; m < fold.pixels; ++m) {
                sums[m] = exact ? sums[m] + weight * column[m] : sum.add(sums[m], weight * column[m]);
            }
        }
    }
}

void FoldArray::accumulate(const traces::Fold& fold) {
    const bool anew = fold.k_fold == 0;
    if (fold.pixels == fold.accumulator_stride) {
        accumulate_run(anew, fold.accumulator, products_.data(), fold.channels * fold.pixels);
        return;
    }
    for (std::int64_t n = 0; n < fold.channels; ++n) {
        accumulate_run(anew, fold.accumulator + n * fold.accumulator_stride,
                       products_.data() + n * fold.pixels, fold.pixels);
    }
}

// Words at the run's ends may hold accumulators beside it, which stay.
void FoldArray::accumulate_run(bool anew, std::int64_t accumulator, const std::int32_t* products,
                               std::int64_t count) {
    const std::int64_t word_bytes = workload_.config.output_buffer.word_bytes();
    const std::int64_t begin = accumulator * 4 / word_bytes * word_bytes;
    const std::int64_t end = ((accumulator + count) * 4 + word_bytes - 1) / word_bytes * word_bytes;
    words_.resize(static_cast<std::size_t>(end - begin));
    read(output_buffer, Memory::output_buffer, begin, words_.data(), end - begin);
    std::uint8_t* sums = words_.data() + (accumulator * 4 - begin);
    for (std::int64_t i = 0; i < count; ++i) {
        std::uint32_t sum = 0;
        if (!anew) {
            std::memcpy(&sum, sums + i * 4, 4);
        }
        sum += static_cast<std::uint32_t>(products[i]);
        std::memcpy(sums + i * 4, &sum, 4);
    }
    burst(output_buffer, workload_.clock, tlm::TLM_WRITE_COMMAND, begin, words_.data(), end - begin);
}

}  // namespace fluence::accel
