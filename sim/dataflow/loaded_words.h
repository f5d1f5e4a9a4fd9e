// Where the words of one load lie in its buffer.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <vector>

#include "traces/timeline.h"

namespace fluence::dataflow {

class LoadedWords {
  public:
    LoadedWords() = default;
    LoadedWords(const traces::Load& load, std::int64_t word_bytes) {
        for (const traces::Segment& segment : load.segments) {
            runs_.push_back({segment.dram_word * word_bytes, segment.words * word_bytes,
                             (segment.buffer_word - segment.dram_word) * word_bytes});
        }
    }

    // Byte address in the buffer of a DRAM byte address. `hint`: the caller's memory of where the last one
    // was found, 0 at first.
    std::int64_t buffer_byte(std::int64_t dram_byte, std::uint32_t& hint) const {
        if (hint < runs_.size() && runs_[hint].holds(dram_byte)) {
            return dram_byte + runs_[hint].distance;
        }
        for (std::uint32_t i = 0; i < runs_.size(); ++i) {
            if (runs_[i].holds(dram_byte)) {
                hint = i;
                return dram_byte + runs_[i].distance;
            }
        }
        throw std::logic_error("a word is read that its load did not bring");
    }

  private:
    struct Run {
        std::int64_t first = 0, bytes = 0, distance = 0;
        bool holds(std::int64_t byte) const { return byte >= first && byte < first + bytes; }
    };
    std::vector<Run> runs_;
};

}  // namespace fluence::dataflow
