// Upsets in words that loads fetch: DRAM, weight buffer, activation buffer.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/fault/effects.h"
#include "sim/fault/resolver.h"

namespace fluence::fault {

class WordSites {
  public:
    WordSites(const MachineView& machine, Effects& effects) : machine_(machine), effects_(effects) {}

    // `bits`: data bits, then check bits, none of them absent. Fill `result` but for its faults.
    void buffer(Memory memory, std::int64_t word, Cycle cycle, const WordBits& bits, Resolution& result);
    void dram(std::int64_t word, Cycle cycle, const WordBits& bits, Resolution& result);

  private:
    // What reads of the struck word deliver.
    struct Delivered {
        bool zero = false;  // detected and not corrected: the whole word reads as zero
        WordBits residual;  // otherwise: data bits that are still wrong
        bool corrected = false;
        bool wrong() const { return zero || residual.any(); }
    };
    Delivered decode(Memory memory, const WordBits& bits, int data_bits) const;
    std::uint32_t stored_bits(const dataflow::Field& field) const;
    std::uint32_t delivered_bits(const dataflow::Field& field, const Delivered& delivered) const;
    void note_field(const std::vector<dataflow::Field>& fields, const WordBits& bits,
                    Resolution& result) const;

    // Whether anything read the word, and whether anything read a value of it that is wrong.
    struct Reads {
        bool word = false;
        bool wrong_value = false;
    };
    // The word of a load lies wrong in its buffer; whatever reads it in cycle `from` or later sees that.
    Reads feed(std::int32_t load, const std::vector<dataflow::Field>& fields, const Delivered& delivered,
               Cycle from);
    // The same for one value; true where it is read.
    bool feed_weight(std::int32_t load, const dataflow::Field& field, const Delivered& delivered, Cycle from);
    bool feed_array(std::int32_t load, LayerId consumer, const dataflow::Field& field,
                    const Delivered& delivered, Cycle from);
    bool feed_vector_unit(std::int32_t load, const dataflow::Field& field, const Delivered& delivered,
                          Cycle from);
    void feed_parameter(LayerId layer, const dataflow::Field& field, const Delivered& delivered);
    // The host takes the logits out of DRAM when the run is over. Returns the layer that made them.
    std::int32_t host_reads(const std::vector<dataflow::Field>& fields, const Delivered& delivered);

    const MachineView& machine_;
    Effects& effects_;
};

}  // namespace fluence::fault
