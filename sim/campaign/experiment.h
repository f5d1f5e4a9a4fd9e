// An experiment (configs/experiments/*.json): workload, accelerator, policies, fault model, sample sizes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/core/accelerator_config.h"
#include "sim/core/json.h"
#include "sim/fault/sampler.h"
#include "sim/protect/policy.h"

namespace fluence::campaign {

// Either an existing bundle, or a trained network to be imported by the front end. Paths are relative to
// the data directory given on the command line (import) or to the experiment file (bundle).
struct WorkloadSpec {
    std::string bundle;             // directory; empty: import
    nlohmann::json import_request;  // read by the front end (models/import.h); null: bundle
};

struct Experiment {
    std::string file;
    std::string name;
    std::string description;
    WorkloadSpec workload;
    AcceleratorConfig accelerator;
    std::vector<protect::Policy> policies;  // names are unique
    fault::FaultModelConfig fault_model;
    std::int64_t images = 0;  // the first `images` of the bundle
    std::int64_t faults = 0;  // in all; fault i strikes image i mod images; the same for every policy
    std::uint64_t seed = 1;
    double confidence = 0.95;
    nlohmann::json resolved;  // everything above with defaults filled in; goes into the results
};

// Values that replace those of the file, before they are checked.
struct ExperimentOverrides {
    std::optional<std::int64_t> images, faults, seed;
};

// Throws InputError with file, key, reason and valid values.
Experiment read_experiment(const std::string& path, const ExperimentOverrides& overrides = {});

}  // namespace fluence::campaign
