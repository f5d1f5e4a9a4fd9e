// Error-correcting codes of memory words. All are linear, so what a decoder does depends on the inverted
// bits alone, not on the data.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sim/core/memory.h"
#include "sim/core/units.h"

namespace fluence::protect {

struct Decoded {
    WordBits residual;       // data bits that are still wrong behind the decoder
    bool corrected = false;  // the decoder changed at least one bit
    bool detected = false;   // the decoder reports an error that it cannot correct
};

class MemoryCode {
  public:
    virtual ~MemoryCode() = default;
    virtual const char* name() const = 0;
    virtual int check_bits(int data_bits) const = 0;
    // Check bits of `data`, as bits data_bits … of the result; the data bits themselves are copied.
    virtual WordBits encode(const WordBits& data, int data_bits) const = 0;
    // What a read delivers for a stored word, and for the error pattern alone (equal by linearity).
    virtual Decoded decode_error(const WordBits& error, int data_bits) const = 0;
    virtual int decode_cycles() const = 0;  // latency added to a read
    virtual GateEquivalents encoder_area(int data_bits) const = 0;
    virtual GateEquivalents decoder_area(int data_bits) const = 0;
};

// "none", "parity", "sec" (Hamming), "secded" (Hsiao). Throws std::out_of_range for an unknown name.
const MemoryCode& memory_code(const std::string& name);
std::vector<std::string> memory_code_names();

}  // namespace fluence::protect
