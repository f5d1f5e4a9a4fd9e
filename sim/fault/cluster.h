// Multi-cell upsets: adjacent cells that one particle inverts at the same edge.
//
// Memories. A physical row holds `interleave` words (protect::MemoryPart), bit by bit: with d of them, word u
// lies in row ⌊u/d⌋, and its bit b in column b·d + u mod d. A cluster covers rows × columns from its first
// cell on; cells beyond the memory's last row or column are none.
// Registers. Flip-flops of one register lie side by side and those of another nobody knows where: of a
// cluster its columns count, as bits of one register.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/core/accelerator_config.h"
#include "sim/fault/upset.h"
#include "sim/protect/policy.h"

namespace fluence::fault {

struct Cluster {
    std::int32_t rows = 1, cols = 1;
    bool single() const { return rows == 1 && cols == 1; }
};
inline constexpr int kMostClusterSide = 8;

// The words of the memories of a machine under a policy.
struct WordLayout {
    const AcceleratorConfig& config;
    const protect::Policy& policy;
    std::int64_t dram_words = 0;
};

// The upsets, one a struck word or register, of a cluster whose first cell is the lowest bit of `first`.
std::vector<Upset> cluster_upsets(const Upset& first, const Cluster& cluster, const WordLayout& layout);

}  // namespace fluence::fault
