// Images as batches of Torch tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "models/import.h"
#include "workloads/dataset.h"

namespace fluence::models {

// The mean and deviation of every channel, defaults filled in. Throws InputError where their number is not
// that of the channels.
Preprocessing complete(const Preprocessing& given, int channels);

// Whether no preprocessed pixel is below 0.
bool non_negative(const Preprocessing& given, int channels);

// Images first … first+count−1 as fp32, preprocessed: count × channels × height × width.
at::Tensor preprocessed(const workloads::Dataset& data, std::int64_t first, std::int64_t count,
                        const Preprocessing& preprocessing);

std::vector<std::int32_t> labels(const workloads::Dataset& data, std::int64_t first, std::int64_t count);

}  // namespace fluence::models
