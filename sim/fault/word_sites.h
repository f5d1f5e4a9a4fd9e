// Upsets in words that loads fetch: DRAM, weight buffer, activation buffer.
//
// A word is a value in a valid code word, right or wrong, and the bits inverted since it was written. Reads
// decode those; a load encodes what it got anew.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "sim/fault/effects.h"
#include "sim/fault/resolver.h"
#include "sim/fault/stored_values.h"
#include "sim/fault/strike.h"
#include "sim/fault/verdicts.h"

namespace fluence::fault {

class WordSites {
  public:
    WordSites(const MachineView& machine, const StoredValues& golden, Effects& effects, Verdicts& verdicts)
        : machine_(machine), golden_(golden), effects_(effects), verdicts_(verdicts) {}

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

    // The wrong bits of a DRAM word, check bits included, when the last edge of the run is `last_edge`.
    WordBits left(std::int64_t word, const std::vector<Strike>& strikes, Cycle last_edge) const;

    // What DRAM delivers wrong in cycle `cycle` of the operands of O[m,n], inside the fold. `verdicts`: null,
    // or where the reads are noted.
    std::vector<StruckOperand> operands_in_dram(std::int32_t fold, std::int64_t m, std::int64_t n,
                                                Cycle cycle, Verdicts* verdicts) const;

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
        Delivered stored;                  // the value of the code word
        WordBits latent;                   // inverted since
        Cycle scrubbed = -1;               // cycle of the scrubber's read that led to this
        protect::Signature signature = 0;  // selective ECC: of the code word
    };
    struct Read {
        Delivered delivered;
        bool corrected = false, detected = false;
        protect::Signature signature = 0;  // as the decoder took it
    };
    // A word that a load brought wrong from DRAM.
    struct WrongLoad {
        std::int32_t load = 0;
        std::int64_t dram_word = 0;
        Delivered delivered;
        protect::Signature signature = 0;
        bool placed = false;  // the buffer's word was struck as well, which took care of it
    };
    // A DRAM word with upsets.
    struct DramWord {
        std::int64_t word = 0;
        std::vector<State> states;
    };
    // Whether anything read the word (when first), and whether anything read a value of it that is wrong.
    struct Reads {
        bool word = false;
        bool wrong_value = false;
        Cycle first = std::numeric_limits<Cycle>::max();
    };

    // `dram_word`: what the word holds.
    Read decode(Memory memory, std::int64_t dram_word, const State& state) const;
    Read decode_selective(Memory memory, std::int64_t dram_word, const State& state) const;
    // The signature that a word of this contents has where nothing is wrong; 0 without selective ECC.
    protect::Signature signature_of(Memory memory, std::int64_t dram_word) const;
    // What a write of `read` leaves of its signature: the word has slots for so many parameters.
    protect::Signature kept_signature(Memory memory, std::int64_t dram_word, const Read& read) const;
    WordBits right_value(std::int64_t dram_word) const;
    // Whether nothing is stored with the data that could be struck.
    bool stores_data_alone(Memory memory, std::int64_t dram_word) const;
    // Its verdict, and what follows an error that is not corrected; what is delivered then.
    Delivered note(Memory memory, const Read& read, Cycle cycle, Verdicts& verdicts) const;
    // The states of a word in [first.from, until) under strikes and scrubbing.
    std::vector<State> history(Memory memory, std::int64_t word, std::int64_t dram_word, const State& first,
                               const std::vector<Strike>& strikes, Cycle until) const;
    void note_scrub(const State& state);
    // In [from, until) nobody reads the word; whether scrubbing corrected it. `dram_word`: what it holds, or
    // SelectiveWords::kNoWord.
    bool scrub_unread(Memory memory, std::int64_t word, std::int64_t dram_word,
                      const std::vector<Strike>& strikes, Cycle from, Cycle until);
    // The states of a buffer word are read; one whose error is found is fetched again.
    struct Outcome {
        bool read = false, wrong_value = false, wrong = false, corrected = false;
    };
    void read_states(Memory memory, std::int64_t word, const LoadedWord& content,
                     const std::vector<dataflow::Field>& fields, const State& first,
                     const std::vector<Strike>& strikes, Cycle until, Outcome& outcome);
    Delivered fetch_again(Memory memory, const LoadedWord& content, Cycle cycle);
    Delivered read_dram(std::int64_t word, Cycle cycle, Verdicts& verdicts) const;
    BitChange change_of(const dataflow::Field& field, const Delivered& delivered) const;
    void note_field(const std::vector<dataflow::Field>& fields, const WordBits& bits,
                    Resolution& result) const;
    void host_reads(const std::vector<dataflow::Field>& fields, const Delivered& delivered);

    // The word of a load lies wrong in its buffer; whatever reads it in cycles [from, until) sees that.
    Reads feed(std::int32_t load, const std::vector<dataflow::Field>& fields, const Delivered& delivered,
               Cycle from, Cycle until);
    // The same for one value; the first cycle in which it is read, the last possible one where it is not.
    Cycle feed_weight(std::int32_t load, const dataflow::Field& field, const BitChange& change, Cycle from,
                      Cycle until);
    Cycle feed_array(std::int32_t load, LayerId consumer, const dataflow::Field& field,
                     const BitChange& change, Cycle from, Cycle until);
    Cycle feed_vector_unit(std::int32_t load, const dataflow::Field& field, const BitChange& change,
                           Cycle from, Cycle until);
    void feed_parameter(LayerId layer, const dataflow::Field& field, const BitChange& change);

    const MachineView& machine_;
    const StoredValues& golden_;
    Effects& effects_;
    Verdicts& verdicts_;
    std::vector<DramWord> dram_words_;
    std::vector<WrongLoad> wrong_loads_;
    std::vector<StruckLogit> logits_;
};

}  // namespace fluence::fault
