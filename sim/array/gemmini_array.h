// Gemmini's mesh between its feeders and collectors: chained folds of every dataflow. Column c's wires come
// c edges after column 0's. Which bank works changes with every fold, by the propagate bit:
//   stationary operands  a fold's operand enters d at edges p … p+R−1 (bottom row first) into the bank that
//                        does not work; it works from edge s to s+T−1
//   output stationary    a fold's sums build up in one bank at edges s … s+T−1 while zeros enter d; at edges
//                        s+T … s+T+R−1 the sums leave through d, bottom row first, while the next fold's
//                        build up in the other bank. A fold that comes later than that has zeros of its own,
//                        p … p+R−1
// valid is 1 at these edges alone.
#pragma once

#include "sim/array/gemmini_mesh.h"
#include "sim/array/travelling_array.h"

namespace fluence::array {

class GemminiArray final : public TravellingArray {
  public:
    explicit GemminiArray(const ArrayConfig& config, const TravellingMoves& moves = best_travelling_moves());

  private:
    struct Control {
        std::int32_t valid = 0, propagate = 0;
    };

    void hand_over(const Work& work, Cycle u, Boundary& boundary) override;
    void move(Cycle t, Boundary& boundary) override;
    Control control_at(Cycle t) const;
    void delay_columns(Cycle t, Boundary& boundary);

    GemminiMesh mesh_;
    GemminiMesh::Wires wires_;
    // Stationary rows of the last C edges: row t mod C entered column 0 at edge t and enters column c at t +
    // c.
    std::vector<std::int32_t> entering_;
};

}  // namespace fluence::array
