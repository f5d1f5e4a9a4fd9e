// The vector unit of a machine of words, element by element: accumulators or operands that are read move
// through the registers of its pipeline (dataflow/vector_pipeline.h), and finished words wait for their
// store.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "sim/dataflow/vector_pipeline.h"
#include "sim/words/coded_memory.h"
#include "sim/words/layer_arithmetic.h"
#include "sim/words/stepped_memory.h"
#include "sim/words/stepped_script.h"

namespace fluence::words {

class SteppedVectorUnit {
  public:
    // Keeps references to its arguments.
    SteppedVectorUnit(const SteppedScript& script, CodedMemory& activations, CodedMemory& sums);

    // The next cycle in which something is read or moves; kNever.
    Cycle next() const;
    // Registers move, with the parameters as they are in front of the edge.
    void edge(Cycle t);
    void cycle(Cycle t);

    // A word of a layer's parameter region, by its DRAM word.
    void load_parameters(std::int64_t dram_word, WideBits data);
    // Finished outputs, by the DRAM word of their tensor.
    const SteppedMemory& finished() const { return finished_; }
    // Inverts bits behind the last edge. Throws std::out_of_range for registers and bits that it does not
    // have.
    void flip_pipeline(std::int64_t unit, WideBits mask);
    void flip_parameter(std::int64_t word, WideBits mask);

  private:
    struct Running {
        const traces::VectorPass* pass = nullptr;
        std::int64_t element = 0;  // the next one
        std::vector<std::uint32_t> hints;
    };
    // The registers of a stage: elements that were read in one cycle, on their way.
    struct Packet {
        const traces::VectorPass* pass = nullptr;
        std::int64_t first = 0;  // element, in lane 0
        Cycle arrival = 0;       // edge of stage 0
        StageHolds holds = StageHolds::operand;
        std::vector<WideBits> values;  // by lane
    };
    void begin_passes(Cycle t);
    void use_parameters_of(LayerId layer);
    // Where the pass's element stands in the layer's output.
    std::int64_t flat_element(const traces::VectorPass& pass, std::int64_t element) const;
    WideBits read(Cycle t, Running& running);
    // Into a stage; behind the last one elements leave.
    void advance(Packet& packet, int stage);

    const SteppedScript& script_;
    CodedMemory& activations_;
    CodedMemory& sums_;
    std::vector<const traces::VectorPass*> passes_;  // in the order in which they begin
    std::size_t next_pass_ = 0;
    std::vector<Running> running_;
    const dataflow::VectorPipeline pipeline_;
    std::deque<Packet> packets_;
    Cycle edge_ = -1;                // the last one
    SteppedMemory finished_;         // outputs, at their DRAM words
    SteppedMemory parameters_;       // as the last layers' loads left them
    std::optional<LayerId> parsed_;  // whose they are in `arithmetic_`
    std::unique_ptr<LayerArithmetic> arithmetic_;
};

}  // namespace fluence::words
