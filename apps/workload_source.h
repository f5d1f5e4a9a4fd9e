// The workload of an experiment: an existing bundle, or a trained network that is imported once and kept.
#pragma once

#include <string>

#include "sim/campaign/experiment.h"
#include "workloads/bundle.h"

namespace fluence::apps {

// `data`: the folder that the paths of an import request are relative to; empty where none was given.
// `cache`: folder for the imported bundle; it is used again until the request or the model file changes.
// Throws InputError, FrontEndFailed.
workloads::Bundle load_workload(const campaign::Experiment& experiment, const std::string& data,
                                const std::string& cache);

}  // namespace fluence::apps
