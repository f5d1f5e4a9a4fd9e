// Where and when every MAC of a fold takes place and what every register of the array holds, in closed form
// over the array's timing conventions. The machine's timing and the resolver's answers follow from this
// file alone; sim/array steps the registers themselves and is held against it.
//
// Roles. O[m,n] = Σ_k A[m,k]·B[k,n]; r, c a PE; t the step of a fold, 0 … T−1.
//   weight stationary   PE(r,c) keeps B[k=r,n=c]; A[m=t,k=r] enters row r; sums move down; O[m=t,n=c] leaves
//   input stationary    PE(r,c) keeps A[m=c,k=r]; B[k=r,n=t] enters row r; sums move down; O[m=c,n=t] leaves
//   output stationary   PE(r,c) keeps O[m=r,n=c]; A[m=r,k=t] enters row r, B[k=t,n=c] column c
// (r, c, t counted inside the fold.) Row operands move right, column operands and sums down.
//
// Let s = Fold::stream, p = Fold::preload, R and C the edges of the array, LM and LA the multiplier's and the
// accumulator's stages, in = 1 for operand registers at the PE's input and 0 at its output.
//   row operand register (r,c)     holds the operand of step t in cycle s+t+r+c
//   column operand register (r,c)  (output stationary) the same
//   multiplication (t,r,c)         takes place in cycle s+t+r+c−1+in
//   product register (j,r,c)       j = 1 … LM holds its product in cycle s+t+r+c−1+in+j
//   skew register (lane,i)         internal skew: i = 0 … lane−1 holds the operand of step t in cycle s+t+i;
//                                  the operand is read lane cycles earlier than with external skew
// Weight and input stationary:
//   partial-sum register (q,c)  `output`: q = 0…R−1 holds Σ_{r≤q} in cycle s+t+q+c+LM
//                               `input`:  q = 0…R   holds Σ_{r<q} in cycle s+t+q+c+LM (row R: the drain
//                               register)
//   accumulation of (t,c)       in cycle u = s+t+c+LM+R−1+in: the old accumulator is read in cycle
//                               u − decode (no read where k_fold = 0), the new one written at u+1
//   row operand read            in cycle s+t+r−1 − decode (padding and unused rows are not read: 0)
//   stationary chain: at edge p+i, i = 0…R−1, every column shifts down by one PE and row 0 takes stationary
//                 row R−1−i (0 for an unused row); buffer read of row r in cycle p+(R−1−r)−1 − decode.
//                 After edge p+i chain register (r,c) holds stationary row R−1−i+r where r ≤ i.
//   with shadow registers the chain is the shadow registers, and the active register of PE(r,c) takes the
//                 shadow's value at edge swap = s+r+c−1+in: before its MAC of t = 0.
//                 Without, the chain is the active registers themselves.
// Output stationary:
//   accumulator (r,c)           holds Σ_{k≤t} in cycle s+t+r+c+LM+in; at t = 0 it starts anew. LA − 1 more
//                               stages delay its value behind it.
//   drain `parallel`            PE(r,c) hands its sum over in cycle u = s+T−1+r+c+LM+LA−1+in
//   drain `shift`               PE(r,c) copies its sum to its drain register at edge s+T−1+r+c+LM+LA+in; when
//                               the last PE has, at edge x = s+T−1+R−1+C−1+LM+LA+in, the drain registers
//                               move one column to the right at each of the edges x+1 … x+C, zeros behind
//                               them, and those of column C−1 are handed over: the sum of (r,c) in cycle
//                               u = x + C−1−c
//   an accumulator handed over in cycle u is added to the old one, read in cycle u − decode (no read where
//                               k_fold = 0); the new one is written at u+1
// Operands of unused rows and columns are 0; what they sum up to is not accumulated. Moving operands (skew
// registers too), products and the stages behind accumulators take a value at every edge, where no step is
// operands 0. All other registers take one when these tables say so and keep it until then. Product registers
// wrap at 2^16 and read as signed. Every addition to a sum wraps or saturates at its register's width.
//
// Travelling control (Gemmini's mesh: registers at the input; tiny-tpu's array: at the output) keeps what is
// said above of operands, multiplications and moving sums, and differs in this:
//   stationary chain            the bits that make it move come down with the data. Stationary row R−1−i
//   enters
//                               row 0 of the column at edge p+i (column c of Gemmini: p+i+c) and takes two
//                               registers a row: tiny-tpu's weight register of PE(r,c) shifts at edges
//                               p+r+i, i = 0…R−1; Gemmini's bank at p+r+c+1+i. It may begin when row 0 has
//                               multiplied for the last time (tiny-tpu: s'+T'+C−2 of the fold before), or so
//                               that it ends with the stream before or later (Gemmini: the bits that stream a
//                               fold move the other bank as well)
//   output stationary           sums build up in one of two banks, which must hold zeros: they enter as a
//                               stationary operand would, during the stream of the fold before, or in front
//                               of the stream (p ≤ s−R). Sums leave down the columns, bottom row first, from
//                               edge s+T on while the next fold streams into the other bank: the sum of (r,c)
//                               is handed over in cycle u = s+T+c+2R−1−r
//
// Partial folds cost what they use (`partial_folds: actual`: the last used column, in output stationary also
// the last used row, end the fold) or as much as full ones (`full`).
#pragma once

#include <algorithm>
#include <cstdint>

#include "sim/core/accelerator_config.h"
#include "traces/timeline.h"

namespace fluence::dataflow {

class SpaceTimeMap {
  public:
    explicit SpaceTimeMap(const ArrayConfig& array);

    using Cycle = traces::Cycle;

    bool output_stationary() const { return kind_ == DataflowKind::output_stationary; }
    bool weight_stationary() const { return kind_ == DataflowKind::weight_stationary; }
    bool input_stationary() const { return kind_ == DataflowKind::input_stationary; }
    int rows() const { return rows_; }
    int cols() const { return cols_; }

    // Steps T of a fold.
    std::int64_t steps(const traces::Fold& f) const {
        return weight_stationary() ? f.pixels : input_stationary() ? f.channels : f.terms;
    }
    // Where inside its fold O[m,n] is summed: by (row or any, column, step) as the roles above say.
    // m, n count inside the fold.
    int result_row(std::int64_t m) const { return output_stationary() ? static_cast<int>(m) : 0; }
    int result_column(std::int64_t m, std::int64_t n) const {
        return static_cast<int>(input_stationary() ? m : n);
    }
    std::int64_t result_step(const traces::Fold& f, std::int64_t m, std::int64_t n) const {
        return weight_stationary() ? m : input_stationary() ? n : f.terms - 1;
    }

    // Partial-sum registers a column (stationary operands); accumulators a column (output stationary).
    int psum_rows() const { return !output_stationary() && in_ == 1 ? rows_ + 1 : rows_; }
    // Number of reduction rows whose products partial-sum register row q contains (stationary operands).
    int psum_terms(int q) const { return q + 1 - in_; }
    // First column whose MAC uses what row operand register (r,c) holds; first row whose MAC uses what column
    // operand register (r,c) holds.
    int first_column_fed(int c) const { return c + 1 - in_; }
    int first_row_fed(int r) const { return r + 1 - in_; }

    Cycle operand_cycle(const traces::Fold& f, std::int64_t t, int r, int c) const {
        return f.stream + t + r + c;
    }
    Cycle mac_cycle(const traces::Fold& f, std::int64_t t, int r, int c) const {
        return f.stream + t + r + c - 1 + in_;
    }
    Cycle product_cycle(const traces::Fold& f, std::int64_t t, int stage, int r, int c) const {
        return mac_cycle(f, t, r, c) + stage;
    }
    // Stationary operands: partial-sum register (q,c). Output stationary: accumulator (q,c) behind step t.
    Cycle psum_cycle(const traces::Fold& f, std::int64_t t, int q, int c) const {
        return f.stream + t + q + c + lm_ + (output_stationary() ? in_ : 0);
    }
    // Cycle u in which a sum is handed to the output buffer; r matters in output stationary alone, where t is
    // the last step.
    Cycle accumulate_cycle(const traces::Fold& f, std::int64_t t, int r, int c) const {
        if (!output_stationary()) {
            return f.stream + t + c + lm_ + rows_ - 1 + in_;
        }
        if (travelling_) {
            return f.stream + steps(f) + c + 2 * rows_ - 1 - r;
        }
        return parallel_drain_ ? f.stream + steps(f) - 1 + r + c + lm_ + la_ - 1 + in_
                               : last_copy_edge(f) + cols_ - 1 - c;
    }
    // Output stationary, drain `shift`: edge at which drain register (r,c) takes its own PE's sum; edge at
    // which the last one does.
    Cycle copy_edge(const traces::Fold& f, int r, int c) const {
        return f.stream + steps(f) - 1 + r + c + lm_ + la_ + in_;
    }
    Cycle last_copy_edge(const traces::Fold& f) const { return copy_edge(f, rows_ - 1, cols_ - 1); }

    // Buffer read of the row operand of (t,r); of the column operand of (t,c) in output stationary.
    Cycle operand_read_cycle(const traces::Fold& f, std::int64_t t, int lane, int decode) const {
        return f.stream + t + (internal_skew_ ? 0 : lane) - 1 - decode;
    }
    // Buffer read of stationary row r.
    Cycle stationary_read_cycle(const traces::Fold& f, int r, int decode) const {
        return f.preload + (rows_ - 1 - r) - 1 - decode;
    }
    // Edge at which the last row enters the chain: from then on every register holds its own operand.
    Cycle chain_settled(const traces::Fold& f) const { return f.preload + rows_ - 1; }
    Cycle swap_edge(const traces::Fold& f, int r, int c) const { return f.stream + r + c - 1 + in_; }

    // Scheduling rules. Earliest stream after a preload (output stationary under central control: no preload,
    // the same edge).
    Cycle stream_after_preload(Cycle preload) const {
        if (output_stationary() && !travelling_) {
            return preload;
        }
        return preload + rows_ + (shadow_ && in_ == 0 ? 1 : 0);
    }
    // Earliest preload and stream behind a fold whose times are known.
    Cycle preload_after(const traces::Fold& before) const;
    Cycle stream_after(const traces::Fold& before, std::int64_t steps) const;
    // Edge by which the last accumulator of a fold is written. `checksum`: one more column (index C).
    Cycle fold_end(const traces::Fold& f, bool checksum) const;

  private:
    DataflowKind kind_;
    int rows_;
    int cols_;
    int in_;
    int lm_;
    int la_;
    bool shadow_;
    bool travelling_;
    bool serial_;
    bool parallel_drain_;
    bool full_folds_;
    bool internal_skew_;
    Cycle overhead_;
    Cycle single_edge_saving_;
};

}  // namespace fluence::dataflow
