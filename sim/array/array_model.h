// A PE array in which every register is real state, moved one clock edge at a time. No closed form here: what
// an upset does follows from the struck bit alone. The feeders' and collectors' timing is
// dataflow::SpaceTimeMap's; sim/accel wraps a model in a SystemC module between the buffers.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "sim/core/accelerator_config.h"
#include "sim/dataflow/registers.h"
#include "traces/timeline.h"

namespace fluence::array {

using traces::Cycle;

// The world outside the array. All positions count inside the fold; `fold` is the number given to enqueue().
// Operands are codes; the array keeps their low `operand_bits` bits.
class Boundary {
  public:
    virtual ~Boundary() = default;
    // Row operands that the array samples at this edge: values[r] for the lanes r in [first, last); lane r's
    // belongs to step `step` − r of the fold (0 for steps outside 0 … T−1, and for unused rows). With
    // internal skew all lanes belong to step `step`.
    virtual void row_operands(std::int32_t fold, std::int64_t step, int first, int last,
                              std::int32_t* values) = 0;
    // Output stationary: the same for the columns' operands.
    virtual void column_operands(std::int32_t fold, std::int64_t step, int first, int last,
                                 std::int32_t* values) = 0;
    // Stationary row `row` of a fold, C values (0 for unused rows and columns), as it enters the chain.
    virtual void stationary_row(std::int32_t fold, int row, std::int32_t* values) = 0;
    // A sum that is handed to the output buffer in the cycle that the next edge ends, sign-extended from its
    // register: step t and column c of a stationary fold (row 0), or row and column of an output-stationary
    // one (step T−1).
    virtual void result(std::int32_t fold, std::int64_t step, int row, int col, std::int32_t sum) = 0;
};

// How the multipliers read the activations of a fold. 8-bit registers hold the raw code, so that u8 and s8
// look alike in them; wider ones hold the code sign-extended and always read as signed. Weights are signed.
enum class ActivationCodes { signed_codes, unsigned_codes };

class ArrayModel {
  public:
    virtual ~ArrayModel() = default;

    // The folds in the order in which they stream, with `preload` and `stream` set as SpaceTimeMap's rules
    // allow; a fold must be known before edge `preload`. Numbers ascend.
    virtual void enqueue(std::int32_t fold, const traces::Fold& times, ActivationCodes activations) = 0;
    // Moves every register over edge t and hands over the sums of cycle t − 1 (Boundary::result). Edges come
    // in order, 0, 1, 2 …; a stretch in which no fold is in the array may be passed over by the caller only
    // if idle() holds.
    virtual void edge(Cycle t, Boundary& boundary) = 0;
    // Nothing moves at the coming edges until the next fold enters.
    virtual bool idle() const = 0;

    // Registers as raw bits; banks and units as dataflow::register_banks() counts them. Throw
    // std::out_of_range.
    virtual std::uint32_t read(traces::SiteKind bank, std::int64_t unit) const = 0;
    virtual void flip(traces::SiteKind bank, std::int64_t unit, std::uint32_t mask) = 0;
};

// The model of a machine's conventions.
std::unique_ptr<ArrayModel> make_array(const ArrayConfig& config);

}  // namespace fluence::array
