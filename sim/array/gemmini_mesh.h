// The registers of Gemmini's mesh (1×1 tiles, no tile latency) and how they move over one clock edge. It
// knows nothing of folds: valid and propagate bits arrive with the data, on the wires, and tell every PE what
// to do. Written after the public Chisel sources of Gemmini (Mesh, Tile, PE).
//
// At a PE's input: a (each edge), valid (each edge), and, where the PE above is valid, b, d and propagate.
// Inside it: c1 and c2. With propagate p, c1 moves and c2 works, otherwise the other way round:
//   weight stationary  b_out = b + a · working; where valid: moving ← d
//   output stationary  b_out = b;               where valid: moving ← d, working ← working + a · b
// d_out is what the moving bank held. a goes right; b, d, propagate and valid go down. Behind the last row b
// and d are registered once more, each edge, valid or not.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/array/travelling_bank.h"
#include "sim/array/travelling_moves.h"
#include "sim/core/accelerator_config.h"

namespace fluence::array {

class GemminiMesh {
  public:
    // What stands on the mesh's inputs: `a` by row, the others by column.
    struct Wires {
        std::vector<std::int32_t> a, b, d, valid, propagate;
    };

    explicit GemminiMesh(const ArrayConfig& config, const TravellingMoves& moves = best_travelling_moves());

    void edge(const Wires& wires);
    std::int32_t out_b(int c) const { return b_[at(rows_, c)]; }
    std::int32_t out_c(int c) const { return d_[at(rows_, c)]; }

    // The registers as dataflow::register_banks() names them. Valid as long as the mesh, which must not move.
    std::vector<TravellingBank> banks();

  private:
    std::size_t at(int r, int c) const { return static_cast<std::size_t>(r) * cols_ + c; }
    MeshRow row(int r);

    int rows_;
    int cols_;
    DataflowKind flow_;
    int operand_bits_;
    int sum_bits_;
    const TravellingMoves& moves_;
    // rows × cols; row R of b_ and d_ holds out_b and out_c.
    std::vector<std::int32_t> a_, b_, d_, valid_, propagate_, bank_1_, bank_2_;
};

}  // namespace fluence::array
