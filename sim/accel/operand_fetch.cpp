#include "sim/accel/operand_fetch.h"

#include <algorithm>

namespace fluence::accel {

OperandFetch::OperandFetch(const Script& script, WordAccess& weights, WordAccess& activations)
    : script_(script),
      weights_(weights),
      activations_(activations),
      array_(script.workload.config.array),
      row_memory_(script.array.input_stationary() ? Memory::weight_buffer : Memory::activation_buffer),
      stationary_memory_(script.array.input_stationary() ? Memory::activation_buffer : Memory::weight_buffer),
      row_decode_(script.decode(row_memory_)),
      column_decode_(script.decode(Memory::weight_buffer)),
      stationary_decode_(script.decode(stationary_memory_)),
      internal_skew_(array_.skew == Skew::internal),
      stationary_weights_(script),
      stationary_activations_(script),
      rows_(array_.rows, row_decode_),
      columns_(array_.cols, column_decode_),
      stationary_(array_.cols, stationary_decode_) {}

Cycle OperandFetch::first_read(const traces::Fold& fold) const {
    const dataflow::SpaceTimeMap& map = script_.array;
    const Cycle rows = map.operand_read_cycle(fold, 0, 0, row_decode_);
    return map.output_stationary()
               ? std::min(rows, map.operand_read_cycle(fold, 0, 0, column_decode_))
               : std::min(rows, map.stationary_read_cycle(fold, array_.rows - 1, stationary_decode_));
}

void OperandFetch::read(Cycle t) {
    if (!script_.array.output_stationary()) {
        read_stationary(t);
    }
    read_streams(t);
}

void OperandFetch::read_stationary(Cycle t) {
    const dataflow::SpaceTimeMap& map = script_.array;
    stationary_window_.advance(
        script_, t,
        [&](const traces::Fold& f) {
            return map.stationary_read_cycle(f, array_.rows - 1, stationary_decode_);
        },
        [&](const traces::Fold& f) { return map.stationary_read_cycle(f, 0, stationary_decode_); });
    for (std::int32_t i = stationary_window_.first(); i < stationary_window_.last(); ++i) {
        const traces::Fold& fold = script_.fold(i);
        const Cycle row = map.stationary_read_cycle(fold, 0, stationary_decode_) - t;
        if (row < 0 || row >= fold.used_rows) {
            continue;
        }
        const bool weights = map.weight_stationary();
        if (stationary_fold_ != i) {
            stationary_fold_ = i;
            if (weights) {
                stationary_weights_.attach(fold);
            } else {
                stationary_activations_.attach(fold);
            }
        }
        std::int32_t* values = stationary_.at(t + 1 + stationary_decode_);
        std::fill_n(values, array_.cols, 0);
        if (weights) {
            stationary_weights_.read_row(weights_, row, values);
        } else {
            for (int c = 0; c < fold.used_cols; ++c) {
                values[c] = stationary_activations_.read(activations_, c, row);
            }
        }
    }
}

OperandFetch::Stream& OperandFetch::stream_of(std::int32_t fold) {
    for (Stream& stream : streams_) {
        if (stream.fold == fold) {
            return stream;
        }
    }
    const auto spare = std::find_if(streams_.begin(), streams_.end(), [&](const Stream& stream) {
        return stream.fold < stream_window_.first();
    });
    Stream& stream = spare != streams_.end() ? *spare : streams_.emplace_back(script_);
    stream.fold = fold;
    if (row_memory_ == Memory::activation_buffer) {
        stream.activations.attach(script_.fold(fold));
    }
    if (script_.array.output_stationary() || row_memory_ == Memory::weight_buffer) {
        stream.weights.attach(script_.fold(fold));
    }
    return stream;
}

void OperandFetch::read_streams(Cycle t) {
    const dataflow::SpaceTimeMap& map = script_.array;
    const bool columns = map.output_stationary();
    const int most = columns ? std::max(row_decode_, column_decode_) : row_decode_;
    const int least = columns ? std::min(row_decode_, column_decode_) : row_decode_;
    const int last_lane = columns ? std::max(array_.rows, array_.cols) - 1 : array_.rows - 1;
    stream_window_.advance(
        script_, t, [&](const traces::Fold& f) { return map.operand_read_cycle(f, 0, 0, most); },
        [&](const traces::Fold& f) { return map.operand_read_cycle(f, map.steps(f) - 1, last_lane, least); });
    for (std::int32_t i = stream_window_.first(); i < stream_window_.last(); ++i) {
        const traces::Fold& fold = script_.fold(i);
        Stream& stream = stream_of(i);
        read_rows(t + 1 + row_decode_, fold, stream);
        if (columns) {
            read_columns(t + 1 + column_decode_, fold, stream);
        }
    }
}

std::int64_t OperandFetch::step_at(Cycle t, const traces::Fold& fold, int lane) const {
    return t - fold.stream - (internal_skew_ ? 0 : lane);
}

void OperandFetch::read_rows(Cycle edge, const traces::Fold& fold, Stream& stream) {
    const std::int64_t steps = script_.array.steps(fold);
    std::int32_t* values = rows_.at(edge);
    for (int r = 0; r < fold.used_rows; ++r) {
        const std::int64_t step = step_at(edge, fold, r);
        if (step < 0 || step >= steps) {
            continue;
        }
        values[r] = script_.array.weight_stationary()   ? stream.activations.read(activations_, step, r)
                    : script_.array.output_stationary() ? stream.activations.read(activations_, r, step)
                                                        : stream.weights.read(weights_, r, step);
    }
}

void OperandFetch::read_columns(Cycle edge, const traces::Fold& fold, Stream& stream) {
    const std::int64_t steps = script_.array.steps(fold);
    std::int32_t* values = columns_.at(edge);
    for (int c = 0; c < fold.used_cols; ++c) {
        const std::int64_t step = step_at(edge, fold, c);
        if (step >= 0 && step < steps) {
            values[c] = stream.weights.read(weights_, step, c);
        }
    }
}

void OperandFetch::hand_out(OperandLatch& latch, Cycle t, const traces::Fold& fold, int used,
                            std::int64_t step, int first, int last, std::int32_t* values) const {
    const std::int64_t steps = script_.array.steps(fold);
    const std::int32_t* held = latch.at(t);
    for (int lane = first; lane < last; ++lane) {
        const std::int64_t own = step - (internal_skew_ ? 0 : lane);
        values[lane] = lane < used && own >= 0 && own < steps ? held[lane] : 0;
    }
}

void OperandFetch::row_operands(Cycle t, std::int32_t fold, std::int64_t step, int first, int last,
                                std::int32_t* values) {
    const traces::Fold& f = script_.fold(fold);
    hand_out(rows_, t, f, f.used_rows, step, first, last, values);
}

void OperandFetch::column_operands(Cycle t, std::int32_t fold, std::int64_t step, int first, int last,
                                   std::int32_t* values) {
    const traces::Fold& f = script_.fold(fold);
    hand_out(columns_, t, f, f.used_cols, step, first, last, values);
}

void OperandFetch::stationary_row(Cycle t, std::int32_t fold, int row, std::int32_t* values) {
    if (row < script_.fold(fold).used_rows) {
        std::copy_n(stationary_.at(t), array_.cols, values);
    } else {
        std::fill_n(values, array_.cols, 0);
    }
}

}  // namespace fluence::accel
