// An experiment (configs/experiments/*.json): workload, accelerator, policies, fault model, sample sizes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/campaign/strata.h"
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

// Stops the campaign at the first look at which the interval of the metric is narrow enough under every
// policy.
struct StopRule {
    double half_width = 0;
    std::string metric = "sdc";  // of stop_metrics()
    int looks = 20;              // at most; the error of the intervals is spent on so many
};
struct StopMetric {
    const char* name;
    const char* property;  // SQL on the columns of `outcome`
};
const std::vector<StopMetric>& stop_metrics();  // sdc, due, sdc_or_due, accuracy

// Upsets of 10⁶ bits in 10⁹ hours, by technology; what FIT rates of structures are made of.
struct RawRates {
    double sram = 0, dram = 0, flip_flop = 0;
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
    std::string interval = "wilson";  // or clopper-pearson
    std::optional<SamplingConfig> sampling;
    std::optional<StopRule> stop;
    std::optional<RawRates> raw_fit_per_mbit;
    double self_check = 0.001;  // share of the faults that are run again in full (recheck.h)
    nlohmann::json resolved;    // everything above with defaults filled in; goes into the results
};

// Values that replace those of the file, before they are checked.
struct ExperimentOverrides {
    std::optional<std::int64_t> images, faults, seed;
};

// Throws InputError with file, key, reason and valid values.
Experiment read_experiment(const std::string& path, const ExperimentOverrides& overrides = {});

}  // namespace fluence::campaign
