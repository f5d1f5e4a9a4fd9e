#include "sim/campaign/experiment.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <set>

#include "sim/campaign/outcome.h"
#include "sim/core/config_search.h"
#include "sim/core/error.h"
#include "sim/core/text.h"

namespace fluence::campaign {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMaxFaults = 1'000'000'000'000;
constexpr std::int64_t kMaxImages = std::numeric_limits<std::int32_t>::max();

void override_value(nlohmann::json& root, const char* key, const std::optional<std::int64_t>& value) {
    if (value) {
        root[key] = *value;
    }
}

// The name becomes a folder of the results.
std::string parse_name(JsonObject& root) {
    std::string name = root.text("name");
    const std::string valid = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-";
    if (name.empty() || name[0] == '.' || name.find_first_not_of(valid) != std::string::npos) {
        root.fail("name", "is \"" + name + "\", which is no name for a folder",
                  "letters, digits, and . _ + - behind the first");
    }
    return name;
}

std::string find_bundle(JsonObject& workload) {
    const fs::path given = workload.text("bundle");
    for (const fs::path& folder : {fs::path(workload.file()).parent_path(), fs::path(home_directory())}) {
        const fs::path candidate = folder / given;  // an absolute path stays as it is
        std::error_code ignored;
        if (fs::is_regular_file(candidate / "workload.json", ignored)) {
            return candidate.string();
        }
    }
    workload.fail("bundle", "there is no bundle \"" + given.string() + "\"",
                  "a directory with workload.json, relative to this file or to " + home_directory());
}

WorkloadSpec parse_workload(JsonObject& root) {
    JsonObject workload = root.object("workload");
    WorkloadSpec spec;
    const bool bundle = workload.has("bundle");
    const bool import = workload.has("import");
    workload.finish();
    if (bundle == import) {
        root.fail("workload", std::string(bundle ? "has both" : "has neither") + " of bundle and import",
                  "one of them");
    }
    if (bundle) {
        spec.bundle = find_bundle(workload);
    } else {
        workload.object("import");  // the front end checks its keys
        spec.import_request = workload.raw("import");
    }
    return spec;
}

std::vector<protect::Policy> parse_policies(JsonObject& root) {
    std::vector<protect::Policy> policies;
    std::set<std::string> names;
    for (const std::string& name : root.text_list("policies")) {
        policies.push_back(
            protect::load_policy(find_config("policies", name, root.file(), root.key_path("policies"))));
        if (!names.insert(policies.back().name).second) {
            root.fail("policies", "\"" + policies.back().name + "\" is there twice", "each policy once");
        }
    }
    if (policies.empty()) {
        root.fail("policies", "is empty", "names of policies; fluence list policies shows them");
    }
    return policies;
}

std::vector<std::string> names_of(const std::vector<StopMetric>& metrics) {
    std::vector<std::string> names;
    for (const StopMetric& metric : metrics) {
        names.emplace_back(metric.name);
    }
    return names;
}

std::optional<SamplingConfig> parse_sampling(JsonObject& root) {
    if (!root.has("sampling")) {
        return std::nullopt;
    }
    JsonObject object = root.object("sampling");
    SamplingConfig sampling;
    if (object.has("strata")) {
        sampling.by = object.text_list("strata");
    }
    for (auto key = sampling.by.begin(); key != sampling.by.end(); ++key) {
        const std::vector<std::string>& valid = stratum_keys();
        if (std::find(valid.begin(), valid.end(), *key) == valid.end()) {
            object.fail("strata", "has \"" + *key + "\"", comma_list(valid));
        }
        if (std::find(sampling.by.begin(), key, *key) != key) {
            object.fail("strata", "\"" + *key + "\" is there twice", "each once");
        }
    }
    sampling.allocation = object.choice_or("allocation", sampling.allocation, allocations());
    constexpr std::int64_t kMostPilot = 1'000'000;
    sampling.pilot = object.integer_or("pilot", sampling.pilot, 2, kMostPilot);
    object.finish();
    return sampling;
}

std::optional<StopRule> parse_stop(JsonObject& root) {
    if (!root.has("stop")) {
        return std::nullopt;
    }
    JsonObject object = root.object("stop");
    StopRule stop;
    stop.half_width = object.number("half_width", 1e-9, 0.49);
    stop.metric = object.choice_or("metric", stop.metric, names_of(stop_metrics()));
    stop.looks = static_cast<int>(object.integer_or("looks", stop.looks, 1, 1000));
    object.finish();
    return stop;
}

std::optional<RawRates> parse_raw_rates(JsonObject& root) {
    if (!root.has("raw_fit_per_mbit")) {
        return std::nullopt;
    }
    JsonObject object = root.object("raw_fit_per_mbit");
    constexpr double kMost = 1e15;
    RawRates rates;
    rates.sram = object.number("sram", 0, kMost);
    rates.dram = object.number("dram", 0, kMost);
    rates.flip_flop = object.number("flip_flop", 0, kMost);
    object.finish();
    return rates;
}

// The keys about statistics and checks, those that are not given left out.
void resolve_statistics(const Experiment& experiment, nlohmann::json& value) {
    value["interval"] = experiment.interval;
    value["self_check"] = experiment.self_check;
    if (experiment.sampling) {
        value["sampling"] = {{"strata", experiment.sampling->by},
                             {"allocation", experiment.sampling->allocation},
                             {"pilot", experiment.sampling->pilot}};
    }
    if (experiment.stop) {
        value["stop"] = {{"half_width", experiment.stop->half_width},
                         {"metric", experiment.stop->metric},
                         {"looks", experiment.stop->looks}};
    }
    if (experiment.raw_fit_per_mbit) {
        value["raw_fit_per_mbit"] = {{"sram", experiment.raw_fit_per_mbit->sram},
                                     {"dram", experiment.raw_fit_per_mbit->dram},
                                     {"flip_flop", experiment.raw_fit_per_mbit->flip_flop}};
    }
}

nlohmann::json resolve(const Experiment& experiment, const nlohmann::json& workload) {
    nlohmann::json policies = nlohmann::json::array();
    for (const protect::Policy& policy : experiment.policies) {
        policies.push_back(protect::to_json(policy));
    }
    return {{"name", experiment.name},     {"description", experiment.description},
            {"workload", workload},        {"accelerator", to_json(experiment.accelerator)},
            {"policies", policies},        {"fault_model", fault::to_json(experiment.fault_model)},
            {"images", experiment.images}, {"faults", experiment.faults},
            {"seed", experiment.seed},     {"confidence", experiment.confidence}};
}

}  // namespace

const std::vector<StopMetric>& stop_metrics() {
    static const std::vector<StopMetric> table = {
        {"sdc", "outcome = 2"},
        {"due", "outcome = 3"},
        {"sdc_or_due", "outcome >= 2"},
        {"accuracy", "correct"},
    };
    static_assert(static_cast<int>(Outcome::sdc) == 2 && static_cast<int>(Outcome::due) == 3);
    return table;
}

Experiment read_experiment(const std::string& path, const ExperimentOverrides& overrides) {
    nlohmann::json value = read_json_file(path);
    if (value.is_object()) {
        override_value(value, "images", overrides.images);
        override_value(value, "faults", overrides.faults);
        override_value(value, "seed", overrides.seed);
    }
    JsonObject root(value, path);
    Experiment experiment;
    experiment.file = path;
    experiment.name = parse_name(root);
    experiment.description = root.text_or("description", "");
    experiment.workload = parse_workload(root);
    experiment.accelerator = read_accelerator(
        find_config("accelerators", root.text("accelerator"), path, root.key_path("accelerator")));
    require_int8(experiment.accelerator, "a campaign");
    experiment.policies = parse_policies(root);
    experiment.fault_model = fault::parse_fault_model(root.object("fault_model"));
    experiment.images = root.integer("images", 1, kMaxImages);
    experiment.faults = root.integer("faults", 1, kMaxFaults);
    experiment.seed =
        static_cast<std::uint64_t>(root.integer_or("seed", 1, 0, std::numeric_limits<std::int64_t>::max()));
    experiment.confidence = root.number_or("confidence", 0.95, 0.5, 0.999999);
    experiment.sampling = parse_sampling(root);
    experiment.stop = parse_stop(root);
    experiment.interval = root.choice_or("interval", experiment.stop ? "clopper-pearson" : "wilson",
                                         {"wilson", "clopper-pearson"});
    if (experiment.stop && experiment.interval != "clopper-pearson") {
        root.fail("interval", "is " + experiment.interval + " in a campaign that stops at a half width",
                  "clopper-pearson, which covers at every look");
    }
    experiment.raw_fit_per_mbit = parse_raw_rates(root);
    experiment.self_check = root.number_or("self_check", experiment.self_check, 0, 1);
    root.finish();
    experiment.resolved = resolve(experiment, value.at("workload"));
    resolve_statistics(experiment, experiment.resolved);
    return experiment;
}

}  // namespace fluence::campaign
