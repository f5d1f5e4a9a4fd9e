#include "sim/crosscheck/tile.h"

#include <algorithm>

#include "sim/array/array_model.h"
#include "sim/dataflow/space_time.h"

namespace fluence::crosscheck {
namespace {

// Feeds the tile's operands to the array and collects its sums.
class TileBoundary final : public array::Boundary {
  public:
    explicit TileBoundary(const Tile& tile)
        : product(static_cast<std::size_t>(tile.m * tile.n)),
          tile_(tile),
          skewed_outside_(tile.array.skew == Skew::external) {}

    void row_operands(std::int32_t, std::int64_t step, int first, int last, std::int32_t* values) override {
        for (int r = first; r < last; ++r) {
            const std::int64_t t = step - (skewed_outside_ ? r : 0);
            values[r] = t < 0 ? 0 : tile_.output_stationary() ? tile_.a_at(r, t) : tile_.a_at(t, r);
        }
    }
    void column_operands(std::int32_t, std::int64_t step, int first, int last,
                         std::int32_t* values) override {
        for (int c = first; c < last; ++c) {
            const std::int64_t t = step - (skewed_outside_ ? c : 0);
            values[c] = t < 0 ? 0 : tile_.b_at(t, c);
        }
    }
    void stationary_row(std::int32_t, int row, std::int32_t* values) override {
        for (int c = 0; c < tile_.array.cols; ++c) {
            values[c] = tile_.b_at(row, c);
        }
    }
    void result(std::int32_t, std::int64_t step, int row, int col, std::int32_t sum) override {
        last_result = now - 1;
        const std::int64_t i = tile_.output_stationary() ? row : step;
        const int j = tile_.output_column(col);
        if (i < tile_.m && j < tile_.n) {
            product[static_cast<std::size_t>(i * tile_.n + j)] = sum;
        }
    }

    Product product;
    Cycle now = 0;  // edge
    Cycle last_result = 0;

  private:
    const Tile& tile_;
    bool skewed_outside_;
};

}  // namespace

traces::Fold Tile::fold() const {
    traces::Fold fold;
    fold.pixels = output_stationary() ? array.rows : m;
    fold.terms = output_stationary() ? k : array.rows;
    fold.channels = array.cols;
    fold.k_folds = 1;
    fold.used_rows = array.rows;
    fold.used_cols = array.cols;
    fold.preload = preload();
    fold.stream = stream;
    fold.end = dataflow::SpaceTimeMap(array).fold_end(fold, false);
    return fold;
}

Product plain_product(const Tile& tile) {
    Product product;
    for (std::int64_t i = 0; i < tile.m; ++i) {
        for (std::int64_t j = 0; j < tile.n; ++j) {
            std::int64_t sum = 0;
            for (std::int64_t t = 0; t < tile.k; ++t) {
                sum = tile.wrapped(sum + std::int64_t{tile.a[static_cast<std::size_t>(i * tile.k + t)]} *
                                             tile.b[static_cast<std::size_t>(t * tile.n + j)]);
            }
            product.push_back(static_cast<std::int32_t>(sum));
        }
    }
    return product;
}

SteppedTile step_tile(const Tile& tile, const std::optional<TileUpset>& upset) {
    const traces::Fold fold = tile.fold();
    const std::unique_ptr<array::ArrayModel> array = array::make_array(tile.array);
    array->enqueue(0, fold, array::ActivationCodes::signed_codes);
    TileBoundary boundary(tile);
    SteppedTile result;
    const Cycle last = std::max(fold.end, upset ? upset->cycle : 0);
    for (Cycle t = 0; t <= last; ++t) {
        boundary.now = t;
        array->edge(t, boundary);
        if (upset && upset->cycle == t) {
            result.before = array->read(upset->bank, upset->unit);
            array->flip(upset->bank, upset->unit, upset->mask);
            result.after = array->read(upset->bank, upset->unit);
        }
    }
    result.product = boundary.product;
    result.last_result = boundary.last_result;
    return result;
}

}  // namespace fluence::crosscheck
