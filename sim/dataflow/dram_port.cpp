#include "sim/dataflow/dram_port.h"

#include <algorithm>

namespace fluence::dataflow {
namespace {

using traces::Gap;

std::int64_t round_up(std::int64_t bytes, std::int64_t unit) {
    return (bytes + unit - 1) / unit * unit;
}

void add(std::vector<Gap>& gaps, const Gap& gap) {
    const Gap before = gaps.empty() ? Gap{} : gaps.back();
    if (gap.bytes == before.bytes && gap.cycles == before.cycles) {
        return;
    }
    if (!gaps.empty() && before.word == gap.word) {
        gaps.back() = gap;
    } else {
        gaps.push_back(gap);
    }
}

}  // namespace

DramPort::DramPort(const DramConfig& dram)
    : word_bytes_(dram.word_bytes()),
      row_bytes_(dram.row_bytes),
      burst_bytes_(std::max(dram.burst_bytes, dram.word_bytes())),
      row_miss_(dram.row_bytes > 0 ? dram.row_miss.count() : 0) {}

std::vector<Gap> DramPort::move(const std::vector<traces::Segment>& segments) {
    std::vector<Gap> gaps;
    std::int64_t word = 0;    // of the transfer
    std::int64_t passed = 0;  // bytes that have passed the port, a whole number of bursts and what is begun
    std::int64_t burst = -1;  // of the word before
    std::int64_t end = 0;     // the byte behind it
    traces::Cycle waited = 0;
    for (const traces::Segment& segment : segments) {
        const std::int64_t first = segment.dram_word * word_bytes_;
        const std::int64_t last = first + segment.words * word_bytes_;
        const bool shares = first / burst_bytes_ == burst && first >= end;
        const std::int64_t begun =
            shares ? passed / burst_bytes_ * burst_bytes_ : round_up(passed, burst_bytes_);
        passed = begun + first % burst_bytes_;
        for (std::int64_t byte = first; byte < last;) {
            const std::int64_t row = row_miss_ > 0 ? byte / row_bytes_ : open_row_;
            waited += row != open_row_ ? row_miss_ : 0;
            open_row_ = row;
            add(gaps, {word, passed - word * word_bytes_, waited});
            const std::int64_t next = row_miss_ > 0 ? std::min(last, (row + 1) * row_bytes_) : last;
            word += (next - byte) / word_bytes_;
            passed += next - byte;
            byte = next;
        }
        burst = (last - 1) / burst_bytes_;
        end = last;
    }
    add(gaps, {word, round_up(passed, burst_bytes_) - word * word_bytes_, waited});
    return gaps;
}

}  // namespace fluence::dataflow
