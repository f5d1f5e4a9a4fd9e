// Codes of the registers of PEs. A register's check bits, or its copies, are written with it and compared in
// every cycle, whether its value is used or not: an error is seen in the cycle in which it appears, and what
// leaves the register is the decoded value.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/core/memory.h"

namespace fluence::protect {

// What leaves a register whose stored bits are inverted where an upset says so.
struct RegisterVerdict {
    std::uint32_t residual = 0;  // data bits that are wrong in what leaves
    bool corrected = false;      // copies disagreed, or the syndrome named a bit
    bool detected = false;       // an error that the code cannot correct
};

//   none               the plain register
//   register-parity    a parity bit; detects odd numbers of wrong bits
//   register-secded    Hsiao code; corrects one, detects two
//   register-tmr, tmr  three copies and a vote, bit by bit; copies in stored order
//   dmr                two copies and a comparison
class RegisterCode {
  public:
    virtual ~RegisterCode() = default;
    virtual const char* name() const = 0;
    // Data bits first, then check bits, or the second and third copy. data_bits: 8 … 32, `none` 1 … 32.
    virtual int stored_bits(int data_bits) const = 0;
    // `error`: the inverted bits of stored_bits(). The codes are linear, so the data do not matter.
    virtual RegisterVerdict judge(const WordBits& error, int data_bits) const = 0;
    // Whether some error is detected and not corrected, so that the machine must know what to do.
    virtual bool detects() const = 0;
    // Whether the PE's arithmetic stands as often as its registers.
    virtual bool whole_pe() const = 0;
};

// Throws std::out_of_range for an unknown name.
const RegisterCode& register_code(const std::string& name);
std::vector<std::string> register_code_names();

}  // namespace fluence::protect
