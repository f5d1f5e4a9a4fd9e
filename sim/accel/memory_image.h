// The contents of DRAM: what the host puts there before an inference, and the tensors it finds afterwards.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/accel/workload.h"

namespace fluence::accel {

// All words of the memory map, data bytes alone: weights, parameters and the input's codes; the rest 0.
// Throws InputError where `image` has not the size of the input.
std::vector<std::uint8_t> memory_image(const Workload& workload, const workloads::Codes& image);

// A code of an activation tensor where its bytes begin.
std::int32_t code_at(const std::uint8_t* bytes, workloads::NumberFormat format);

// The codes of every tensor in such words.
std::vector<workloads::Codes> tensors_in(const Workload& workload, const std::vector<std::uint8_t>& words);

}  // namespace fluence::accel
