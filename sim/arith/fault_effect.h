// What upsets do to the execution of one layer, in the terms of its arithmetic. The resolver (sim/fault)
// produces it, protection parts (sim/protect) may alter it, the engine (sim/arith) executes it.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/core/ids.h"

namespace fluence::arith {

// An accumulator (index: flat element of the layer's output) is off by `delta` (mod 2³²) from what the
// layer's actual inputs give. The same index may occur several times; deltas add.
struct AccumulatorDelta {
    std::int64_t index = 0;
    std::int32_t delta = 0;
};

// The checksum column's sum of pixel `pixel` over output channels first_channel … (a block of the array's
// columns; where a policy permutes channels, counted in the order in which they take the columns) is off by
// `delta` as well, because the checksum column saw the same wrong activation.
struct ChecksumDelta {
    std::int64_t pixel = 0;
    std::int32_t first_channel = 0;
    std::int64_t delta = 0;
};

// Layers without MACs: element `element` of input `input` reads as `code` by the outputs with flat index in
// [first_output, last_output).
struct OperandChange {
    std::int32_t input = 0;
    std::int64_t element = 0;
    std::int32_t code = 0;
    std::int64_t first_output = 0, last_output = 0;
};

// A vector-unit parameter has another value during this layer.
enum class Parameter { bias, multiplier, shift };
struct ParameterChange {
    Parameter parameter = Parameter::bias;
    std::int64_t index = 0;  // into Layer::bias, multiplier or shift
    std::int32_t value = 0;
};

// Bits of a finished output code (behind the activation function, in front of range restriction) inverted.
struct OutputFlip {
    std::int64_t index = 0;
    std::uint32_t mask = 0;
    bool checked = true;  // between the activation function and the ReLU check's comparator
};

// A finished output code of a layer with MACs, behind the flips, becomes 0 where it is `zeroed`; then `shift`
// is added, and what leaves the format becomes its nearest code.
struct DisturbedOutput {
    std::int64_t index = 0;
    bool zeroed = false;
    std::int32_t shift = 0;
};

// Range restriction whose bounds an upset changed, or an upset of the buffer behind it, makes this output
// `code`, in front of the filters. `suppressed`: restriction did so in place of another code that was wrong.
struct RestrictedOutput {
    std::int64_t index = 0;
    std::int32_t code = 0;
    bool suppressed = false;
};

// Bits of the thresholds that a filter (pixel_filter.h) compares with are inverted in its comparisons
// [first, last) of this pixel. Masks of one comparison combine.
struct ThresholdFlip {
    std::int64_t pixel = 0;
    std::int32_t first = 0, last = 0;
    std::uint32_t mask = 0;
};

// A suppressor sets this output to `code`, whatever was computed (behind everything else).
struct ForcedOutput {
    std::int64_t index = 0;
    std::int32_t code = 0;
};

struct LayerFault {
    LayerId layer{};
    std::vector<AccumulatorDelta> accumulators;
    std::vector<ChecksumDelta> checksum;
    std::vector<AccumulatorDelta> duplicates;  // of the second accumulator, where the channel has two
    std::vector<OperandChange> operands;
    std::vector<ParameterChange> parameters;
    std::vector<OutputFlip> outputs;
    std::vector<DisturbedOutput> disturbed;  // ascending by index, each output at most once
    bool relu_alarm =
        false;  // the ReLU check's own state raised an alarm, or met a flip that is not `checked`
    std::vector<RestrictedOutput> restricted;
    std::vector<ThresholdFlip> thresholds;  // of the filter that always acts
    // A detector fired in this layer: its gated filter (pixel_filter.h) acts on the whole output.
    bool filter_outputs = false;
    std::vector<ForcedOutput> forced;
};

}  // namespace fluence::arith
