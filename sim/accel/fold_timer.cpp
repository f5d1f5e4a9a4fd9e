#include "sim/accel/fold_timer.h"

#include <algorithm>

namespace fluence::accel {

FoldTimer::FoldTimer(const ArrayConfig& array, const protect::PolicyTiming& timing)
    : map_(array), rows_(array.rows), timing_(timing) {
    traces::Fold origin;
    lead_ = map_.accumulate_cycle(origin, 0, 0, 0);
}

Cycle FoldTimer::preload(Cycle weights_done) {
    // The first row is read in the cycle in front of edge `preload`, and `decode` cycles earlier still.
    const Cycle decode = timing_.decode_cycles[index_of(Memory::weight_buffer)];
    earliest_preload_ = first_ ? 0 : map_.preload_after(before_);
    preload_ = std::max(earliest_preload_, weights_done + 1 + decode);
    return preload_;
}

FoldTimes FoldTimer::stream(const traces::Fold& fold, Cycle activations_done, const Drain& drain) {
    const Cycle activation_decode = timing_.decode_cycles[index_of(Memory::activation_buffer)];
    const Cycle output_decode = timing_.decode_cycles[index_of(Memory::output_buffer)];
    FoldTimes times;
    times.preload = preload_;
    times.array = map_.stream_after_preload(earliest_preload_);
    if (!first_) {
        times.array = std::max(times.array, map_.stream_after(before_, map_.steps(fold)));
        if (fold.k_fold > 0) {
            // The old accumulator is read `decode` cycles ahead, and not before the fold before wrote it.
            times.array = std::max(times.array, before_.stream + 1 + output_decode);
        }
    }
    times.weights = std::max(times.array, map_.stream_after_preload(preload_));
    times.activations = std::max(times.weights, activations_done + 1 + activation_decode);
    // The first accumulator is written at the edge behind its accumulation, and not before the last one of
    // the block before was read; the fold is released when that pass begins.
    times.stream = std::max({times.activations, drain.begin, drain.read - lead_ - 1});
    first_ = false;
    before_ = fold;
    before_.preload = preload_;
    before_.stream = times.stream;
    before_.end = times.end = map_.fold_end(before_, timing_.checksum_column);
    return times;
}

Cycle FoldTimer::weights_free() const {
    // Row 0 is read last, in cycle preload + R − 2 − decode.
    return preload_ + rows_ - 1 - timing_.decode_cycles[index_of(Memory::weight_buffer)];
}

Cycle FoldTimer::activations_free(const traces::Fold& fold) const {
    return 1 + map_.operand_read_cycle(before_, fold.pixels - 1, fold.used_rows - 1,
                                       timing_.decode_cycles[index_of(Memory::activation_buffer)]);
}

}  // namespace fluence::accel
