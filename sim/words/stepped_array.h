// The register-true array of words between its buffers. Operands are read in the cycle in front of the edge
// at which the array samples them, old sums in the cycle in which new ones are handed over, and so many
// cycles earlier as their decoders take.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/array/word_array.h"
#include "sim/array/word_pe.h"
#include "sim/words/coded_memory.h"
#include "sim/words/stepped_script.h"

namespace fluence::words {

class SteppedArray : private array::WordBoundary {
  public:
    // Keeps references to its arguments.
    SteppedArray(const SteppedScript& script, CodedMemory& weights, CodedMemory& activations,
                 CodedMemory& sums);

    // The next edge at which something moves; kNever.
    Cycle next() const;
    // To be called for every cycle in which the machine is driven, so that the array
    // knows when bits were inverted.
    void edge(Cycle t);
    void flip(traces::SiteKind bank, std::int64_t unit, WideBits mask) { array_.flip(bank, unit, mask); }

  private:
    void row_operands(std::int32_t fold, std::int64_t step, int first, int last,
                      std::uint32_t* values) override;
    void column_operands(std::int32_t fold, std::int64_t step, int first, int last,
                         std::uint32_t* values) override;
    void stationary_row(std::int32_t fold, int row, std::uint32_t* values) override;
    void result(std::int32_t fold, std::int64_t step, int row, int col, WideBits sum) override;

    const traces::Fold& fold_at(std::int32_t index) const {
        return script_.timeline.folds[static_cast<std::size_t>(index)];
    }
    // value(step, lane) for the lanes that the fold feeds at an edge, 0 for the others.
    template <class Value>
    void feed(const traces::Fold& fold, int used, std::int64_t step, int first, int last,
              std::uint32_t* values, const Value& value) const;
    // A[m,k] and B[k,n] out of the buffers; m, k, n count inside the fold.
    Word activation(const traces::Fold& fold, std::int64_t m, std::int64_t k);
    Word weight(const traces::Fold& fold, std::int64_t k, std::int64_t n);

    const SteppedScript& script_;
    CodedMemory& weights_;
    CodedMemory& activations_;
    CodedMemory& sums_;
    array::WordPe pe_;
    array::WordArray array_;
    Cycle now_ = -1;                                              // the last edge driven
    std::int32_t next_fold_ = 0;                                  // the first that is not in the array yet
    std::vector<std::uint32_t> activation_hints_, weight_hints_;  // of LoadedWords, by k
};

}  // namespace fluence::words
