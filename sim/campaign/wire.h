// Batch results on their way from a worker process to its parent: the same program on the same machine.
#pragma once

#include <string>

#include "sim/campaign/result_store.h"

namespace fluence::campaign {

std::string encode(const BatchResult& result);
// Throws std::runtime_error for bytes that encode() did not make.
BatchResult decode(const std::string& bytes);

}  // namespace fluence::campaign
