// The sums of one fold, by its definition: products added in the order in which the array adds them, at the
// width of its registers. With operands, products and sums that upsets left wrong.
//
// All positions m, k, n count inside the fold. A reduction row that the fold does not use (k ≥ Fold::terms,
// where operands stay in the array) multiplies zeros, which upsets may change.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "sim/arith/sum_rule.h"
#include "sim/fault/machine_view.h"
#include "sim/fault/met_tensors.h"
#include "sim/fault/struck_points.h"

namespace fluence::fault {

using Codes = workloads::Codes;

// Arithmetic of the array on the operands of one inference.
class FoldSums {
  public:
    using Operand = std::int32_t;
    using Product = std::int64_t;
    using Sum = std::uint32_t;

    // Keeps references. `tensors`: what the layers' inputs are, by tensor.
    FoldSums(const MachineView& machine, const MetTensors& tensors);

    // Codes; 0 for padding and unused rows.
    std::int32_t activation(const traces::Fold& f, std::int64_t m, std::int64_t k) const;
    std::int32_t weight(const traces::Fold& f, std::int64_t k, std::int64_t n) const;
    // What a register with this code and this change is multiplied as.
    std::int32_t struck_activation(const traces::Fold& f, std::int32_t code, const BitChange& change,
                                   std::uint32_t mask) const;
    std::int32_t struck_weight(std::int32_t code, const BitChange& change, std::uint32_t mask) const;
    // What a register with these raw bits is multiplied as.
    std::int32_t activation_code(const traces::Fold& f, std::uint32_t bits) const {
        return struck_activation(f, 0, {}, bits);
    }
    // As the adder sees it: modulo 2¹⁶ behind a product register.
    std::int64_t product(std::int32_t a, std::int32_t b) const;
    std::int64_t struck_product(std::int32_t a, std::int32_t b, WideBits mask) const;

    // Sums are registers of 32 bits that wrap, so that changes add up in any order.
    bool linear() const { return linear_; }
    // Raw bits of an operand register with this code.
    std::uint32_t operand_bits(std::int32_t code) const;
    // Raw bits of a sum register, as wide as it is; and as the number that they stand for.
    std::uint32_t register_bits(std::uint32_t sum) const;
    std::uint32_t extend(std::uint32_t bits) const;
    std::uint32_t struck_sum(std::uint32_t sum, WideBits mask) const {
        return extend(sum ^ static_cast<std::uint32_t>(mask));
    }
    std::uint32_t add(std::uint32_t sum, std::int64_t product) const {
        return static_cast<std::uint32_t>(register_.fit(static_cast<std::int32_t>(sum) + product));
    }

    // Sum of the products k in [0, terms) for (m, n), sign-extended to 32 bits.
    std::uint32_t partial(const traces::Fold& f, std::int64_t m, std::int64_t n, std::int64_t terms) const;
    std::uint32_t total(const traces::Fold& f, std::int64_t m, std::int64_t n) const {
        return partial(f, m, n, f.terms);
    }
    // The sum of products of an output element, over all folds of the reduction, in front of the bias.
    std::uint32_t mac_output(LayerId layer, std::int64_t element) const;
    // Reduction rows that the array adds up: the unused ones too where operands stay.
    std::int64_t rows(const traces::Fold& f) const {
        return machine_.array.output_stationary() ? f.terms : machine_.rows;
    }
    const MetTensors& tensors() const { return tensors_; }

  private:
    const MachineView& machine_;
    const MetTensors& tensors_;
    const int operand_bits_;
    const bool product_register_;
    const arith::SumRegister register_;
    const bool linear_;
    const int sum_bits_;
};

// How far the sums of one fold are off, jointly by everything that is wrong in it.
class StruckFold {
  public:
    StruckFold(const FoldSums& sums, const traces::Fold& fold)
        : sums_(sums), fold_(fold), struck_(sums, fold) {}

    template <class Struck>
    void add(const Struck& struck) {
        struck_.add(struck);
    }

    // Ascending by (m, n): struck sum − true sum, modulo 2³²; zeros left out.
    using Deltas = std::vector<std::pair<std::pair<std::int64_t, std::int64_t>, std::uint32_t>>;
    Deltas evaluate() const;
    // Whether a product or a partial sum differs at any point where evaluate() finds no delta.
    bool absorbs() const;
    // Operands as they are read from the buffers.
    std::int32_t activation_read(std::int64_t m, std::int64_t k) const;
    std::int32_t weight_read(std::int64_t k, std::int64_t n) const;
    // A[m,k] as it leaves the last column, for the checksum column, minus what it should be; by (m, k).
    using RowChanges = std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t>;
    RowChanges row_operand_changes() const;

  private:
    using Points = StruckPoints<FoldSums>;
    using Key = Points::Key;
    using Point = Points::Point;

    std::uint32_t delta_at(const Key& at, const Point& point) const;
    std::uint32_t linear_change(const Key& at, const Point& point) const;

    const FoldSums& sums_;
    const traces::Fold& fold_;
    Points struck_;
};

}  // namespace fluence::fault
