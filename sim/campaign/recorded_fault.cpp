// A campaign's fault out of its result file.
#include <algorithm>

#include "sim/campaign/plan.h"
#include "sim/campaign/replay.h"
#include "sim/campaign/request.h"
#include "sim/core/error.h"
#include "sim/core/text.h"

namespace fluence::campaign {
namespace {

const PolicyRow& policy_named(const ResultReader& results, const std::string& name) {
    const std::vector<PolicyRow>& policies = results.header().policies;
    const auto found = std::find_if(policies.begin(), policies.end(),
                                    [&](const PolicyRow& policy) { return policy.name == name; });
    if (found == policies.end()) {
        std::vector<std::string> names;
        for (const PolicyRow& policy : policies) {
            names.push_back(policy.name);
        }
        throw InputError(results.path(), "policy", "there is no policy \"" + name + "\"", comma_list(names));
    }
    return *found;
}

// Whether the campaign drew upsets of further runs.
bool by_poisson(const nlohmann::json& experiment) {
    const auto model = experiment.find("fault_model");
    return model != experiment.end() && model->contains("upsets") && model->at("upsets").is_object();
}

bool strikes_request_state(const FaultRow& fault) {
    return traces::is_request_state(fault.upset.site) ||
           std::any_of(fault.further.begin(), fault.further.end(), [](const fault::DrawnUpset& other) {
               return traces::is_request_state(other.upset.site);
           });
}

traces::ExpectedOutcome expected_of(const OutcomeRow& row) {
    traces::ExpectedOutcome expected;
    expected.outcome = name_of(row.outcome);
    expected.dead = name_of(row.dead);
    expected.corrected = row.corrected;
    expected.detected = row.detected;
    expected.suppressed = row.suppressed;
    expected.first_changed_layer = row.first_changed_layer;
    expected.last_changed_layer = row.last_changed_layer;
    expected.changed_values = row.changed_values;
    expected.top1 = row.top1;
    return expected;
}

}  // namespace

RecordedFault recorded_fault(const ResultReader& results, std::int64_t fault, const std::string& policy) {
    const PolicyRow& row = policy_named(results, policy);
    const auto [struck, outcomes] = results.fault(fault);
    const OutcomeRow& outcome = outcomes[static_cast<std::size_t>(row.id)];
    RecordedFault recorded;
    recorded.accelerator = parse_accelerator(results.header().experiment.at("accelerator"), results.path());
    recorded.policy = protect::parse_policy(row.composition, results.path());
    recorded.group.id = "fault " + std::to_string(fault);
    recorded.group.image = struck.image;
    const bool later = by_poisson(results.header().experiment);
    const std::int64_t request_cycles =
        strikes_request_state(struck) && !later ? results.golden(struck.image, row.id).cycles : row.cycles;
    recorded.group.upsets =
        upsets_of_request({recorded.accelerator, recorded.policy, results.header().dram_words}, struck.draw(),
                          {row.cycles, request_cycles, later});
    recorded.group.expected = expected_of(outcome);
    return recorded;
}

void require_workload(const ResultReader& results, const workloads::Bundle& bundle, const std::string& name) {
    const CampaignHeader& header = results.header();
    if (bundle.image_count < header.images ||
        workload_digest(bundle, header.images) != header.workload_digest) {
        throw InputError(name, "", "is not the workload of " + results.path(),
                         "the bundle of " + header.workload + " with digest " + header.workload_digest);
    }
}

}  // namespace fluence::campaign
