// Random tiles on random arrays of the four designs that can be cross-checked.
#pragma once

#include <string>

#include "sim/core/random.h"
#include "sim/crosscheck/tile.h"

namespace fluence::test {

enum class DesignUnderTest { tiny_tpu, gemmini_weight_stationary, gemmini_output_stationary, axis };

std::string name_of(DesignUnderTest design);

// The design's conventions with a random size (1 … 7 rows and columns, axis: 1 … 4 stages each), widths as
// the public sources have them or others, and operands of random size: as large as the array or smaller.
crosscheck::Tile random_tile(RandomStream& random, DesignUnderTest design);

std::string description(const crosscheck::Tile& tile);

}  // namespace fluence::test
