// Inference in any number format, with faults in stored values: weights and layer outputs. No machine: what
// upsets in its registers do is sim/fault's business, and that of the integer Engine (engine.h).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "workloads/word_graph.h"

namespace fluence::arith {

using workloads::Word;
using workloads::Words;

enum class ValueTarget { weight, output };

// A stored value reads as `word` while its layer runs (weight), or from its layer on (output). The last of
// several faults of one value counts.
struct ValueFault {
    LayerId layer{};
    ValueTarget target = ValueTarget::output;
    std::int64_t index = 0;  // flat element of the layer's weights or of its output
    Word word = 0;
};

// One inference with faults, against the golden one of the same image. Everything is compared by its bits.
struct ValueRun {
    bool changed_logits = false;
    Words logits;                           // empty unless changed
    std::int32_t first_changed_layer = -1;  // with a changed output; −1: none
    std::int32_t last_changed_layer = -1;
    std::int64_t changed_values = 0;  // outputs of all layers together (flatten not counted)
};

class ValueEngine {
  public:
    virtual ~ValueEngine() = default;
    ValueEngine() = default;
    ValueEngine(const ValueEngine&) = delete;
    ValueEngine& operator=(const ValueEngine&) = delete;

    // Names, shapes and windows of the layers.
    virtual const workloads::Graph& structure() const = 0;
    // Bits of a word of a layer's weights, of a layer's output.
    virtual int weight_bits() const = 0;
    virtual int output_bits(LayerId layer) const = 0;
    virtual Word weight(LayerId layer, std::int64_t index) const = 0;
    // The number that a word of a tensor stands for; NaN and infinities where the format has them.
    virtual double value(TensorId tensor, Word word) const = 0;
    // The nearest word, ties to even, saturated where the format does.
    virtual Word nearest(TensorId tensor, double value) const = 0;

    // Fault-free inference of an image (words of the input tensor); propagate() refers to the last one.
    // Throws std::invalid_argument for another number of words.
    virtual void load(const Words& image) = 0;
    virtual Words golden(TensorId tensor) const = 0;
    // The exact result with faults: only what changes is computed. Throws std::invalid_argument for faults
    // that the graph does not have.
    virtual ValueRun propagate(const std::vector<ValueFault>& faults) = 0;
};

// The engine of a graph of words (fxp16, fxp32, fp32, bf16), and of an integer one (int8, fxp8), where a
// fault of a weight must be the only one. They copy the graph.
std::unique_ptr<ValueEngine> make_value_engine(const workloads::WordGraph& graph);
std::unique_ptr<ValueEngine> make_value_engine(const workloads::Graph& graph);

// Index of the largest logit, the lowest of equal ones; NaN is never the largest; −1 where all are NaN.
std::int32_t top1(const ValueEngine& engine, const Words& logits);

}  // namespace fluence::arith
