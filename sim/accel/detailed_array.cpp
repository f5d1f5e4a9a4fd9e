#include "sim/accel/detailed_array.h"

#include <algorithm>
#include <tuple>

#include "sim/core/error.h"

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
      sums_(script, output_),
      has_checksum_(script.workload.policy.checksum.has_value()) {
    if (has_checksum_) {
        find_passes();
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
    return busy_.last() < folds ? operands_.first_read(script_.fold(busy_.last())) : kNever;
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
    model_->edge(t, *this);
}

void DetailedArray::cycle(Cycle t) {
    busy_.advance(
        script_, t, [&](const traces::Fold& f) { return operands_.first_read(f); },
        [](const traces::Fold& f) { return f.end; });
    if (busy_.first() == busy_.last()) {
        return;
    }
    operands_.read(t);
    sums_.read(t);
    if (has_checksum_) {
        add_checksums(t);
    }
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

void DetailedArray::flip(traces::SiteKind bank, std::int64_t unit, std::uint32_t mask) {
    model_->flip(bank, unit, mask);
}

// The pass that drains each fold's block.
void DetailedArray::find_passes() {
    const auto block = [](const auto& record) {
        return std::make_tuple(record.layer, record.group, record.first_pixel, record.first_n);
    };
    std::map<decltype(block(traces::Fold{})), std::int32_t> passes;
    for (std::size_t p = 0; p < script_.timeline.passes.size(); ++p) {
        passes[block(script_.timeline.passes[p])] = static_cast<std::int32_t>(p);
    }
    for (const traces::Fold& fold : script_.timeline.folds) {
        pass_of_.push_back(passes.at(block(fold)));
    }
}

std::vector<std::int64_t> DetailedArray::checksum_weights(const traces::Fold& fold) const {
    const workloads::Layer& layer = script_.layer_of(fold);
    const workloads::GemmShape gemm = workloads::gemm_shape(script_.workload.graph, layer);
    std::vector<std::int64_t> sums(static_cast<std::size_t>(fold.terms));
    for (std::int64_t n = fold.first_n; n < fold.first_n + fold.channels; ++n) {
        const std::int8_t* weights = layer.weights.data() + (fold.group * gemm.n + n) * gemm.k + fold.first_k;
        for (std::int64_t k = 0; k < fold.terms; ++k) {
            sums[static_cast<std::size_t>(k)] += weights[k];
        }
    }
    return sums;
}

// Weight stationary: the checksum column takes in what leaves the last column's operand registers.
void DetailedArray::add_checksums(Cycle t) {
    const dataflow::SpaceTimeMap& map = script_.array;
    const ArrayConfig& array = script_.workload.config.array;
    const int column = array.cols - 1;
    checksum_window_.advance(
        script_, t, [&](const traces::Fold& f) { return map.operand_cycle(f, 0, 0, column); },
        [&](const traces::Fold& f) { return map.operand_cycle(f, f.pixels - 1, array.rows - 1, column); });
    checksum_weights_.erase(checksum_weights_.begin(),
                            checksum_weights_.lower_bound(checksum_window_.first()));
    for (std::int32_t i = checksum_window_.first(); i < checksum_window_.last(); ++i) {
        const traces::Fold& fold = script_.fold(i);
        std::vector<std::int64_t>& weights = checksum_weights_[i];
        if (weights.empty()) {
            weights = checksum_weights(fold);
        }
        const NumberFormat format = script_.workload.graph.tensor(script_.layer_of(fold).inputs[0]).format;
        const bool raw = array.operand_bits == 8 && format == NumberFormat::u8;
        const int unused = raw ? 0 : 32 - array.operand_bits;
        for (int r = 0; r < fold.used_rows; ++r) {
            const std::int64_t m = t - map.operand_cycle(fold, 0, r, column);
            if (m >= 0 && m < fold.pixels) {
                const std::uint32_t bits =
                    model_->read(traces::SiteKind::pe_activation, std::int64_t{r} * array.cols + column);
                const std::int32_t code = static_cast<std::int32_t>(bits << unused) >> unused;
                checksums_[{pass_of_[static_cast<std::size_t>(i)], fold.first_pixel + m}] +=
                    code * weights[static_cast<std::size_t>(r)];
            }
        }
    }
}

std::int64_t DetailedArray::checksum(std::int32_t pass, std::int64_t pixel) const {
    return checksums_.at({pass, pixel});
}

}  // namespace fluence::accel
