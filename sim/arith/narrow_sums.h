// Dense dot products under a SumRule, for layers whose sums can leave their registers' range. Every product
// is added in the array's order; sixteen output channels at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/arith/sum_rule.h"

namespace fluence::arith {

class NarrowSums {
  public:
    // `term_offset`: by k, where A[m,k] lies in a group's packed input from the pixel's offset on.
    NarrowSums(const workloads::Layer& layer, int group_outputs, std::vector<std::int32_t> term_offset,
               SumRegister sum_register, std::vector<std::int64_t> fold_ends);

    // result[p · row_size + n] = Σ over folds, without bias, for the pixels whose windows begin at
    // input[pixel_offset[p]]; row_size is a multiple of kBlock, channels behind the group's are 0.
    void run(int group, const std::int16_t* input, const std::int32_t* pixel_offset, std::int64_t pixels,
             int row_size, std::int32_t* result) const;

  private:
    std::vector<std::int32_t> term_offset_;
    SumRegister register_;
    std::vector<std::int64_t> fold_ends_;
    int blocks_;
    std::vector<std::int16_t> weights_;  // [group][block of 16 output channels][k][16 output channels]
};

}  // namespace fluence::arith
