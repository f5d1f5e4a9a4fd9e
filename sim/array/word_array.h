// The centrally controlled array of a machine of words (fxp16, fxp32, bf16, fp32): registers of up to 128
// bits, PEs that compute as WordPe says, one after the other. Moves at the edges at which that of int8 does
// (array_model.h says how a caller steps it).
#pragma once

#include <cstdint>

#include "sim/array/central_control.h"
#include "sim/array/word_pe.h"
#include "sim/core/wide_bits.h"

namespace fluence::array {

// The world outside the array. Fold, step, lanes, rows and columns as in Boundary; operands are the raw bits
// of words.
class WordBoundary {
  public:
    virtual ~WordBoundary() = default;
    virtual void row_operands(std::int32_t fold, std::int64_t step, int first, int last,
                              std::uint32_t* values) = 0;
    virtual void column_operands(std::int32_t fold, std::int64_t step, int first, int last,
                                 std::uint32_t* values) = 0;
    virtual void stationary_row(std::int32_t fold, int row, std::uint32_t* values) = 0;
    // `sum`: the raw bits of its register, ArrayConfig::accumulator_bits of them.
    virtual void result(std::int32_t fold, std::int64_t step, int row, int col, WideBits sum) = 0;
};

// The PEs of words, as CentralControl knows them.
class WordPes {
  public:
    using Word = WideBits;
    using Boundary = WordBoundary;
    using Operand = std::uint32_t;
    struct Reading {};  // words have one

    explicit WordPes(const ArrayConfig& config) : pe_(config) {}

    void multiply(Extent extent, Wave wave, const OperandPair<Word>& operands, Reading,
                  GridOf<Word> product) const;
    void multiply_add(Extent extent, Wave wave, const OperandPair<Word>& operands, Reading, GridOf<Word> from,
                      GridOf<Word> to) const;
    void add(Extent extent, Wave wave, GridOf<Word> product, GridOf<Word> from, GridOf<Word> to) const;
    Word handed_over(Word sum) const { return sum; }

  private:
    WordPe pe_;
};

extern template class CentralControl<WordPes>;

class WordArray {
  public:
    // Throws std::invalid_argument for an array of int8 and for travelling control.
    explicit WordArray(const ArrayConfig& config);

    void enqueue(std::int32_t fold, const traces::Fold& times) { control_.enqueue(fold, times, {}); }
    void edge(Cycle t, WordBoundary& boundary) { control_.edge(t, boundary); }
    bool idle() const { return control_.idle(); }
    // Throw std::out_of_range.
    WideBits read(traces::SiteKind bank, std::int64_t unit) const { return control_.read(bank, unit); }
    void flip(traces::SiteKind bank, std::int64_t unit, WideBits mask) { control_.flip(bank, unit, mask); }

  private:
    CentralControl<WordPes> control_;
};

}  // namespace fluence::array
