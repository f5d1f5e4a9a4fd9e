#include "sim/words/stepped_array.h"

#include <algorithm>

namespace fluence::words {
namespace {

Cycle entry(const traces::Fold& fold) {
    return std::min(fold.preload, fold.stream);
}

}  // namespace

SteppedArray::SteppedArray(const SteppedScript& script, CodedMemory& weights, CodedMemory& activations,
                           CodedMemory& sums)
    : script_(script),
      weights_(weights),
      activations_(activations),
      sums_(sums),
      pe_(script.config.array),
      array_(script.config.array) {
    std::int64_t terms = 0;
    for (const traces::Fold& fold : script.timeline.folds) {
        terms = std::max(terms, fold.terms);
    }
    activation_hints_.resize(static_cast<std::size_t>(terms));
    weight_hints_.resize(static_cast<std::size_t>(terms));
}

Cycle SteppedArray::next() const {
    if (!array_.idle()) {
        return now_ + 1;
    }
    const auto folds = static_cast<std::int32_t>(script_.timeline.folds.size());
    return next_fold_ < folds ? entry(fold_at(next_fold_)) : kNever;
}

void SteppedArray::edge(Cycle t) {
    now_ = t;
    const auto folds = static_cast<std::int32_t>(script_.timeline.folds.size());
    for (; next_fold_ < folds && entry(fold_at(next_fold_)) <= t; ++next_fold_) {
        array_.enqueue(next_fold_, fold_at(next_fold_));
    }
    array_.edge(t, *this);
}

template <class Value>
void SteppedArray::feed(const traces::Fold& fold, int used, std::int64_t step, int first, int last,
                        std::uint32_t* values, const Value& value) const {
    for (int lane = first; lane < last; ++lane) {
        const std::int64_t own = script_.config.array.skew == Skew::internal ? step : step - lane;
        const bool fed = lane < used && own >= 0 && own < script_.array.steps(fold);
        values[lane] = fed ? value(own, lane) : 0;
    }
}

void SteppedArray::row_operands(std::int32_t index, std::int64_t step, int first, int last,
                                std::uint32_t* values) {
    const traces::Fold& fold = fold_at(index);
    feed(fold, fold.used_rows, step, first, last, values, [&](std::int64_t own, int row) {
        return script_.array.weight_stationary()   ? activation(fold, own, row)
               : script_.array.output_stationary() ? activation(fold, row, own)
                                                   : weight(fold, row, own);
    });
}

void SteppedArray::column_operands(std::int32_t index, std::int64_t step, int first, int last,
                                   std::uint32_t* values) {
    const traces::Fold& fold = fold_at(index);
    feed(fold, fold.used_cols, step, first, last, values,
         [&](std::int64_t own, int col) { return weight(fold, own, col); });
}

void SteppedArray::stationary_row(std::int32_t index, int row, std::uint32_t* values) {
    const traces::Fold& fold = fold_at(index);
    for (int col = 0; col < script_.config.array.cols; ++col) {
        const bool used = row < fold.used_rows && col < fold.used_cols;
        values[col] = !used                               ? 0
                      : script_.array.weight_stationary() ? weight(fold, row, col)
                                                          : activation(fold, col, row);
    }
}

void SteppedArray::result(std::int32_t index, std::int64_t step, int row, int col, WideBits sum) {
    const traces::Fold& fold = fold_at(index);
    const bool staying = script_.array.output_stationary();
    const std::int64_t m = staying ? row : script_.array.weight_stationary() ? step : col;
    const std::int64_t n = staying || script_.array.weight_stationary() ? col : step;
    const int bytes = script_.widths.sum;
    const std::int64_t at = bytes * fold.accumulator_of(fold.first_pixel + m, fold.first_n + n);
    sums_.write(
        now_, at, bytes,
        fold.k_fold == 0 ? pe_.stored(sum) : pe_.accumulate(sums_.read_for_edge(now_, at, bytes), sum));
}

// By im2col: which element of the input stands at tap k of the window of output pixel m; 0 in the padding.
Word SteppedArray::activation(const traces::Fold& fold, std::int64_t m, std::int64_t k) {
    const workloads::Layer& layer = script_.structure.layer(fold.layer);
    const workloads::Shape& input = script_.structure.tensor(layer.inputs[0]).shape;
    const workloads::Shape& output = script_.structure.tensor(layer.output).shape;
    const workloads::Window window = workloads::window_of(script_.structure, layer);
    const std::int64_t pixel = fold.first_pixel + m;
    const std::int64_t term = fold.first_k + k;
    const std::int64_t taps = std::int64_t{window.kernel_h} * window.kernel_w;
    const std::int64_t channel = fold.group * (input.channels / layer.groups) + term / taps;
    const std::int64_t y = pixel / output.width * window.stride_h - window.pad_h +
                           term % taps / window.kernel_w * window.dilation_h;
    const std::int64_t x =
        pixel % output.width * window.stride_w - window.pad_w + term % window.kernel_w * window.dilation_w;
    if (y < 0 || y >= input.height || x < 0 || x >= input.width) {
        return 0;
    }
    const std::int64_t element = (channel * input.height + y) * input.width + x;
    const std::int64_t byte = script_.load(fold.activation_load)
                                  .buffer_byte(script_.layout(layer.inputs[0]).byte(element),
                                               activation_hints_[static_cast<std::size_t>(k)]);
    return static_cast<Word>(activations_.read_for_edge(now_, byte, script_.widths.operand));
}

// From the block of rows × columns of the layer's weights that holds it.
Word SteppedArray::weight(const traces::Fold& fold, std::int64_t k, std::int64_t n) {
    const std::int64_t term = fold.first_k + k;
    const std::int64_t channel = fold.first_n + n;
    const int rows = script_.config.array.rows;
    const int cols = script_.config.array.cols;
    const dataflow::WeightBlock block = script_.map.weight_block(
        fold.layer, fold.group, static_cast<int>(channel / cols), static_cast<int>(term / rows));
    const std::int64_t in_dram = (block.first_word + term % rows * block.row_words) * weights_.word_bytes() +
                                 channel % cols * script_.widths.operand;
    const std::int64_t byte =
        script_.load(fold.weight_load).buffer_byte(in_dram, weight_hints_[static_cast<std::size_t>(k)]);
    return static_cast<Word>(weights_.read_for_edge(now_, byte, script_.widths.operand));
}

}  // namespace fluence::words
