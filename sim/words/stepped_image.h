// The contents of DRAM of a machine of words: what the host puts there before an inference, and what it finds
// behind it.
#pragma once

#include <functional>

#include "sim/words/stepped_memory.h"
#include "sim/words/stepped_script.h"

namespace fluence::words {

// Writes weights, biases, shifts and the words of the input to where the memory map says; `dram` holds zeros.
// Throws InputError where `image` has not the size of the input.
void put_image(const SteppedScript& script, const Words& image, SteppedMemory& dram);

// A tensor's words, by its layout in DRAM: read(first byte, bytes).
using ReadBytes = std::function<WideBits(std::int64_t, int)>;
Words words_of(const SteppedScript& script, TensorId tensor, const ReadBytes& read);

}  // namespace fluence::words
