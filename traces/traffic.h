// What a run moves across DRAM's port: in total, and every word once.
#pragma once

#include <cstdint>

#include "traces/timeline.h"

namespace fluence::traces {

struct DramTraffic {
    std::int64_t read_words = 0, write_words = 0;
    // Different words that are read, and different words that are written: the least that any order of work
    // with these stores has to move.
    std::int64_t unique_read_words = 0, unique_write_words = 0;
    std::int64_t kept_words = 0;  // written to the activation buffer instead, where the next layer reads them

    std::int64_t words() const { return read_words + write_words; }
    std::int64_t unique_words() const { return unique_read_words + unique_write_words; }
};

DramTraffic dram_traffic(const Timeline& timeline);

}  // namespace fluence::traces
