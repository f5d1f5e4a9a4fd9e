// tiny-tpu's array between its feeders and collectors. A fold's stationary operand enters the columns, all at
// once, at edges p … p+R−1, bottom row first, with the write bit at the first R−1 of them: the PE's own bit
// makes the last shift. Operands enter row r at edge s+t+r, with the active bit of row 0 at edge s+t.
// (An array of one row needs one write bit, whose second shift finds the same operand on the wires.)
#pragma once

#include "sim/array/tiny_tpu.h"
#include "sim/array/travelling_array.h"

namespace fluence::array {

class TinyTpuArray final : public TravellingArray {
  public:
    explicit TinyTpuArray(const ArrayConfig& config, const TravellingMoves& moves = best_travelling_moves());

  private:
    void hand_over(const Work& work, Cycle u, Boundary& boundary) override;
    void move(Cycle t, Boundary& boundary) override;

    TinyTpu registers_;
    TinyTpu::Wires wires_;
};

}  // namespace fluence::array
