// How the words of a transfer pass DRAM's port where DRAM moves whole bursts and opens rows (DramConfig).
//
// Bursts: the port moves the aligned bursts that the words lie in, in the order of the words; a word that
// lies behind the word before it in one burst shares it, and a burst that is begun is moved to its end. Rows:
// one row is open at a time, at first none. A word in another row than the word before, of the same transfer
// or of the one before, waits `row_miss` cycles, and the port with it.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/core/accelerator_config.h"
#include "traces/timeline.h"

namespace fluence::dataflow {

class DramPort {
  public:
    explicit DramPort(const DramConfig& dram);

    // The gaps of the next transfer; the row that it touches last stays open.
    std::vector<traces::Gap> move(const std::vector<traces::Segment>& segments);

  private:
    std::int64_t word_bytes_, row_bytes_, burst_bytes_;
    traces::Cycle row_miss_;
    std::int64_t open_row_ = -1;
};

}  // namespace fluence::dataflow
