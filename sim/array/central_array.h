// The centrally controlled array of the int8 format: registers of codes, moved by the loops of moves.h.
#pragma once

#include "sim/array/array_model.h"
#include "sim/array/central_control.h"
#include "sim/array/moves.h"

namespace fluence::array {

// The PEs of codes, as CentralControl knows them.
class CodePes {
  public:
    using Word = std::uint32_t;
    using Boundary = array::Boundary;
    using Operand = std::int32_t;
    using Reading = Signs;

    CodePes(const ArrayConfig& config, const Moves& moves)
        : moves_(&moves), width_{config.accumulator_bits, config.overflow == Overflow::saturate} {}

    void multiply(Extent extent, Wave wave, const OperandPair<Word>& operands, Signs signs,
                  Grid product) const {
        moves_->multiply(extent, wave, {operands.left, operands.right, signs}, product);
    }
    void multiply_add(Extent extent, Wave wave, const OperandPair<Word>& operands, Signs signs, Grid from,
                      Grid to) const {
        moves_->multiply_add(extent, wave, {operands.left, operands.right, signs}, from, to, width_);
    }
    void add(Extent extent, Wave wave, Grid product, Grid from, Grid to) const {
        moves_->add(extent, wave, product, from, to, width_);
    }
    std::int32_t handed_over(Word sum) const {
        const Word sign = Word{1} << (width_.bits - 1);
        return static_cast<std::int32_t>((sum ^ sign) - sign);
    }

  private:
    const Moves* moves_;
    SumWidth width_;
};

class CentralArray final : public ArrayModel {
  public:
    // `moves`: which loops to use; tests hold the sets against each other.
    explicit CentralArray(const ArrayConfig& config, const Moves& moves = best_moves());

    void enqueue(std::int32_t fold, const traces::Fold& times, ActivationCodes activations) override;
    void edge(Cycle t, Boundary& boundary) override { control_.edge(t, boundary); }
    bool idle() const override { return control_.idle(); }
    std::uint32_t read(traces::SiteKind bank, std::int64_t unit) const override {
        return control_.read(bank, unit);
    }
    void flip(traces::SiteKind bank, std::int64_t unit, std::uint32_t mask) override {
        control_.flip(bank, unit, mask);
    }

  private:
    int operand_bits_;
    bool input_stationary_;
    CentralControl<CodePes> control_;
};

extern template class CentralControl<CodePes>;

}  // namespace fluence::array
