// Selective ECC (Traiola et al.): of the parameters in a memory word only those that a plan names are
// protected, each by a Hamming code of its own; one signature bit a parameter says which, and a Hamming code
// protects the signature. Parameters are bytes: a word of W bits holds n = W/8.
//
// Cells of a stored word, by ascending bit:
//   W           the parameters
//   n + s       their signature and its check bits; s: the least with 2^s ≥ n + s + 1
//   4·slots     check bits of the protected parameters, packed: the j-th of the word (by ascending byte) has
//               the j-th slot
// A read decodes the signature first and then each parameter that it calls protected. A signature with an
// error that its code cannot correct is lost, and the word with it (it reads as zero); a parameter with such
// an error reads as zero alone. A signature that is wrong and looks right gives parameters check bits of
// others, or none. Parameters for which no slot is left are read as they are.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/core/memory.h"
#include "sim/core/units.h"

namespace fluence::protect {

inline constexpr int kParameterBits = 8;
inline constexpr int kParameterCheckBits = 4;
// One cycle for the signature and one for the parameters.
inline constexpr int kSelectiveDecodeCycles = 2;

using Signature = std::uint32_t;  // bit i: byte i of the word is protected

class SelectiveCode {
  public:
    // 8 … 128, whole bytes; throws std::out_of_range.
    explicit SelectiveCode(int data_bits);

    int parameters() const { return parameters_; }
    int signature_bits() const { return parameters_ + signature_check_bits_; }  // with check bits
    int stored_bits(int slots) const { return data_bits_ + signature_bits() + kParameterCheckBits * slots; }

    // The first `slots` ones: of a word that has no room for the others.
    static Signature fitted(Signature signature, int slots);

    // The stored word. `signature`: `slots` ones at most.
    WordBits encode(const WordBits& data, Signature signature) const;
    struct Read {
        WordBits data;
        Signature signature = 0;  // as it was taken
        bool corrected = false;   // a bit of the signature or of a parameter, or of their check bits
        bool detected = false;    // and an error that could not be corrected
    };
    Read decode(const WordBits& stored, int slots) const;

    // The signature's encoder (decoder), one of a parameter a slot, and what leads the bytes to the slots
    // (and back): a count of the ones in front of each, multiplexers.
    GateEquivalents encoder_area(int slots) const;
    GateEquivalents decoder_area(int slots) const;

  private:
    GateEquivalents slot_selection_area(int slots) const;

    int data_bits_, parameters_, signature_check_bits_;
    std::vector<std::uint32_t> columns_;  // of the signature's code
};

// What selective protection costs in memory, as shares of the parameters' own bits: m bits a parameter, r
// check bits each, `protected_share` of them protected, one signature bit each (its own code not counted).
struct SelectiveOverhead {
    double all = 0;        // r/m: every parameter protected, no signature
    double selective = 0;  // protected_share·r/m + 1/m
    double gain = 0;       // 1 − selective/all
};
SelectiveOverhead selective_overhead(double protected_share, int parameter_bits);

}  // namespace fluence::protect
