#include "sim/array/tiny_tpu.h"

#include <algorithm>

namespace fluence::array {

using traces::SiteKind;

namespace {

constexpr std::int32_t kEmpty = 0xAA;  // of wshift

}  // namespace

TinyTpu::TinyTpu(const ArrayConfig& config, const TravellingMoves& moves)
    : rows_(config.rows),
      cols_(config.cols),
      flow_(config.dataflow_kind()),
      operand_bits_(config.operand_bits),
      sum_bits_(config.accumulator_bits),
      moves_(moves),
      act_(right(rows_, 0), 0),
      act_valid_(act_),
      sum_(down(rows_ + 1, 0), 0),
      shift_(sum_),
      write_(sum_),
      weight_(sum_),
      scratch_(2 * static_cast<std::size_t>(cols_ + 1)) {}

void TinyTpu::edge(const Wires& wires) {
    std::copy(wires.weight.begin(), wires.weight.end(), shift_.begin());
    std::fill_n(write_.begin(), cols_, wires.write);
    for (int r = rows_ - 1; r >= 0; --r) {
        act_[right(r, 0)] = wires.a[static_cast<std::size_t>(r)];
        act_valid_[right(r, 0)] = r == 0 ? wires.active : act_valid_[right(r - 1, 1)];
        TinyRow row;
        row.sum_in = &sum_[down(r, 0)];
        row.weight_in = &shift_[down(r, 0)];
        row.write_in = &write_[down(r, 0)];
        row.act = &act_[right(r, 0)];
        row.act_valid = &act_valid_[right(r, 0)];
        row.sum = &sum_[down(r + 1, 0)];
        row.weight = &weight_[down(r + 1, 0)];
        row.shift = &shift_[down(r + 1, 0)];
        row.write = &write_[down(r + 1, 0)];
        row.scratch = scratch_.data();
        row.empty = sign_extended(kEmpty, operand_bits_);
        moves_.tiny(cols_, row, sum_bits_);
    }
}

std::vector<TravellingBank> TinyTpu::banks() {
    using Holds = TravellingBank::Holds;
    const bool weights_move = flow_ == DataflowKind::input_stationary;
    const Holds kept = weights_move ? Holds::kept_activations : Holds::weights;
    const std::int64_t pes = static_cast<std::int64_t>(rows_) * cols_;
    std::vector<TravellingBank> banks;
    const auto add_right = [&](SiteKind kind, std::vector<std::int32_t>& words, int bits, Holds holds) {
        banks.push_back({kind, words.data() + 1, pes, cols_, cols_ + 1, bits, holds});
    };
    const auto add_down = [&](SiteKind kind, std::vector<std::int32_t>& words, int bits, Holds holds) {
        banks.push_back({kind, words.data() + cols_, pes, cols_, cols_, bits, holds});
    };
    add_down(weights_move ? SiteKind::pe_activation : SiteKind::pe_weight, weight_, operand_bits_, kept);
    add_right(weights_move ? SiteKind::pe_weight : SiteKind::pe_activation, act_, operand_bits_,
              weights_move ? Holds::weights : Holds::moving_activations);
    add_down(SiteKind::pe_psum, sum_, sum_bits_, Holds::sums);
    add_down(SiteKind::pe_chain, shift_, operand_bits_, kept);
    add_right(SiteKind::pe_valid, act_valid_, 1, Holds::control);
    add_down(SiteKind::pe_weight_valid, write_, 1, Holds::control);
    return banks;
}

}  // namespace fluence::array
