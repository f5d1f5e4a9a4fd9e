// Every register of a centrally controlled array as flat arrays of raw bits, a `Word` a register.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sim/array/grid.h"
#include "sim/core/accelerator_config.h"
#include "traces/upset.h"

namespace fluence::array {

// For std::uint32_t and WideBits.
template <class Word>
class RegisterFile {
  public:
    using Grid = GridOf<Word>;

    explicit RegisterFile(const ArrayConfig& config);
    RegisterFile(const RegisterFile&) = delete;  // grids point into it
    RegisterFile& operator=(const RegisterFile&) = delete;

    // Raw bits of a fault site; banks and units as dataflow::register_banks() counts them. Throw
    // std::out_of_range, flip() also for bits that the register does not have.
    Word read(traces::SiteKind bank, std::int64_t unit) const;
    void flip(traces::SiteKind bank, std::int64_t unit, Word mask);

    // By (row, column) of the PE. `arriving` is what stands on the wires into a PE's operand register: column
    // 0 (row 0 of column operands) are the array's own inputs, the others the neighbours' registers.
    Grid row_arriving() { return {row_.data(), cols_ + 1}; }
    Grid row_held() { return {row_.data() + 1, cols_ + 1}; }
    Grid column_arriving() { return {column_.data(), cols_}; }
    Grid column_held() { return {column_.data() + cols_, cols_}; }
    Grid stationary() { return {stationary_.data(), cols_}; }
    Grid shadow() { return {shadow_.data(), cols_}; }
    Grid product(int stage) { return plane(product_, stage - 1); }  // 1 … LM
    // Sums that move: what arrives at a PE from above (row 0: a register of zeros, or plain zeros) and the
    // register in which the PE's own sum ends. Output stationary: the accumulators, at both.
    Grid sum_above() { return {sum_.data(), cols_}; }
    Grid sum_below() { return {sum_.data() + sum_step_, cols_}; }
    Grid sum_stage(int stage) { return stage == 0 ? sum_below() : plane(sum_stage_, stage - 1); }
    Grid drain() { return {drain_.data(), cols_}; }
    // Skew registers of the rows, of the columns; lane i's begin behind triangle(i) others.
    Word* row_skew() { return skew_.data(); }
    Word* column_skew() { return skew_.data() + triangle(rows_); }
    static std::ptrdiff_t triangle(int lane) { return std::ptrdiff_t{lane} * (lane - 1) / 2; }

  private:
    using Words = std::vector<Word>;
    // Unit u of a bank is word first + ⌊u/cols⌋·stride + u mod cols.
    struct Bank {
        traces::SiteKind kind{};
        Words RegisterFile::*words = nullptr;
        std::int64_t units = 0;
        Word mask = 0;
        std::int64_t first = 0, cols = 1, stride = 1;
        std::size_t word(std::int64_t unit) const {
            return static_cast<std::size_t>(first + unit / cols * stride + unit % cols);
        }
    };

    Grid plane(Words& words, int index) {
        return {words.data() + std::int64_t{index} * rows_ * cols_, cols_};
    }
    Bank place(traces::SiteKind kind, const ArrayConfig& config) const;

    int rows_;
    int cols_;
    std::int64_t sum_step_;  // words from sum_above() to sum_below()
    Words row_;              // rows × (input, C registers)
    Words column_;           // output stationary: a row of inputs, then R rows of registers
    Words stationary_, shadow_, product_;
    Words sum_;  // moving sums: row 0 above the first PE
    Words sum_stage_, drain_, skew_;
    std::vector<Bank> banks_;
};

}  // namespace fluence::array
