// Error-correcting codes of memory words. All are linear, so what a decoder does depends on the inverted
// bits alone, not on the data.
//
// Every code is a parity-check matrix H = [A | I]: one column of A a data bit, a unit matrix for the check
// bits. The syndrome of a word is the XOR of the columns of its ones. Zero: no error seen. A column of H:
// that bit is corrected. Anything else: an error that is detected and left as it is.
//   parity              H is one row of ones; nothing is corrected
//   sec                 Hamming: the columns of A are the integers 3, 5, 6, 7, 9 … that are no powers of two
//   secded              Hsiao: columns of odd weight, the lightest first, rows balanced (Hsiao, IBM J. R&D
//   1970) secded-exthamming   the Hamming columns with an overall parity row, in systematic form
#pragma once

#include <string>
#include <vector>

#include "sim/core/memory.h"
#include "sim/core/units.h"

namespace fluence::protect {

// Widths of data words that the codes are defined for.
inline constexpr int kMinDataBits = 8;
inline constexpr int kMaxDataBits = 128;

struct Decoded {
    WordBits residual;       // data bits that are still wrong behind the decoder
    bool corrected = false;  // the decoder changed at least one bit (of the data or of the check bits)
    bool detected = false;   // the decoder reports an error that it cannot correct
};

// What a decoder delivers for a word that was read.
struct DecodedWord {
    WordBits data;
    bool corrected = false;
    bool detected = false;
};

// What a code promises about the number of inverted bits in one word, check bits included.
struct CodeStrength {
    int corrects = 0;  // so many are corrected, wherever they are
    int detects = 0;   // so many are corrected or detected
};

// All functions throw std::out_of_range for data_bits outside kMinDataBits … kMaxDataBits.
class MemoryCode {
  public:
    virtual ~MemoryCode() = default;
    virtual const char* name() const = 0;
    virtual CodeStrength strength() const = 0;
    virtual int check_bits(int data_bits) const = 0;
    // Check bits of `data`, as bits data_bits … of the result; the data bits themselves are copied.
    virtual WordBits encode(const WordBits& data, int data_bits) const = 0;
    // Reads a stored word: check bits are computed again and compared, the syndrome is looked up.
    virtual DecodedWord decode(const WordBits& stored, int data_bits) const = 0;
    // What a read delivers for the error pattern alone: decode(encode(d) ^ error).data == d ^ residual.
    virtual Decoded decode_error(const WordBits& error, int data_bits) const = 0;
    virtual int decode_cycles() const = 0;  // latency added to a read
    virtual GateEquivalents encoder_area(int data_bits) const = 0;
    virtual GateEquivalents decoder_area(int data_bits) const = 0;
};

// "none", "parity", "sec", "secded", "secded-exthamming". Throws std::out_of_range for an unknown name.
const MemoryCode& memory_code(const std::string& name);
std::vector<std::string> memory_code_names();

}  // namespace fluence::protect
