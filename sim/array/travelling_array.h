// What arrays with travelling control have in common as an ArrayModel: the folds in flight, the feeders that
// put operands and control bits on the wires in front of the first row and column, the collectors behind the
// last row, and the registers as fault sites. When is dataflow::SpaceTimeMap's to say. Delays in front of
// the columns are the feeders' own, outside the array: they are no fault sites.
#pragma once

#include <deque>
#include <vector>

#include "sim/array/array_model.h"
#include "sim/array/travelling_bank.h"
#include "sim/dataflow/space_time.h"

namespace fluence::array {

class TravellingArray : public ArrayModel {
  public:
    explicit TravellingArray(const ArrayConfig& config);

    void enqueue(std::int32_t fold, const traces::Fold& times, ActivationCodes activations) override;
    void edge(Cycle t, Boundary& boundary) override;
    bool idle() const override;
    std::uint32_t read(traces::SiteKind bank, std::int64_t unit) const override;
    void flip(traces::SiteKind bank, std::int64_t unit, std::uint32_t mask) override;

  protected:
    struct Work {
        std::int32_t fold = 0;
        traces::Fold times;
        std::int64_t steps = 0;
        int phase = 0;  // 0 and 1 in turn
        bool unsigned_activations = false;
        Cycle preload = 0, stream = 0;
        Cycle flush = 0;  // first edge behind the stream
        Cycle last = 0;   // cycle in which the last sum is handed over
    };
    // Folds from the oldest one with a sum still inside to the youngest one announced.
    const std::deque<Work>& folds() const { return folds_; }
    const dataflow::SpaceTimeMap& map() const { return map_; }
    int rows() const { return rows_; }
    int cols() const { return cols_; }

    void set_banks(std::vector<TravellingBank> banks) { banks_ = std::move(banks); }
    // Row operands (column operands) that the array samples at edge t; 0 where no fold streams.
    void sample_rows(Cycle t, Boundary& boundary, std::vector<std::int32_t>& lanes) const;
    void sample_columns(Cycle t, Boundary& boundary, std::vector<std::int32_t>& lanes) const;

    // Hands over the sums of cycle u that belong to a fold.
    virtual void hand_over(const Work& work, Cycle u, Boundary& boundary) = 0;
    // Moves every register over edge t.
    virtual void move(Cycle t, Boundary& boundary) = 0;

  private:
    using Operands = void (Boundary::*)(std::int32_t, std::int64_t, int, int, std::int32_t*);
    void sample(Operands operands, Cycle t, Boundary& boundary, std::vector<std::int32_t>& lanes) const;
    bool reads_unsigned(const TravellingBank& bank, std::int64_t unit) const;

    dataflow::SpaceTimeMap map_;
    int rows_;
    int cols_;
    bool raw_codes_;  // operand registers hold 8-bit codes
    std::vector<TravellingBank> banks_;
    std::deque<Work> folds_;
    int phase_ = 0;
    bool newest_unsigned_ = false;  // of the last fold that began to load or stream
    Cycle now_ = -1;                // last edge
    Cycle still_ = 0;               // edges since the wires were last used or a register was struck
};

}  // namespace fluence::array
