#include "sim/dataflow/compute_cycles.h"

#include <algorithm>

#include "sim/dataflow/space_time.h"

namespace fluence::dataflow {
namespace {

// A GEMM as a dataflow sees it: what lies along rows and columns of the array, and what streams.
struct Extents {
    std::int64_t rows = 0, cols = 0, steps = 0;
};

Extents extents_of(DataflowKind dataflow, const Gemm& gemm) {
    switch (dataflow) {
        case DataflowKind::output_stationary:
            return {gemm.m, gemm.n, gemm.k};
        case DataflowKind::input_stationary:
            return {gemm.k, gemm.m, gemm.n};
        case DataflowKind::weight_stationary:
            break;
    }
    return {gemm.k, gemm.n, gemm.m};
}

std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
    return (a + b - 1) / b;
}

class Walk {
  public:
    Walk(const ArrayConfig& array, const Gemm& gemm)
        : array_(array),
          map_(array),
          extents_(extents_of(array.dataflow_kind(), gemm)),
          row_folds_(ceil_div(extents_.rows, array.rows)),
          col_folds_(ceil_div(extents_.cols, array.cols)) {}

    std::int64_t folds() const { return row_folds_ * col_folds_; }

    traces::Cycle serial() const {
        const std::int64_t last_rows = extents_.rows - (row_folds_ - 1) * array_.rows;
        const std::int64_t last_cols = extents_.cols - (col_folds_ - 1) * array_.cols;
        return (row_folds_ - 1) * (col_folds_ - 1) * alone(array_.rows, array_.cols) +
               (row_folds_ - 1) * alone(array_.rows, last_cols) +
               (col_folds_ - 1) * alone(last_rows, array_.cols) + alone(last_rows, last_cols);
    }

    traces::Cycle overlapped() const {
        traces::Cycle end = 0;
        traces::Fold before;
        for (std::int64_t i = 0; i < folds(); ++i) {
            // The reduction moves fastest where it lies along the rows.
            traces::Fold fold =
                fold_of(std::min<std::int64_t>(array_.rows, extents_.rows - i % row_folds_ * array_.rows),
                        std::min<std::int64_t>(array_.cols, extents_.cols - i / row_folds_ * array_.cols));
            fold.preload = i == 0 ? 0 : map_.preload_after(before);
            fold.stream = map_.stream_after_preload(fold.preload);
            if (i > 0) {
                fold.stream = std::max(fold.stream, map_.stream_after(before, extents_.steps));
            }
            fold.end = map_.fold_end(fold, false);
            end = std::max(end, fold.end);
            before = fold;
        }
        return end;
    }

  private:
    traces::Fold fold_of(std::int64_t used_rows, std::int64_t used_cols) const {
        traces::Fold fold;
        fold.used_rows = static_cast<std::int32_t>(used_rows);
        fold.used_cols = static_cast<std::int32_t>(used_cols);
        fold.pixels = fold.channels = fold.terms = extents_.steps;  // whichever of them the steps are
        return fold;
    }
    traces::Cycle alone(std::int64_t used_rows, std::int64_t used_cols) const {
        traces::Fold fold = fold_of(used_rows, used_cols);
        fold.stream = map_.stream_after_preload(0);
        return map_.fold_end(fold, false);
    }

    const ArrayConfig& array_;
    SpaceTimeMap map_;
    Extents extents_;
    std::int64_t row_folds_, col_folds_;
};

}  // namespace

std::int64_t fold_count(const ArrayConfig& array, const Gemm& gemm) {
    return Walk(array, gemm).folds();
}

ComputeCycles compute_cycles(const ArrayConfig& array, const Gemm& gemm) {
    const Walk walk(array, gemm);
    return {walk.folds(), array.preload == Preload::serial ? walk.serial() : walk.overlapped()};
}

}  // namespace fluence::dataflow
