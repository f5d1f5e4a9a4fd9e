// What an upset in a data register of an array does to the one tile on it, by formulas alone: no register is
// stepped. The fast answer to which step_tile() is the slow one. docs/crosscheck.md derives the formulas.
#pragma once

#include <optional>

#include "sim/crosscheck/tile.h"

namespace fluence::crosscheck {

// The tile's product with the upset. Nothing where the register is a control bit, for which there is no
// formula. The array is tiny-tpu's, Gemmini's (weight or output stationary) or an output-stationary one with
// central control, `drain` shift and operand registers at the output.
std::optional<Product> predicted_product(const Tile& tile, const TileUpset& upset);

// Cycles from the edge at which the preload (the first operand where there is none) enters, and from the one
// at which A[0][0] does, to the cycle in which the last sum is handed over, both included.
struct TileLatency {
    Cycle total = 0;
    Cycle stream = 0;
};
TileLatency predicted_latency(const Tile& tile);

}  // namespace fluence::crosscheck
