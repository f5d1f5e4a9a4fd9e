// The part of an activation tensor that a unit has just read from the activation buffer, by DRAM address.
// What was not read is poison, so that a plan that forgets a word cannot go unnoticed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "sim/dataflow/memory_map.h"
#include "workloads/graph.h"

namespace fluence::accel {

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
    std::int64_t total = 0;
    for (const traces::Segment& segment : load.segments) {
        const std::int64_t begin = std::max(first, segment.dram_word);
        const std::int64_t end = std::min(last, segment.dram_word + segment.words);
        if (begin < end) {
            const Run run{begin * word_bytes_ - first_byte_, (end - begin) * word_bytes_};
            read(segment.buffer_word + begin - segment.dram_word, end - begin,
                 bytes_.data() + run.first_byte);
            filled_.push_back(run);
            total += end - begin;
        }
    }
    return total;
}

}  // namespace fluence::accel
