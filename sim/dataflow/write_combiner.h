// Which DRAM words of a tensor become whole when: the vector unit collects codes and stores each word
// once, with the last of its elements.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/dataflow/tensor_layout.h"
#include "sim/dataflow/word_runs.h"

namespace fluence::dataflow {

class WriteCombiner {
  public:
    WriteCombiner(const TensorLayout& layout, const Region& region, int word_bytes);

    // Flat elements [first, last) were produced, each element once in all.
    void produce(std::int64_t first, std::int64_t last);
    // The words that became whole since the last call, ascending.
    WordRuns take_complete();

  private:
    template <class Visit>
    void for_each_word(std::int64_t first, std::int64_t last, Visit visit) const;

    TensorLayout layout_;
    std::int64_t first_word_;
    int word_bytes_;
    std::vector<std::int32_t> missing_;   // bytes of each word still to come
    std::vector<std::int64_t> complete_;  // DRAM words
};

}  // namespace fluence::dataflow
