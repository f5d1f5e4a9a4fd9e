// The words of one memory under selective ECC (sim/protect/selective_code.h), for its codec.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/accel/workload.h"
#include "sim/protect/selective_code.h"

namespace fluence::accel {

class SelectiveMemory {
  public:
    // DRAM, where the words that hold weights are coded with the signatures of the plan, or the weight
    // buffer, where all words are, with the signatures that come with them.
    SelectiveMemory(const Workload& workload, Memory memory);

    std::int64_t stored_bytes() const { return (code_.stored_bits(most_slots_) + 7) / 8; }
    // Cells that a word has, in bits.
    int cells(std::int64_t word) const;

    struct Verdict {
        bool corrected = false, detected = false;
        protect::Signature signature = 0;
    };
    // `signature`: what comes with the word; DRAM has its own. Cells that the word does not have are 0.
    void encode(std::int64_t word, protect::Signature signature, const std::uint8_t* data,
                std::uint8_t* stored) const;
    Verdict decode(std::int64_t word, const std::uint8_t* stored, std::uint8_t* data) const;
    // What a scrubber writes back of a word that it read as `data` with that signature, right or wrong.
    void encode_again(std::int64_t word, protect::Signature signature, const std::uint8_t* data,
                      std::uint8_t* stored) const;

  private:
    struct Word {
        bool coded = false;
        protect::Signature signature = 0;
    };
    Word word_of(std::int64_t word) const;
    int slots(std::int64_t word) const;

    protect::SelectiveCode code_;
    int data_bits_;
    int most_slots_;
    std::vector<Word> dram_;  // by word; empty for the weight buffer
};

}  // namespace fluence::accel
