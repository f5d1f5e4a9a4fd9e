#include "sim/accel/fold_timer.h"

#include <algorithm>

namespace fluence::accel {

FoldTimer::FoldTimer(const ArrayConfig& array, const protect::PolicyTiming& timing)
    : map_(array), timing_(timing) {}

Cycle FoldTimer::preload(Cycle done, Cycle port) {
    // The first row is read in the cycle in front of edge `preload`, and `decode` cycles earlier still.
    const Cycle earliest = first_ ? 0 : map_.preload_after(before_);
    ready_ = std::max(earliest, done + 1 + decode(stationary()));
    preload_ = std::max(ready_, port);
    return preload_;
}

Cycle FoldTimer::lead(traces::Fold fold) const {
    fold.stream = 0;
    Cycle first = map_.accumulate_cycle(fold, 0, 0, 0);
    if (map_.output_stationary()) {  // which corner's sum leaves first is a matter of how they leave
        for (const int row : {0, fold.used_rows - 1}) {
            first = std::min(first, map_.accumulate_cycle(fold, 0, row, fold.used_cols - 1));
            first = std::min(first, map_.accumulate_cycle(fold, 0, row, 0));
        }
    }
    return first;
}

// The earliest stream for operands that are in `buffer` at edge `done`: they are read `decode` cycles before
// the cycle in front of it, or have to enter the array first.
Cycle FoldTimer::streamed(Memory buffer, Cycle done) const {
    return has_preload() && buffer == stationary() ? map_.stream_after_preload(ready_)
                                                   : done + 1 + decode(buffer);
}

FoldTimes FoldTimer::stream(const traces::Fold& fold, const Waits& waits) {
    FoldTimes times;
    times.array = map_.stream_after_preload(first_ ? 0 : map_.preload_after(before_));
    if (!first_) {
        times.array = std::max(times.array, map_.stream_after(before_, map_.steps(fold)));
    }
    if (waits.writer != nullptr) {
        // The old accumulator is read `decode` cycles ahead, and not before it is written. All of a fold's
        // accumulations lie as far from its first one as those of the same sums before.
        const Cycle written = waits.writer->stream + lead(*waits.writer) + 1;
        times.array = std::max(times.array, written + decode(Memory::output_buffer) - lead(fold));
    }
    times.weights = std::max(times.array, streamed(Memory::weight_buffer, waits.weights));
    times.activations = std::max(times.weights, streamed(Memory::activation_buffer, waits.activations));
    // The first accumulator is written at the edge behind its accumulation, and not before the last one of
    // the block before was read; the fold is released when that pass begins.
    times.drain = std::max({times.activations, waits.drain.begin, waits.drain.read - lead(fold) - 1});
    times.stream = std::max(times.drain, waits.ports);
    if (has_preload()) {
        times.stream = std::max(times.stream, map_.stream_after_preload(preload_));
    }
    // Arrays with travelling control shift zeros into their accumulators in front of the stream.
    times.preload = has_preload() ? preload_ : times.stream - map_.stream_after_preload(0);
    first_ = false;
    before_ = fold;
    before_.preload = times.preload;
    before_.stream = times.stream;
    before_.end = times.end = map_.fold_end(before_, timing_.checksum_column);
    return times;
}

Cycle FoldTimer::last_read_end(Memory buffer) const {
    const auto decode_cycles = static_cast<int>(decode(buffer));
    if (has_preload() && buffer == stationary()) {
        traces::Fold fold;
        fold.preload = preload_;
        return map_.stationary_read_cycle(fold, 0, decode_cycles) + 1;
    }
    const bool columns = map_.output_stationary() && buffer == Memory::weight_buffer;
    const int last_lane = (columns ? before_.used_cols : before_.used_rows) - 1;
    return map_.operand_read_cycle(before_, map_.steps(before_) - 1, last_lane, decode_cycles) + 1;
}

Cycle FoldTimer::last_accumulation(const traces::Fold& fold) const {
    Cycle last = 0;
    const bool sums_stay = map_.output_stationary();
    for (const int row : {0, sums_stay ? fold.used_rows - 1 : 0}) {
        for (const int col : {0, fold.used_cols - 1}) {
            last = std::max(last, map_.accumulate_cycle(fold, map_.steps(fold) - 1, row, col));
        }
    }
    return last;
}

Access FoldTimer::access(Memory buffer) const {
    if (buffer == Memory::output_buffer) {
        const Cycle first = before_.stream + lead(before_);
        return {first - (before_.k_fold > 0 ? decode(buffer) : 0), last_accumulation(before_) + 1};
    }
    const auto decode_cycles = static_cast<int>(decode(buffer));
    traces::Fold fold;
    fold.preload = preload_;
    const Cycle first = has_preload() && buffer == stationary()
                            ? map_.stationary_read_cycle(fold, map_.rows() - 1, decode_cycles)
                            : map_.operand_read_cycle(before_, 0, 0, decode_cycles);
    return {first, last_read_end(buffer)};
}

}  // namespace fluence::accel
