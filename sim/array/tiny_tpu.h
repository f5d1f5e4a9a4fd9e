// The registers of tiny-tpu's systolic array and how they move over one clock edge. It knows nothing of
// folds: active and write bits arrive with the data. Written after the public Verilog sources of tiny-tpu
// (pe, sysArrRow, sysArr).
//
// All registers are at the PE's output. Where `active` arrives: act ← what arrives from the left, psum ← what
// arrives from above + act · weight; the active bit goes right, and from column 0 down to the next row's
// column 0. Where a write bit arrives or the PE's own is set: weight ← what arrives from above, wshift ← the
// old weight; otherwise wshift ← 0xAA. psum, wshift and the write bit go down.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/array/travelling_bank.h"
#include "sim/array/travelling_moves.h"
#include "sim/core/accelerator_config.h"

namespace fluence::array {

class TinyTpu {
  public:
    // What stands on the array's inputs: `a` by row, `weight` by column; one active bit (row 0) and one write
    // bit (all columns).
    struct Wires {
        std::vector<std::int32_t> a, weight;
        std::int32_t active = 0, write = 0;
    };

    explicit TinyTpu(const ArrayConfig& config, const TravellingMoves& moves = best_travelling_moves());

    void edge(const Wires& wires);
    std::int32_t sum(int c) const { return sum_[down(rows_, c)]; }

    // The registers as dataflow::register_banks() names them. Valid as long as the array, which must not
    // move.
    std::vector<TravellingBank> banks();

  private:
    // With what arrives from above in front (row r of the PEs is row r + 1), and from the left.
    std::size_t down(int r, int c) const { return static_cast<std::size_t>(r) * cols_ + c; }
    std::size_t right(int r, int c) const { return static_cast<std::size_t>(r) * (cols_ + 1) + c; }

    int rows_;
    int cols_;
    DataflowKind flow_;
    int operand_bits_;
    int sum_bits_;
    const TravellingMoves& moves_;
    std::vector<std::int32_t> act_, act_valid_;               // rows × (cols + 1)
    std::vector<std::int32_t> sum_, shift_, write_, weight_;  // (rows + 1) × cols
    std::vector<std::int32_t> scratch_;
};

}  // namespace fluence::array
