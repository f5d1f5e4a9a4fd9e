// The weight-stationary space-time map: PE(r,c) holds B[k,n] of its fold (r = k, c = n inside the fold),
// activations travel along the rows to the right, partial sums down the columns. All in closed form; the
// machine's timing and the resolver's answers follow from this file alone.
//
// Let s = Fold::stream, p = Fold::preload, R and C the array's edges, m the pixel inside the fold.
//   activation register (r,c)   holds A[m,r] in cycle s+m+r+c (one cycle)
//   MAC (m,r,c)                 takes place in cycle s+m+r+c (registers at the input) or s+m+r+c−1 (at the
//   output) partial-sum register (q,c)  `output`: q = 0…R−1 holds Σ_{k≤q} in cycle s+m+q+c
//                               `input`:  q = 0…R   holds Σ_{k<q} in cycle s+m+q+c (row R: the drain
//                               register)
//   accumulation of (m,c)       in cycle u = s+m+c + (R−1 output, R input): the old accumulator is read in
//                               cycle u − decode (no read where k_fold = 0), the new one written at u+1
//   activation buffer read of A[m,r] in cycle s+m+r−1 − decode (padding and unused rows are not read: 0)
//   weight chain: at edge p+i, i = 0…R−1, every column shifts down by one PE and row 0 takes weight row
//                 R−1−i (0 for an unused row); buffer read of row r in cycle p+(R−1−r)−1 − decode.
//                 After edge p+i chain register (r,c) holds weight row R−1−i+r where r ≤ i.
//   with shadow weights the chain is the shadow registers, and the active register of PE(r,c) takes the
//                 shadow's value at edge swap = s+r+c (input) or s+r+c−1 (output): before its MAC of m = 0.
//                 Without, the chain is the weight registers themselves.
// Activations of unused rows and weights of unused rows and columns are 0. Columns beyond used_cols are
// not accumulated. Between folds of one layer and between layers registers keep what the last fold left.
#pragma once

#include <cstdint>

#include "sim/core/accelerator_config.h"
#include "traces/timeline.h"

namespace fluence::dataflow {

class WeightStationaryMap {
  public:
    explicit WeightStationaryMap(const ArrayConfig& array)
        : rows_(array.rows),
          cols_(array.cols),
          at_input_(array.operand_register == OperandRegister::input),
          shadow_(array.shadow_weights) {}

    using Cycle = traces::Cycle;

    int psum_rows() const { return at_input_ ? rows_ + 1 : rows_; }
    // Number of reduction rows whose products partial-sum register row q contains.
    int psum_terms(int q) const { return at_input_ ? q : q + 1; }
    // First column whose MAC uses what activation register (r,c) holds.
    int first_column_fed(int c) const { return at_input_ ? c : c + 1; }

    Cycle activation_cycle(const traces::Fold& f, std::int64_t m, int r, int c) const {
        return f.stream + m + r + c;
    }
    Cycle mac_cycle(const traces::Fold& f, std::int64_t m, int r, int c) const {
        return f.stream + m + r + c - (at_input_ ? 0 : 1);
    }
    Cycle psum_cycle(const traces::Fold& f, std::int64_t m, int q, int c) const {
        return f.stream + m + q + c;
    }
    Cycle accumulate_cycle(const traces::Fold& f, std::int64_t m, int c) const {
        return f.stream + m + c + (at_input_ ? rows_ : rows_ - 1);
    }
    Cycle activation_read_cycle(const traces::Fold& f, std::int64_t m, int r, int decode) const {
        return f.stream + m + r - 1 - decode;
    }
    Cycle weight_read_cycle(const traces::Fold& f, int r, int decode) const {
        return f.preload + (rows_ - 1 - r) - 1 - decode;
    }
    // Edge at which the last row enters the chain: from then on every register holds its own weight.
    Cycle chain_settled(const traces::Fold& f) const { return f.preload + rows_ - 1; }
    Cycle swap_edge(const traces::Fold& f, int r, int c) const {
        return f.stream + r + c - (at_input_ ? 0 : 1);
    }

    // Scheduling rules. Earliest stream after a preload; earliest preload and stream after a fold of
    // `pixels` pixels that streams at `stream`.
    Cycle stream_after_preload(Cycle preload) const {
        return preload + rows_ + (shadow_ && !at_input_ ? 1 : 0);
    }
    Cycle preload_after(Cycle stream, std::int64_t pixels) const {
        return shadow_ ? stream + rows_ + cols_ - 2 : stream + pixels + rows_ + cols_ - 2;
    }
    Cycle stream_after(Cycle stream, std::int64_t pixels) const { return stream + pixels; }
    // Edge by which the last accumulator of a fold is written; `columns` = used columns, or all and the
    // checksum column (column index C) where there is one.
    Cycle fold_end(Cycle stream, std::int64_t pixels, int columns) const {
        return stream + pixels - 1 + columns - 1 + (at_input_ ? rows_ : rows_ - 1) + 1;
    }

  private:
    int rows_;
    int cols_;
    bool at_input_;
    bool shadow_;
};

}  // namespace fluence::dataflow
