// The sums of a fold on a machine of words, product by product as its PEs make them
// (fault::StruckPoints says what the names mean).
#pragma once

#include <cstdint>

#include "sim/arith/word_values.h"
#include "sim/array/word_pe.h"
#include "sim/fault/machine_view.h"
#include "sim/fault/register_values.h"
#include "sim/fault/struck_points.h"
#include "workloads/word_graph.h"

namespace fluence::words {

using workloads::Word;

class WordSums {
  public:
    using Operand = Word;
    using Product = WideBits;
    using Sum = WideBits;
    enum class Run { golden, struck };

    // Keeps references. `run`: whose activations; of the struck run they are WordValues::now().
    WordSums(const fault::MachineView& machine, const workloads::WordGraph& graph, const array::WordPe& pe,
             const arith::WordValues& values, Run run)
        : machine_(machine), graph_(graph), pe_(pe), values_(values), run_(run) {}

    // m, k, n count inside the fold; 0 for padding and rows that it does not use.
    Word activation(const traces::Fold& fold, std::int64_t m, std::int64_t k) const;
    Word weight(const traces::Fold& fold, std::int64_t k, std::int64_t n) const;
    Word struck_activation(const traces::Fold&, Word word, const fault::BitChange& change,
                           std::uint32_t mask) const {
        return struck_weight(word, change, mask);
    }
    Word struck_weight(Word word, const fault::BitChange& change, std::uint32_t mask) const {
        return change.apply(word) ^ mask;
    }
    WideBits struck_product(Word a, Word b, WideBits mask) const { return pe_.multiply(a, b) ^ mask; }
    WideBits struck_sum(WideBits sum, WideBits mask) const { return sum ^ mask; }
    WideBits add(WideBits sum, WideBits product) const { return pe_.add(sum, product); }
    std::int64_t rows(const traces::Fold& fold) const {
        return machine_.array.output_stationary() ? fold.terms : machine_.rows;
    }

    // The sum register's bits behind the first `terms` products of (m, n).
    WideBits partial(const traces::Fold& fold, std::int64_t m, std::int64_t n, std::int64_t terms) const;
    const array::WordPe& pe() const { return pe_; }
    Word value(TensorId tensor, std::int64_t element) const {
        return run_ == Run::golden ? values_.golden_word(tensor, element) : values_.now(tensor, element);
    }

  private:
    const fault::MachineView& machine_;
    const workloads::WordGraph& graph_;
    const array::WordPe& pe_;
    const arith::WordValues& values_;
    const Run run_;
};

// What the registers of the array hold in the fault-free run.
class WordRegisters final : public fault::RegisterValues {
  public:
    // Keeps a reference. `sums`: of the fault-free run.
    explicit WordRegisters(const WordSums& sums) : sums_(sums) {}

    WideBits activation(const traces::Fold& fold, std::int64_t m, std::int64_t k) const override {
        return sums_.activation(fold, m, k);
    }
    WideBits weight(const traces::Fold& fold, std::int64_t k, std::int64_t n) const override {
        return sums_.weight(fold, k, n);
    }
    WideBits product(const traces::Fold& fold, std::int64_t m, std::int64_t k,
                     std::int64_t n) const override {
        return sums_.struck_product(sums_.activation(fold, m, k), sums_.weight(fold, k, n), 0);
    }
    WideBits sum(const traces::Fold& fold, std::int64_t m, std::int64_t n,
                 std::int64_t terms) const override {
        return sums_.partial(fold, m, n, terms);
    }

  private:
    const WordSums& sums_;
};

}  // namespace fluence::words
