// From a trained network to a bundle of words: fxp16, fxp32, bf16, fp32. Free of Torch.
#pragma once

#include "models/import.h"
#include "workloads/word_bundle.h"

namespace fluence::models {

// The logits of an image (words of the input tensor); made for one graph.
using WordInference = std::function<workloads::Words(const workloads::Words& image)>;
using WordInferenceMaker = std::function<WordInference(const workloads::WordGraph& graph)>;

// As import_model, in `format` (request.format is not looked at). Golden activations come from plain loops
// (workloads/word_reference.h); accuracy from what `inference` makes, whose logits must be those of the
// golden activations (std::logic_error), and from plain loops without one.
workloads::WordBundle import_words(const ImportRequest& request, workloads::WordFormat format,
                                   ImportReport& report, const std::function<void(const std::string&)>& log,
                                   const ImportProgress& progress = {},
                                   const WordInferenceMaker& inference = {});

}  // namespace fluence::models
