// The rows of a wave, for .cpp files that are compiled for different kinds of CPU: internal linkage.
#pragma once

#include <algorithm>
#include <cstdint>

#include "sim/array/grid.h"

namespace fluence::array {
namespace {

// Calls body(r, first column, columns) for every row of the wave, from the last to the first.
template <class Body>
inline void each_row(Extent extent, Wave wave, const Body& body) {
    const std::int64_t top = std::max<std::int64_t>(0, wave.first - extent.cols + 1);
    for (std::int64_t r = std::min<std::int64_t>(extent.rows - 1, wave.last); r >= top; --r) {
        const std::int64_t c = std::max<std::int64_t>(0, wave.first - r);
        const std::int64_t end = std::min<std::int64_t>(extent.cols, wave.last - r + 1);
        body(static_cast<int>(r), static_cast<int>(c), static_cast<int>(end - c));
    }
}

}  // namespace
}  // namespace fluence::array
