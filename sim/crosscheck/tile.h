// One matrix product C = A·B that fits an array, alone on it: the experiment behind every record of upsets in
// the registers of others' arrays. What is outside A (M×K) and B (K×N) is zero.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sim/core/accelerator_config.h"
#include "traces/timeline.h"
#include "traces/upset.h"

namespace fluence::crosscheck {

using traces::Cycle;

struct Tile {
    ArrayConfig array;
    bool mirrored = false;  // PE column c computes output column C−1−c
    std::int64_t m = 0, k = 0, n = 0;
    std::vector<std::int32_t> a, b;  // row after row
    Cycle stream = 0;                // edge at which A[0][0] is first sampled by a register

    bool output_stationary() const { return array.dataflow_kind() == DataflowKind::output_stationary; }
    bool travelling() const { return array.control == ArrayControl::travelling; }
    // Edge at which the preload begins (of the first operand where there is none).
    Cycle preload() const { return stream - (travelling() ? array.rows : 0); }
    std::int32_t a_at(std::int64_t row, std::int64_t col) const {
        return row < m && col < k ? a[static_cast<std::size_t>(row * k + col)] : 0;
    }
    // B and C by column of the array.
    int output_column(int c) const { return mirrored ? array.cols - 1 - c : c; }
    std::int32_t b_at(std::int64_t row, int c) const {
        const int col = output_column(c);
        return row < k && col < n ? b[static_cast<std::size_t>(row * n + col)] : 0;
    }
    // In the width of the array's sums.
    std::int32_t wrapped(std::int64_t sum) const {
        const int unused = 32 - array.accumulator_bits;
        return static_cast<std::int32_t>(static_cast<std::uint32_t>(sum) << unused) >> unused;
    }
    // The fold that the array sees: all rows and columns in use.
    traces::Fold fold() const;
};

// M×N, row after row, sign-extended from the width of the array's sums.
using Product = std::vector<std::int32_t>;

// By loops, wrapped to the width of the array's sums.
Product plain_product(const Tile& tile);

// One struck register of the array; `cycle` counts like the tile's edges.
struct TileUpset {
    traces::SiteKind bank{};
    std::int64_t unit = 0;
    std::uint32_t mask = 0;
    Cycle cycle = 0;
};

struct SteppedTile {
    Product product;
    std::uint32_t before = 0, after = 0;  // raw bits of the struck register
    Cycle last_result = 0;                // cycle in which the last sum was handed over
};

// Steps every register of the array, edge by edge.
SteppedTile step_tile(const Tile& tile, const std::optional<TileUpset>& upset = std::nullopt);

}  // namespace fluence::crosscheck
