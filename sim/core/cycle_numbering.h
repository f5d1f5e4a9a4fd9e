// The key "first_cycle" of an accelerator file: the number of the cycle in which work begins, where a
// duration is told as the number of its last cycle (`fluence cycles`). 1, the default: the number of cycles.
// 0: one less, as SCALE-Sim, which counts from cycle 0. The machine itself does not know it.
#pragma once

#include <cstdint>
#include <string>

#include "sim/core/json.h"

namespace fluence {

std::int64_t parse_first_cycle(JsonObject& accelerator);
// Throws InputError.
std::int64_t read_first_cycle(const std::string& path);

}  // namespace fluence
