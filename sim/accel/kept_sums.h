// What duplicated filters keep in the vector unit (dataflow/kept_sums.h), register by register.
#pragma once

#include <cstdint>
#include <deque>
#include <set>
#include <utility>
#include <vector>

#include "sim/accel/workload.h"

namespace fluence::accel {

class KeptSums {
  public:
    using Output = std::pair<std::int32_t, std::int64_t>;  // layer, flat element

    // Keeps a reference.
    explicit KeptSums(const Workload& workload);

    // The accumulator of an element of a pass, which is there at edge t; of an output that has no copy:
    // nothing.
    void take(traces::Cycle t, const traces::VectorPass& pass, std::int64_t element, std::int32_t sum);
    void edge(traces::Cycle t);
    // The comparators of a cycle.
    void compare();
    // Whether the two sums of an output differed; asked once, when the copy would leave the pipeline.
    bool differed(const Output& output) { return differing_.erase(output) > 0; }

    void flip_word(std::int64_t word, std::uint32_t mask) {
        words_.at(static_cast<std::size_t>(word)) ^= mask;
    }
    void flip_comparator(std::int64_t lane, std::uint32_t mask) {
        comparators_.at(static_cast<std::size_t>(lane)).difference ^= mask;
    }

  private:
    struct Sum {
        traces::Cycle edge = 0;
        bool of_copy = false;
        std::size_t word = 0, lane = 0;
        Output output;
        std::uint32_t bits = 0;
    };
    struct Comparator {
        std::uint32_t difference = 0;
        bool used = false;  // in this cycle
        Output output;
    };

    const Workload& workload_;
    std::deque<Sum> arriving_;
    std::vector<std::uint32_t> words_;     // by pixel of the pass
    std::vector<Comparator> comparators_;  // by lane
    std::set<Output> differing_;
};

}  // namespace fluence::accel
