#include "sim/accel/detailed_array.h"

#include <algorithm>

namespace fluence::accel {

using workloads::NumberFormat;

DetailedArray::DetailedArray(const sc_core::sc_module_name& name, const Script& script)
    : sc_module(name),
      weight_buffer("weight_buffer"),
      activation_buffer("activation_buffer"),
      output_buffer("output_buffer"),
      script_(script),
      weights_(weight_buffer, script.workload.config.weight_buffer.word_bytes()),
      activations_(activation_buffer, script.workload.config.activation_buffer.word_bytes()),
      output_(output_buffer, script.workload.config.output_buffer.word_bytes()),
      model_(array::make_array(script.workload.config.array)),
      operands_(script, weights_, activations_),
      sums_(script, output_) {
    if (script.workload.policy.checksum) {
        checksum_ = std::make_unique<ChecksumPes>(script);
    }
}

void DetailedArray::start_of_simulation() {
    for (WordAccess* access : {&weights_, &activations_, &output_}) {
        access->connect();
    }
}

Cycle DetailedArray::next() const {
    const auto folds = static_cast<std::int32_t>(script_.timeline.folds.size());
    if (busy_.first() < busy_.last() || !model_->idle()) {
        return now_ + 1;
    }
    return busy_.last() < folds ? first_cycle(script_.fold(busy_.last())) : kNever;
}

Cycle DetailedArray::first_cycle(const traces::Fold& fold) const {
    return std::min({operands_.first_read(fold), fold.preload, fold.stream});
}

void DetailedArray::enqueue_until(Cycle t) {
    const auto folds = static_cast<std::int32_t>(script_.timeline.folds.size());
    for (; next_fold_ < folds; ++next_fold_) {
        const traces::Fold& fold = script_.fold(next_fold_);
        if (std::min(fold.preload, fold.stream) > t) {
            return;
        }
        const workloads::Layer& layer = script_.layer_of(fold);
        const bool is_signed = script_.workload.graph.tensor(layer.inputs[0]).format == NumberFormat::s8;
        model_->enqueue(
            next_fold_, fold,
            is_signed ? array::ActivationCodes::signed_codes : array::ActivationCodes::unsigned_codes);
    }
}

void DetailedArray::edge(Cycle t) {
    now_ = t;
    enqueue_until(t);
    if (checksum_) {
        checksum_->edge(t, *model_);
    }
    model_->edge(t, *this);
}

void DetailedArray::cycle(Cycle t) {
    if (observer_ != nullptr) {
        observer_->cycle(t, *model_);
    }
    busy_.advance(
        script_, t, [&](const traces::Fold& f) { return first_cycle(f); },
        [](const traces::Fold& f) { return f.end; });
    if (busy_.first() == busy_.last()) {
        return;
    }
    operands_.read(t);
    sums_.read(t);
}

void DetailedArray::row_operands(std::int32_t fold, std::int64_t step, int first, int last,
                                 std::int32_t* values) {
    operands_.row_operands(now_, fold, step, first, last, values);
}

void DetailedArray::column_operands(std::int32_t fold, std::int64_t step, int first, int last,
                                    std::int32_t* values) {
    operands_.column_operands(now_, fold, step, first, last, values);
}

void DetailedArray::stationary_row(std::int32_t fold, int row, std::int32_t* values) {
    operands_.stationary_row(now_, fold, row, values);
}

void DetailedArray::result(std::int32_t fold, std::int64_t step, int row, int col, std::int32_t sum) {
    sums_.take(now_, fold, step, row, col, sum);
}

std::uint32_t DetailedArray::read(traces::SiteKind bank, std::int64_t unit) const {
    return model_->read(bank, unit);
}

void DetailedArray::flip(traces::SiteKind bank, std::int64_t unit, std::uint32_t mask) {
    model_->flip(bank, unit, mask);
}

}  // namespace fluence::accel
