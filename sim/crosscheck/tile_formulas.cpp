#include "sim/crosscheck/tile_formulas.h"

#include <algorithm>

#include "sim/dataflow/registers.h"

namespace fluence::crosscheck {
namespace {

using traces::SiteKind;

std::int32_t wrapped(std::int64_t value, int bits) {
    const int unused = 32 - bits;
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(value) << unused) >> unused;
}

// A struck register, placed, with the effect of its change on the product.
class Strike {
  public:
    Strike(const Tile& tile, const TileUpset& upset, int bits)
        : tile_(tile), upset_(upset), bits_(bits), product_(plain_product(tile)) {
        const std::int64_t pes = std::int64_t{tile.array.rows} * tile.array.cols;
        staged_ = upset.bank == SiteKind::pe_product || upset.bank == SiteKind::pe_psum_stage;
        stage_ = staged_ ? static_cast<int>(upset.unit / pes) + 1 : 0;
        const std::int64_t unit = staged_ ? upset.unit % pes : upset.unit;
        r_ = static_cast<int>(unit / tile.array.cols);
        c_ = static_cast<int>(unit % tile.array.cols);
    }

    const Product& product() const { return product_; }

    void tiny_tpu();
    void gemmini_weight_stationary();
    void gemmini_output_stationary();
    void central_output_stationary();

  private:
    int rows() const { return tile_.array.rows; }
    int cols() const { return tile_.array.cols; }
    std::int64_t steps() const { return tile_.output_stationary() ? tile_.k : tile_.m; }
    // Edges since the operand of step 0 (since the first preloaded row) was in the register's PE.
    std::int64_t since_stream() const { return upset_.cycle - tile_.stream - r_ - c_; }
    std::int64_t since_preload() const { return upset_.cycle - tile_.preload() - r_ - c_; }

    // Signed change of a register that held `value`.
    std::int64_t change_of(std::int64_t value) const {
        const auto held = static_cast<std::uint32_t>(value);
        return std::int64_t{wrapped(held ^ upset_.mask, bits_)} - wrapped(value, bits_);
    }
    // Σ A[i][k]·B[k][c] over the first `terms` k, in the width of a sum.
    std::int64_t partial_sum(std::int64_t i, int c, std::int64_t terms) const {
        std::int64_t sum = 0;
        for (std::int64_t t = 0; t < terms && t < tile_.k; ++t) {
            sum = tile_.wrapped(sum + std::int64_t{tile_.a_at(i, t)} * tile_.b_at(t, c));
        }
        return sum;
    }
    void add(std::int64_t i, int c, std::int64_t delta) {
        const int j = tile_.output_column(c);
        if (i < tile_.m && j < tile_.n) {
            std::int32_t& sum = product_[static_cast<std::size_t>(i * tile_.n + j)];
            sum = tile_.wrapped(std::int64_t{sum} + delta);
        }
    }
    void add_to_sum(std::int64_t i, int c, std::int64_t terms) {
        add(i, c, change_of(partial_sum(i, c, terms)));
    }
    // The row operand A[i][t] differs for the PEs of columns first … C−1.
    void row_operand(std::int64_t i, std::int64_t t, int first) {
        const std::int64_t delta = change_of(tile_.a_at(i, t));
        for (int c = first; c < cols(); ++c) {
            add(i, c, tile_.wrapped(delta * tile_.b_at(t, c)));
        }
    }
    // The column operand B[t][c] differs for the PEs of rows first … R−1.
    void column_operand(std::int64_t t, int c, int first) {
        const std::int64_t delta = change_of(tile_.b_at(t, c));
        for (int i = first; i < rows(); ++i) {
            add(i, c, tile_.wrapped(delta * tile_.a_at(i, t)));
        }
    }
    // PE (row,c) multiplies A[m][row], m in [first, end), with another B[row][c].
    void stationary_operand(int row, int c, std::int64_t first, std::int64_t end) {
        const std::int64_t delta = change_of(tile_.b_at(row, c));
        for (std::int64_t i = std::max<std::int64_t>(first, 0); i < std::min(end, tile_.m); ++i) {
            add(i, c, tile_.wrapped(delta * tile_.a_at(i, row)));
        }
    }
    void skew_register();
    void drain_register();

    const Tile& tile_;
    const TileUpset& upset_;
    int bits_;
    Product product_;
    bool staged_ = false;
    int stage_ = 0;
    int r_ = 0, c_ = 0;
};

// Row r takes the stationary rows at edges p+r+i, i = 0 … R−1: a weight that row r holds behind edge i comes
// to rest in row r+R−1−i.
void Strike::tiny_tpu() {
    const std::int64_t step = since_stream();
    const bool streaming = step >= 0 && step < steps();
    const std::int64_t loaded = upset_.cycle - tile_.preload() - r_;  // i
    switch (upset_.bank) {
        case SiteKind::pe_activation:
            if (streaming) {
                row_operand(step, r_, c_ + 1);
            }
            break;
        case SiteKind::pe_psum:
            if (streaming) {
                add_to_sum(step, c_, r_ + 1);
            }
            break;
        case SiteKind::pe_weight:
            if (loaded >= rows() - 1) {
                // An array of one row takes its row twice.
                stationary_operand(r_, c_, step + 1, loaded == 0 ? step + 2 : steps());
            } else if (loaded >= r_) {
                stationary_operand(static_cast<int>(r_ + rows() - 1 - loaded), c_, 0, steps());
            }
            break;
        case SiteKind::pe_chain:  // holds what the weight register held one edge before, if that one shifted
            if (loaded >= r_ + 1 && loaded < rows() && r_ + 1 < rows()) {
                stationary_operand(static_cast<int>(r_ + rows() - loaded), c_, 0, steps());
            }
            break;
        default:
            break;
    }
}

// Event i of column 0 … R−1 (preload), R … (stream) is in PE(r,c)'s input registers in cycle p+i+r+c; the
// bank takes d one edge later.
void Strike::gemmini_weight_stationary() {
    const std::int64_t step = since_stream();
    const bool streaming = step >= 0 && step < steps();
    const std::int64_t event = since_preload();
    switch (upset_.bank) {
        case SiteKind::pe_activation:
            if (streaming) {
                row_operand(step, r_, c_);
            }
            break;
        case SiteKind::pe_psum:
            if (streaming) {
                add_to_sum(step, c_, r_);
            }
            break;
        case SiteKind::pe_chain:
            if (event >= r_ && event < rows() && r_ < rows()) {
                stationary_operand(static_cast<int>(r_ + rows() - 1 - event), c_, 0, steps());
            }
            break;
        case SiteKind::pe_bank_2:  // loaded with propagate = 0
            if (event >= rows()) {
                stationary_operand(r_, c_, step, steps());
            } else if (event > r_) {
                stationary_operand(static_cast<int>(r_ + rows() - event), c_, 0, steps());
            }
            break;
        default:  // c1 and what leaves it are never multiplied with
            break;
    }
}

// Events 0 … R−1 preload zeros, R … R+K−1 stream, R+K … 2R+K−1 flush; c1 moves while propagate = 1 (preload,
// flush) and adds while it is 0. c2 only ever moves zeros out of the way.
void Strike::gemmini_output_stationary() {
    const std::int64_t step = since_stream();
    const bool streaming = step >= 0 && step < steps();
    const std::int64_t event = since_preload();
    const std::int64_t flush = rows() + steps();  // its first event
    switch (upset_.bank) {
        case SiteKind::pe_activation:
            if (streaming) {
                row_operand(r_, step, c_);
            }
            break;
        case SiteKind::pe_weight:
            if (streaming && r_ < rows()) {
                column_operand(step, c_, r_);
            }
            break;
        case SiteKind::pe_bank_1:
            if (event > r_ && event < rows()) {  // moves on to row r+R−event before it starts to add
                add(r_ + rows() - event, c_, change_of(0));
            } else if (event >= rows() && event <= flush) {
                add_to_sum(r_, c_, step);
            } else if (event > flush && event <= flush + r_) {
                add_to_sum(flush + r_ - event, c_, steps());
            }
            break;
        case SiteKind::pe_chain:
            if (r_ == rows()) {  // out_c: the sum of row i in cycle s+K+c+2R−1−i
                const std::int64_t row = tile_.stream + steps() + c_ + 2 * rows() - 1 - upset_.cycle;
                if (row >= 0 && row < rows()) {
                    add_to_sum(row, c_, steps());
                }
            } else if (event >= r_ && event < rows()) {
                add(r_ + rows() - 1 - event, c_, change_of(0));
            } else if (event >= flush && event < flush + r_) {
                add_to_sum(flush + r_ - 1 - event, c_, steps());
            }
            break;
        default:
            break;
    }
}

void Strike::central_output_stationary() {
    const std::int64_t step = since_stream();
    const auto within = [&](std::int64_t t) { return t >= 0 && t < steps(); };
    const int lm = tile_.array.multiplier_stages;
    switch (upset_.bank) {
        case SiteKind::pe_activation:
            if (within(step)) {
                row_operand(r_, step, c_ + 1);
            }
            break;
        case SiteKind::pe_weight:
            if (within(step)) {
                column_operand(step, c_, r_ + 1);
            }
            break;
        case SiteKind::pe_product: {
            const std::int64_t t = step + 1 - stage_;
            if (within(t)) {
                add(r_, c_, change_of(std::int64_t{tile_.a_at(r_, t)} * tile_.b_at(t, c_)));
            }
            break;
        }
        case SiteKind::pe_psum:
            if (within(step - lm)) {
                add_to_sum(r_, c_, step - lm + 1);
            }
            break;
        case SiteKind::pe_psum_stage:  // read once, when the last step's sum is in the last stage
            if (step - lm - stage_ == steps() - 1) {
                add_to_sum(r_, c_, steps());
            }
            break;
        case SiteKind::pe_drain:
            drain_register();
            break;
        case SiteKind::array_skew:
            skew_register();
            break;
        default:
            break;
    }
}

// Takes the PE's own sum, keeps it until the last PE's is there, then moves to the right.
void Strike::drain_register() {
    const Cycle copied =
        tile_.stream + steps() - 1 + r_ + c_ + tile_.array.multiplier_stages + tile_.array.accumulator_stages;
    const Cycle all_copied = copied + (rows() - 1 - r_) + (cols() - 1 - c_);
    const std::int64_t moved = std::max<std::int64_t>(0, upset_.cycle - all_copied);
    if (upset_.cycle >= copied && moved <= c_) {
        add_to_sum(r_, static_cast<int>(c_ - moved), steps());
    }
}

// Register i of lane l is number l·(l−1)/2 + i of the rows', then of the columns' registers.
void Strike::skew_register() {
    const std::int64_t row_registers = std::int64_t{rows()} * (rows() - 1) / 2;
    const bool of_row = upset_.unit < row_registers;
    std::int64_t i = of_row ? upset_.unit : upset_.unit - row_registers;
    int lane = 1;
    for (; i >= lane; ++lane) {
        i -= lane;
    }
    const std::int64_t step = upset_.cycle - tile_.stream - i;
    if (step < 0 || step >= steps()) {
        return;
    }
    if (of_row) {
        row_operand(lane, step, 0);
    } else {
        column_operand(step, lane, 0);
    }
}

int bits_of(const Tile& tile, SiteKind kind) {
    const auto bank = dataflow::register_bank(tile.array, kind);
    return bank ? bank->bits : 1;
}

}  // namespace

std::optional<Product> predicted_product(const Tile& tile, const TileUpset& upset) {
    if (traces::is_control(upset.bank)) {
        return std::nullopt;
    }
    Strike strike(tile, upset, bits_of(tile, upset.bank));
    if (!tile.travelling()) {
        strike.central_output_stationary();
    } else if (tile.output_stationary()) {
        strike.gemmini_output_stationary();
    } else if (tile.array.operand_register == OperandRegister::input) {
        strike.gemmini_weight_stationary();
    } else {
        strike.tiny_tpu();
    }
    return strike.product();
}

TileLatency predicted_latency(const Tile& tile) {
    const Cycle rows = tile.array.rows;
    const Cycle cols = tile.array.cols;
    TileLatency latency;
    if (!tile.travelling()) {
        latency.stream =
            tile.k + rows + 2 * cols - 3 + tile.array.multiplier_stages + tile.array.accumulator_stages;
    } else if (tile.output_stationary()) {
        latency.stream = tile.k + 2 * rows + cols - 1;
    } else {
        latency.stream =
            tile.m + rows + cols - (tile.array.operand_register == OperandRegister::input ? 1 : 2);
    }
    latency.total = latency.stream + tile.stream - tile.preload();
    return latency;
}

}  // namespace fluence::crosscheck
