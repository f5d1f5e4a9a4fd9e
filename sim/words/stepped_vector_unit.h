// The vector unit of a machine of words, element by element: an output is computed in the cycle in which its
// accumulator or its operands are read, and waits for its word's store.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "sim/words/coded_memory.h"
#include "sim/words/layer_arithmetic.h"
#include "sim/words/stepped_memory.h"
#include "sim/words/stepped_script.h"

namespace fluence::words {

class SteppedVectorUnit {
  public:
    // Keeps references to its arguments.
    SteppedVectorUnit(const SteppedScript& script, CodedMemory& activations, CodedMemory& sums);

    // The next cycle in which something is read; kNever.
    Cycle next() const;
    void cycle(Cycle t);

    // A word of a layer's parameter region, by its DRAM word.
    void load_parameters(std::int64_t dram_word, WideBits data);
    // Finished outputs, by the DRAM word of their tensor.
    const SteppedMemory& finished() const { return registers_; }

  private:
    struct Running {
        const traces::VectorPass* pass = nullptr;
        std::int64_t element = 0;  // the next one
        std::vector<std::uint32_t> hints;
    };
    void begin_passes(Cycle t);
    void parse_parameters(LayerId layer);
    // Where the pass's element stands in the layer's output.
    std::int64_t flat_element(const traces::VectorPass& pass, std::int64_t element) const;
    void compute(Cycle t, Running& running);

    const SteppedScript& script_;
    CodedMemory& activations_;
    CodedMemory& sums_;
    std::vector<const traces::VectorPass*> passes_;  // in the order in which they begin
    std::size_t next_pass_ = 0;
    std::vector<Running> running_;
    SteppedMemory registers_;   // parameters and outputs, at their DRAM words
    std::vector<bool> parsed_;  // by layer
    std::unique_ptr<LayerArithmetic> arithmetic_;
};

}  // namespace fluence::words
