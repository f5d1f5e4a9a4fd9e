// From a trained network to a bundle of words: fxp16, fxp32, bf16, fp32. Free of Torch.
#pragma once

#include "models/import.h"
#include "workloads/word_bundle.h"

namespace fluence::models {

// As import_model, in `format` (request.format is not looked at). Accuracy and golden activations come from
// plain loops (workloads/word_reference.h).
workloads::WordBundle import_words(const ImportRequest& request, workloads::WordFormat format,
                                   ImportReport& report, const std::function<void(const std::string&)>& log,
                                   const ImportProgress& progress = {});

}  // namespace fluence::models
