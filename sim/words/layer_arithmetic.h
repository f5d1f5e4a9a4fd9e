// What the vector unit of a machine of words computes, one output and one step of its pipeline at a time,
// with the parameters that it loaded. Registers are raw bits (dataflow/vector_pipeline.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "sim/core/stage_holds.h"
#include "sim/core/wide_bits.h"
#include "workloads/word_graph.h"

namespace fluence::words {

using workloads::Word;
using workloads::Words;

class LayerArithmetic {
  public:
    virtual ~LayerArithmetic() = default;

    // The parameter registers of a layer: bias words, and shifts in the order of
    // workloads::stored_structure().
    virtual void load(std::size_t layer, Words bias, const std::vector<std::int8_t>& shifts) = 0;
    // Layers without MACs: what comes into the pipeline of a flat output element; read(input, flat element of
    // it) reads a word.
    using Read = std::function<Word(std::size_t, std::int64_t)>;
    virtual WideBits operand(std::size_t layer, std::int64_t element, const Read& read) const = 0;
    // From a stage that holds `from` to one that holds `to`, behind it.
    virtual WideBits advanced(std::size_t layer, std::int64_t element, StageHolds from, StageHolds to,
                              WideBits bits) const = 0;
};

// Keeps a reference.
std::unique_ptr<LayerArithmetic> make_layer_arithmetic(const workloads::WordGraph& graph);

}  // namespace fluence::words
