#include "sim/dataflow/space_time.h"

namespace fluence::dataflow {

using traces::Fold;

SpaceTimeMap::SpaceTimeMap(const ArrayConfig& array)
    : kind_(array.dataflow_kind()),
      rows_(array.rows),
      cols_(array.cols),
      in_(array.operand_register == OperandRegister::input ? 1 : 0),
      lm_(array.multiplier_stages),
      la_(array.accumulator_stages),
      shadow_(array.shadow_weights),
      travelling_(array.control == ArrayControl::travelling),
      serial_(array.preload == Preload::serial),
      parallel_drain_(array.drain == Drain::parallel),
      full_folds_(array.partial_folds == PartialFolds::full),
      internal_skew_(array.skew == Skew::internal),
      overhead_(array.fold_overhead.count()),
      single_edge_saving_(array.single_edge_saving.count()) {}

SpaceTimeMap::Cycle SpaceTimeMap::preload_after(const Fold& before) const {
    if (serial_) {
        return before.end;
    }
    if (travelling_) {
        const Cycle streamed = before.stream + steps(before);
        if (output_stationary()) {
            return streamed - rows_;
        }
        return in_ == 1 ? std::max(before.stream, streamed - rows_) : streamed + cols_ - 2;
    }
    if (output_stationary()) {
        return before.stream + steps(before);
    }
    // The last PE takes its operand from the shadow, or has multiplied for the last time.
    return before.stream + rows_ + cols_ - 2 + (shadow_ ? 0 : steps(before));
}

SpaceTimeMap::Cycle SpaceTimeMap::stream_after(const Fold& before, std::int64_t next_steps) const {
    if (serial_) {
        return before.end;
    }
    Cycle earliest = before.stream + steps(before);
    if (output_stationary() && travelling_) {
        // The sums of the fold before have left, and zeros have come, when this one's begin to.
        return std::max(earliest, earliest + rows_ - next_steps);
    }
    if (output_stationary() && !parallel_drain_) {
        // The first sum of the next fold is copied when the drain registers have moved out.
        const Cycle moved_out = last_copy_edge(before) + cols_ - 1;
        earliest = std::max(earliest, moved_out + 1 - (next_steps - 1 + lm_ + la_ + in_));
    }
    return earliest;
}

SpaceTimeMap::Cycle SpaceTimeMap::fold_end(const Fold& f, bool checksum) const {
    const int used_cols = full_folds_ ? cols_ : f.used_cols;
    const int used_rows = full_folds_ ? rows_ : f.used_rows;
    Cycle last = 0;
    if (!output_stationary()) {
        last = accumulate_cycle(f, steps(f) - 1, 0, checksum ? cols_ : used_cols - 1);
    } else if (travelling_) {
        last = accumulate_cycle(f, 0, 0, checksum ? cols_ : used_cols - 1);
    } else if (parallel_drain_) {
        last = accumulate_cycle(f, 0, used_rows - 1, checksum ? cols_ : used_cols - 1);
    } else {
        last = accumulate_cycle(f, 0, 0, 0);
    }
    const Cycle saving = f.used_rows == 1 || f.used_cols == 1 ? single_edge_saving_ : 0;
    return last + 1 + overhead_ - saving;
}

}  // namespace fluence::dataflow
