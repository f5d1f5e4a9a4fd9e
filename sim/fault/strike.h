// One upset of a memory word, as far as the word has the bits.
#pragma once

#include "sim/core/memory.h"
#include "traces/timeline.h"

namespace fluence::fault {

struct Strike {
    traces::Cycle cycle = 0;
    WordBits bits;  // data bits, then check bits, none of them absent
};

}  // namespace fluence::fault
