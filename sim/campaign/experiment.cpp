#include "sim/campaign/experiment.h"

#include <filesystem>
#include <limits>
#include <set>

#include "sim/core/config_search.h"
#include "sim/core/error.h"

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
    experiment.policies = parse_policies(root);
    experiment.fault_model = fault::parse_fault_model(root.object("fault_model"));
    experiment.images = root.integer("images", 1, kMaxImages);
    experiment.faults = root.integer("faults", 1, kMaxFaults);
    experiment.seed =
        static_cast<std::uint64_t>(root.integer_or("seed", 1, 0, std::numeric_limits<std::int64_t>::max()));
    experiment.confidence = root.number_or("confidence", 0.95, 0.5, 0.999999);
    root.finish();
    experiment.resolved = resolve(experiment, value.at("workload"));
    return experiment;
}

}  // namespace fluence::campaign
