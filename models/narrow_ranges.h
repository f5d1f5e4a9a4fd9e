// Ranges of activations for the least squared error instead of none that saturates: a few large values give
// way to finer steps for all others. For fxp8, whose scales are powers of two.
#pragma once

#include <array>
#include <vector>

#include "models/float_graph.h"
#include "models/quantise.h"

namespace fluence::models {

inline constexpr std::size_t kGrids = 4;  // the scale of a range, its half, its quarter, its eighth

// By tensor: summed over the calibration images, on each of the grids.
using GridErrors = std::vector<std::array<double, kGrids>>;

// Adds a preprocessed batch. `graph`: folded. `ranges`: calibrate()'s.
void measure_grids(const FloatGraph& graph, const at::Tensor& batch, const std::vector<Range>& ranges,
                   GridErrors& errors);

// The range of every tensor that has a scale of its own, cut to the grid with the least error. One line of
// `report` a tensor that was cut.
void narrow_ranges(const FloatGraph& graph, const GridErrors& errors, std::vector<Range>& ranges,
                   std::vector<std::string>& report);

}  // namespace fluence::models
