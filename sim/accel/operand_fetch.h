// Reads the array's operands in the cycles that dataflow::SpaceTimeMap names, `decode` cycles ahead of the
// edge at which the array samples them, and holds them until then.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "sim/accel/operand_source.h"
#include "sim/accel/script.h"
#include "sim/accel/word_access.h"

namespace fluence::accel {

// Operands on their way: a row of lanes for each edge to come.
class OperandLatch {
  public:
    OperandLatch(int lanes, int decode)
        : lanes_(static_cast<std::size_t>(lanes)),
          edges_(static_cast<std::size_t>(decode) + 1),
          values_(lanes_ * edges_) {}
    // What the lanes hold for the array to sample at edge t; good from cycle t − 1 − decode on.
    std::int32_t* at(Cycle t) { return values_.data() + static_cast<std::size_t>(t) % edges_ * lanes_; }

  private:
    std::size_t lanes_, edges_;
    std::vector<std::int32_t> values_;
};

class OperandFetch {
  public:
    // Keeps references to its arguments.
    OperandFetch(const Script& script, WordAccess& weights, WordAccess& activations);

    // The reads of cycle t; cycles in order.
    void read(Cycle t);
    // For the edge t behind the last cycle read. `fold` counts in the timeline; as array::Boundary says.
    void row_operands(Cycle t, std::int32_t fold, std::int64_t step, int first, int last,
                      std::int32_t* values);
    void column_operands(Cycle t, std::int32_t fold, std::int64_t step, int first, int last,
                         std::int32_t* values);
    void stationary_row(Cycle t, std::int32_t fold, int row, std::int32_t* values);
    // The first cycle in which something of the fold is read.
    Cycle first_read(const traces::Fold& fold) const;

  private:
    // The operands that one fold streams into rows or columns.
    struct Stream {
        std::int32_t fold = -1;
        ActivationSource activations;
        WeightSource weights;
        explicit Stream(const Script& script) : activations(script), weights(script) {}
    };
    Stream& stream_of(std::int32_t fold);
    void read_stationary(Cycle t);
    void read_streams(Cycle t);
    void read_rows(Cycle edge, const traces::Fold& fold, Stream& stream);
    void read_columns(Cycle edge, const traces::Fold& fold, Stream& stream);
    // Lane `lane`'s step of the fold at edge t.
    std::int64_t step_at(Cycle t, const traces::Fold& fold, int lane) const;
    void hand_out(OperandLatch& latch, Cycle t, const traces::Fold& fold, int used, std::int64_t step,
                  int first, int last, std::int32_t* values) const;

    const Script& script_;
    WordAccess& weights_;
    WordAccess& activations_;
    const ArrayConfig& array_;
    Memory row_memory_, stationary_memory_;
    int row_decode_, column_decode_, stationary_decode_;
    bool internal_skew_;
    FoldWindow stationary_window_, stream_window_;
    WeightSource stationary_weights_;
    ActivationSource stationary_activations_;
    std::int32_t stationary_fold_ = -1;
    std::deque<Stream> streams_;  // of the folds that stream, and spare ones
    OperandLatch rows_, columns_, stationary_;
};

}  // namespace fluence::accel
