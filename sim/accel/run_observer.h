// What a run reports while it goes: the hook a recorder attaches to. A machine without one computes the
// same tensors in the same cycles.
#pragma once

#include <cstdint>
#include <vector>

#include "traces/timeline.h"

namespace fluence::accel {

using traces::Cycle;

// Edges of one fold, and the edges from which its stream could have begun if it had waited for nothing but
// the array itself (`array`), also for its weights (`weights`), also for its activations (`activations`),
// also for its half of the output buffer (`drain`). What is left to `stream` is waiting for buffer ports.
struct FoldTimes {
    Cycle preload = 0, stream = 0, end = 0;
    Cycle array = 0, weights = 0, activations = 0, drain = 0;
};

// The same for a vector pass: the unit itself, also the layer's parameters, also its operands, also a place
// for its results (`staging`).
struct PassTimes {
    Cycle begin = 0, end = 0;
    Cycle unit = 0, parameters = 0, operands = 0, staging = 0;
};

// When the words of a transfer move (traces::Transfer).
struct TransferTimes {
    Cycle begin = 0, latency = 0;
    std::vector<traces::Gap> gaps;

    void write_to(traces::Transfer& transfer) const {
        transfer.begin = begin;
        transfer.latency = latency;
        transfer.gaps = gaps;
    }
};

class RunObserver {
  public:
    virtual ~RunObserver() = default;
    // Indices into the tile plan's lists.
    virtual void load(std::int32_t index, const TransferTimes& times) = 0;
    virtual void store(std::int32_t index, const TransferTimes& times) = 0;
    virtual void fold(std::int32_t index, const FoldTimes& times) = 0;
    virtual void pass(std::int32_t index, const PassTimes& times) = 0;
};

}  // namespace fluence::accel
