// The registers of the checksum column and the memory of its sums (sim/dataflow/checksum_column.h), moved
// edge by edge. What it multiplies with was prepared ahead of time from the true weights.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "sim/accel/script.h"
#include "sim/array/array_model.h"
#include "sim/dataflow/checksum_column.h"

namespace fluence::accel {

class ChecksumPes {
  public:
    explicit ChecksumPes(const Script& script);

    // Moves everything over edge t; `array` still holds what it held in cycle t − 1.
    void edge(Cycle t, const array::ArrayModel& array);
    void flip(traces::SiteKind bank, std::int64_t unit, std::uint64_t mask);

    // The word of a pixel, counted inside the pass.
    void subtract(std::int32_t pass, std::int64_t pixel, std::int32_t accumulator);
    std::uint64_t word(std::int32_t pass, std::int64_t pixel) const;

  private:
    // What one row multiplies in a cycle, if anything.
    struct Mac {
        bool any = false;
        std::int32_t fold = 0;
        std::int64_t step = 0;
    };

    void find_passes();
    void hand_over(Cycle t);
    void move_sums(Cycle t);
    void move_operands(Cycle t, const array::ArrayModel& array);
    Mac mac_in(Cycle t, int row) const;
    bool uses(const traces::Fold& fold, int row) const;
    std::int64_t product(Cycle t, int row, const array::ArrayModel& array);
    std::int64_t product_out(int row) const;
    std::uint32_t weight_bits(std::int32_t fold, std::int64_t k);
    std::size_t place(std::int32_t pass, std::int64_t pixel) const;

    const Script& script_;
    const ArrayConfig& array_;
    const dataflow::ChecksumColumn column_;
    const std::int64_t words_;
    FoldWindow window_;
    std::vector<std::int32_t> pass_of_;                           // by fold
    std::vector<std::int32_t> bank_of_;                           // by pass; those without MACs unused
    std::map<std::int32_t, std::vector<std::int64_t>> prepared_;  // w̃ by fold of the window; by term
    // Registers as raw bits, as many as they have.
    std::vector<std::uint32_t> weights_, activations_;
    std::vector<std::uint64_t> products_, sums_, words_of_sums_;
    std::vector<std::int64_t> multiplied_;  // by row: the products that this edge registers or adds
};

}  // namespace fluence::accel
