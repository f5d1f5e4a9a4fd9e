// Inference of a graph of words as a machine of words executes it: in the machine's order of sums, and with
// what upsets do to the execution of its layers.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "sim/arith/value_engine.h"
#include "sim/core/stage_holds.h"
#include "sim/core/wide_bits.h"

namespace fluence::arith {

// The order in which an array adds the products of a layer: each fold's from zero with k ascending, padding
// and all, then the folds' sums, then the bias. It matters for floats; sums of fixed point must not reach
// the ends of the machine's registers where nothing is struck.
struct MachineOrder {
    // By layer: the ends of its folds in the reduction k, ascending, the last one K; empty without MACs.
    std::vector<std::vector<std::int64_t>> fold_ends;
};

// What is wrong in one layer's execution.
struct WordLayerFault {
    // conv, linear: the sum of products of an output, as the output buffer stores it (raw bits).
    struct Total {
        std::int64_t element = 0;
        WideBits bits = 0;
    };
    // Layers without MACs: element `element` of input `input` reads as `word` by the outputs in
    // [first_output, last_output).
    struct Read {
        std::int32_t input = 0;
        std::int64_t element = 0;
        Word word = 0;
        std::int64_t first_output = 0, last_output = 0;
    };
    // A parameter of the layer: a bias word by channel, or a shift (8 bits, two's complement) in the order of
    // workloads::stored_structure().
    struct Parameter {
        bool shift = false;
        std::int64_t index = 0;
        Word word = 0;
    };
    // Bits that are inverted in what the vector unit holds of an output on its way, by StageHolds.
    struct Held {
        std::int64_t element = 0;
        std::array<WideBits, kStageHoldsCount> inverted{};
    };
    // Parameters that are others for these outputs than for the layer.
    struct Used {
        std::vector<Parameter> parameters;
        std::vector<std::int64_t> elements;
    };
    // A finished output reads as (word & keep) ^ flip.
    struct Output {
        std::int64_t element = 0;
        Word keep = ~Word{0}, flip = 0;
    };
    std::vector<Total> totals;
    std::vector<Read> reads;
    std::vector<Parameter> parameters;
    std::vector<Held> held;       // each output once
    std::vector<Used> used;       // likewise
    std::vector<Output> outputs;  // behind everything else
};

class WordValues : public ValueEngine {
  public:
    using ValueEngine::propagate;

    // The exact result of an inference in which the layers `struck` (ascending) suffer what `strike` says,
    // asked in their order; now() is then what the layers in front of it left.
    // `visit`: if given, called behind every layer whose output changed, with its changed elements.
    using Strike = std::function<WordLayerFault(LayerId)>;
    using Visit = std::function<void(LayerId, const std::vector<std::int64_t>&)>;
    virtual ValueRun propagate(const std::vector<LayerId>& struck, const Strike& strike,
                               const Visit& visit = {}) = 0;

    // An element of a tensor in the fault-free run, and in the struck one, inside `strike` and `visit`.
    virtual Word golden_word(TensorId tensor, std::int64_t element) const = 0;
    virtual Word now(TensorId tensor, std::int64_t element) const = 0;
    // What the vector unit holds of an output on its way, in the fault-free run (raw bits,
    // dataflow/vector_pipeline.h). Not inside `strike`.
    virtual WideBits held(LayerId layer, std::int64_t element, StageHolds what) = 0;
};

// Without an order: that of docs/formats-numbers.md. Copies the graph.
std::unique_ptr<WordValues> make_word_values(const workloads::WordGraph& graph,
                                             const MachineOrder& order = {});

}  // namespace fluence::arith
