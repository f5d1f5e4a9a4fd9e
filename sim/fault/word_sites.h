// Upsets in words that loads fetch: DRAM, weight buffer, activation buffer.
//
// A word is a value in a valid code word, right or wrong, and the bits inverted since it was written. Reads
// decode those; a load encodes what it got anew.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/fault/effects.h"
#include "sim/fault/resolver.h"
#include "sim/fault/strike.h"

namespace fluence::fault {

class WordSites {
  public:
    WordSites(const MachineView& machine, const arith::GoldenRun& golden, Effects& effects)
        : machine_(machine), golden_(golden), effects_(effects) {}

    // `strikes`: of one word, by ascending cycle. All DRAM words come before all words of buffers, then
    // finish() once. They fill `result` but for its faults.
    void dram(std::int64_t word, const std::vector<Strike>& strikes, Resolution& result);
    void buffer(Memory memory, std::int64_t word, const std::vector<Strike>& strikes, Resolution& result);
    void finish(Resolution& result);

    // What the host reads wrong of the logits, when the run is over.
    struct StruckLogit {
        std::int64_t element = 0;
        BitChange change;
    };
    const std::vector<StruckLogit>& logits() const { return logits_; }

  private:
    // What reads of a word deliver: of the right value all bits or none, and some of them inverted.
    struct Delivered {
        bool zero = false;
        WordBits residual;
        bool wrong() const { return zero || residual.any(); }
    };
    // A word from one change of it to the next one.
    struct State {
        Cycle from = 0;
        Delivered stored;  // the value of the code word
        WordBits latent;   // inverted since
    };
    struct Read {
        Delivered delivered;
        bool corrected = false, detected = false;
    };
    // A word that a load brought wrong from DRAM.
    struct WrongLoad {
        std::int32_t load = 0;
        std::int64_t dram_word = 0;
        Delivered delivered;
        bool placed = false;  // the buffer's word was struck as well, which took care of it
    };
    // Whether anything read the word, and whether anything read a value of it that is wrong.
    struct Reads {
        bool word = false;
        bool wrong_value = false;
    };

    Read decode(Memory memory, const State& state) const;
    // The states of a word in [first.from, until) under the strikes in that time.
    std::vector<State> history(const State& first, const std::vector<Strike>& strikes, Cycle until) const;
    std::uint32_t stored_bits(const dataflow::Field& field) const;
    BitChange change_of(const dataflow::Field& field, const Delivered& delivered) const;
    void note_field(const std::vector<dataflow::Field>& fields, const WordBits& bits,
                    Resolution& result) const;
    void host_reads(const std::vector<dataflow::Field>& fields, const Delivered& delivered);

    // The word of a load lies wrong in its buffer; whatever reads it in cycles [from, until) sees that.
    Reads feed(std::int32_t load, const std::vector<dataflow::Field>& fields, const Delivered& delivered,
               Cycle from, Cycle until);
    // The same for one value; true where it is read.
    bool feed_weight(std::int32_t load, const dataflow::Field& field, const BitChange& change, Cycle from,
                     Cycle until);
    bool feed_array(std::int32_t load, LayerId consumer, const dataflow::Field& field,
                    const BitChange& change, Cycle from, Cycle until);
    bool feed_vector_unit(std::int32_t load, const dataflow::Field& field, const BitChange& change,
                          Cycle from, Cycle until);
    void feed_parameter(LayerId layer, const dataflow::Field& field, const BitChange& change);

    const MachineView& machine_;
    const arith::GoldenRun& golden_;
    Effects& effects_;
    std::vector<WrongLoad> wrong_loads_;
    std::vector<StruckLogit> logits_;
};

}  // namespace fluence::fault
