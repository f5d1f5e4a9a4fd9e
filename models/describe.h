// The description of a network of the registry or of a TorchScript file, without any data. Free of Torch.
#pragma once

#include <string>

#include "workloads/description.h"

namespace fluence::models {

// `model`: a network of the registry or a TorchScript file. `input`: of one image; no channels: what the
// network of the registry was made for (a file needs it). `classes`: of a network of the registry, 0: what it
// was made for. Throws InputError.
workloads::NetworkDescription describe_model(const std::string& model, const workloads::Shape& input,
                                             int classes);

}  // namespace fluence::models
