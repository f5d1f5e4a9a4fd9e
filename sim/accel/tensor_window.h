// The part of an activation tensor that a unit has just read from the activation buffer, by DRAM address.
// What was not read is poison, so that a plan that forgets a word cannot go unnoticed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "sim/dataflow/memory_map.h"
#include "workloads/graph.h"

namespace fluence::accel {

// Calls visit(buffer word, DRAM word, words) for what `load` holds of DRAM words [first, last) and returns
// how many they are.
template <class Visit>
std::int64_t for_each_held(const traces::Load& load, std::int64_t first, std::int64_t last, Visit visit) {
    std::int64_t total = 0;
    for (const traces::Segment& segment : load.segments) {
        const std::int64_t begin = std::max(first, segment.dram_word);
        const std::int64_t end = std::min(last, segment.dram_word + segment.words);
        if (begin < end) {
            visit(segment.buffer_word + begin - segment.dram_word, begin, end - begin);
            total += end - begin;
        }
    }
    return total;
}

class TensorWindow {
  public:
    explicit TensorWindow(int word_bytes) : word_bytes_(word_bytes) {}

    // Empties the window and puts it over `region`.
    void attach(const dataflow::Region& region);

    // Calls read(buffer word, words, destination) for the words of `load` within DRAM words [first, last)
    // and returns how many they are.
    template <class Read>
    std::int64_t fetch(const traces::Load& load, std::int64_t first, std::int64_t last, Read read);

    std::int32_t code(std::int64_t byte_address, workloads::NumberFormat format) const {
        const std::uint8_t byte = bytes_[static_cast<std::size_t>(byte_address - first_byte_)];
        return format == workloads::NumberFormat::u8 ? byte : static_cast<std::int8_t>(byte);
    }

  private:
    struct Run {
        std::int64_t first_byte = 0, bytes = 0;  // inside the region
    };
    static constexpr std::uint8_t kPoison = 0xA5;

    int word_bytes_;
    std::int64_t first_byte_ = 0;
    std::vector<std::uint8_t> bytes_;
    std::vector<Run> filled_;
};

template <class Read>
std::int64_t TensorWindow::fetch(const traces::Load& load, std::int64_t first, std::int64_t last, Read read) {
    return for_each_held(load, first, last,
                         [&](std::int64_t buffer_word, std::int64_t dram_word, std::int64_t words) {
                             const Run run{dram_word * word_bytes_ - first_byte_, words * word_bytes_};
                             read(buffer_word, words, bytes_.data() + run.first_byte);
                             filled_.push_back(run);
                         });
}

}  // namespace fluence::accel
