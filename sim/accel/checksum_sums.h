// The checksum column (sim/protect/checksum.h) as hardware: it takes in the activations that leave the last
// column's operand registers and sums them with weights that were prepared ahead of time.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "sim/accel/script.h"
#include "sim/array/array_model.h"

namespace fluence::accel {

class ChecksumSums {
  public:
    explicit ChecksumSums(const Script& script);

    // What leaves the array in cycle t; cycles in order.
    void add(Cycle t, const array::ArrayModel& array);
    // ChecksumColumn.
    std::vector<std::int64_t> take(std::int32_t pass);

  private:
    void find_passes();
    void add(Cycle t, std::int32_t fold, const array::ArrayModel& array);
    const std::vector<std::int64_t>& weights_of(std::int32_t fold);
    std::size_t blocks(const traces::VectorPass& pass) const;

    const Script& script_;
    const ArrayConfig& array_;
    FoldWindow window_;
    std::vector<std::int32_t> pass_of_;                          // by fold
    std::map<std::int32_t, std::vector<std::int64_t>> weights_;  // by fold of the window; by term
    std::map<std::int32_t, std::vector<std::int64_t>> sums_;     // by pass
};

}  // namespace fluence::accel
