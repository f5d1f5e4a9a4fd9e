// What the vector unit of a machine of words computes, one output at a time, with the parameters that it
// loaded.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

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
    // conv, linear: the output of a channel, from its accumulator.
    virtual Word finish(std::size_t layer, std::int64_t channel, WideBits stored) const = 0;
    // Others: flat output element; operand(input, flat element of it) reads a word.
    using Operand = std::function<Word(std::size_t, std::int64_t)>;
    virtual Word combine(std::size_t layer, std::int64_t element, const Operand& operand) const = 0;
};

// Keeps a reference.
std::unique_ptr<LayerArithmetic> make_layer_arithmetic(const workloads::WordGraph& graph);

}  // namespace fluence::words
