// What the policy's codes make of an upset in a PE register.
#pragma once

#include <cstdint>

#include "sim/fault/machine_view.h"
#include "sim/fault/resolver.h"
#include "sim/fault/verdicts.h"

namespace fluence::fault {

// `bits`: the inverted ones of the stored bits. Returns those that are wrong in what leaves the register, and
// says in `result` why there are none. Registers without a code: all.
std::uint32_t judge_register(const MachineView& machine, const Upset& upset, const WordBits& bits,
                             Verdicts& verdicts, Resolution& result);

// A wrong MAC output of a layer. Where whole PEs stand more than once, one copy's is wrong: the others
// outvote it, or the difference is detected in the last cycle of the output's last fold. Returns whether it
// is so.
bool judge_mac_output(const MachineView& machine, LayerId layer, std::int64_t element, Verdicts& verdicts,
                      Resolution& result);

}  // namespace fluence::fault
