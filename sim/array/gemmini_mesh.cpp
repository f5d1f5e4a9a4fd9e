#include "sim/array/gemmini_mesh.h"

#include <algorithm>
#include <cstring>

namespace fluence::array {

using traces::SiteKind;

GemminiMesh::GemminiMesh(const ArrayConfig& config, const TravellingMoves& moves)
    : rows_(config.rows),
      cols_(config.cols),
      flow_(config.dataflow_kind()),
      operand_bits_(config.operand_bits),
      sum_bits_(config.accumulator_bits),
      moves_(moves) {
    const std::size_t pes = at(rows_, 0);
    for (std::vector<std::int32_t>* words : {&a_, &valid_, &propagate_, &bank_1_, &bank_2_}) {
        words->assign(pes, 0);
    }
    for (std::vector<std::int32_t>* words : {&b_, &d_}) {
        words->assign(pes + static_cast<std::size_t>(cols_), 0);
    }
}

MeshRow GemminiMesh::row(int r) {
    const std::size_t first = at(r, 0);
    if (r == rows_) {
        MeshRow outputs;
        outputs.b = &b_[first];
        outputs.d = &d_[first];
        return outputs;
    }
    return {&a_[first],         &b_[first],      &d_[first],     &valid_[first],
            &propagate_[first], &bank_1_[first], &bank_2_[first]};
}

void GemminiMesh::edge(const Wires& wires) {
    const auto move =
        flow_ == DataflowKind::output_stationary ? moves_.output_stationary : moves_.weight_stationary;
    for (int r = rows_ - 1; r >= 0; --r) {
        const MeshRow from = row(r);
        move(cols_, from, row(r + 1), sum_bits_);
        std::memmove(from.a + 1, from.a, static_cast<std::size_t>(cols_ - 1) * sizeof *from.a);
        from.a[0] = wires.a[static_cast<std::size_t>(r)];
    }
    for (std::size_t c = 0; c < static_cast<std::size_t>(cols_); ++c) {
        valid_[c] = wires.valid[c];
        if (wires.valid[c] != 0) {
            b_[c] = wires.b[c];
            d_[c] = wires.d[c];
            propagate_[c] = wires.propagate[c];
        }
    }
}

std::vector<TravellingBank> GemminiMesh::banks() {
    using Holds = TravellingBank::Holds;
    const bool sums_stay = flow_ == DataflowKind::output_stationary;
    const bool weights_move = flow_ == DataflowKind::input_stationary;
    const int kept_bits = sums_stay ? sum_bits_ : operand_bits_;  // of what d and the banks hold
    const Holds kept = sums_stay ? Holds::sums : weights_move ? Holds::kept_activations : Holds::weights;
    std::vector<TravellingBank> banks;
    const auto add = [&](SiteKind kind, std::vector<std::int32_t>& words, int bits, Holds holds) {
        banks.push_back(
            {kind, words.data(), static_cast<std::int64_t>(words.size()), cols_, cols_, bits, holds});
    };
    add(weights_move ? SiteKind::pe_weight : SiteKind::pe_activation, a_, operand_bits_,
        weights_move ? Holds::weights : Holds::moving_activations);
    if (sums_stay) {
        add(SiteKind::pe_weight, b_, operand_bits_, Holds::weights);
    } else {
        add(SiteKind::pe_psum, b_, sum_bits_, Holds::sums);
    }
    add(SiteKind::pe_chain, d_, kept_bits, kept);
    add(SiteKind::pe_bank_1, bank_1_, kept_bits, kept);
    add(SiteKind::pe_bank_2, bank_2_, kept_bits, kept);
    add(SiteKind::pe_valid, valid_, 1, Holds::control);
    add(SiteKind::pe_propagate, propagate_, 1, Holds::control);
    return banks;
}

}  // namespace fluence::array
