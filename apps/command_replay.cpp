#include "apps/command_replay.h"

#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>

#include "analysis/path_text.h"
#include "apps/options.h"
#include "apps/stream_file.h"
#include "apps/trace_context.h"
#include "sim/campaign/replay.h"
#include "sim/core/config_search.h"
#include "sim/core/error.h"
#include "traces/perfetto.h"
#include "traces/upset_list.h"
#include "workloads/bundle.h"

namespace fluence::apps {
namespace {

namespace fs = std::filesystem;

constexpr int kDifferenceExitCode = 1;

struct ReplayRequest {
    std::string file, workload, accelerator, policy, fidelity, write, perfetto;
    std::optional<std::int64_t> fault;
    bool quiet = false;
};

// What is replayed, on which machine.
struct ReplayInput {
    workloads::Bundle bundle;
    AcceleratorConfig accelerator;
    protect::Policy policy;
    traces::UpsetList list;
};

bool is_result_file(const std::string& path) {
    constexpr char kMagic[] = "SQLite format 3";
    std::ifstream stream(path, std::ios::binary);
    std::string head(sizeof kMagic - 1, '\0');
    stream.read(head.data(), static_cast<std::streamsize>(head.size()));
    return stream && head == kMagic;
}

// The bundle that a campaign ran on: named by its experiment, or imported beside its results.
std::string bundle_of(const campaign::ResultReader& results) {
    const nlohmann::json& workload = results.header().experiment.at("workload");
    if (workload.contains("bundle")) {
        const fs::path given = workload["bundle"].get<std::string>();
        const fs::path shipped = fs::path(home_directory()) / given;
        std::error_code ignored;
        return (fs::exists(shipped, ignored) ? shipped : given).string();
    }
    return (fs::path(results.path()).parent_path() / "workload").string();
}

ReplayInput input_of_results(const ReplayRequest& request) {
    const campaign::ResultReader results(request.file);
    if (!request.fault) {
        throw InputError("fluence replay", "--fault", "is missing; " + request.file + " holds a campaign",
                         "the id of one of its faults, 0 to " + std::to_string(results.header().faults - 1));
    }
    if (!request.accelerator.empty()) {
        throw InputError("fluence replay", "--accelerator", "is the campaign's", "no --accelerator");
    }
    const std::string policy = request.policy.empty() ? results.header().policies.at(0).name : request.policy;
    campaign::RecordedFault recorded = campaign::recorded_fault(results, *request.fault, policy);
    const std::string bundle = request.workload.empty() ? bundle_of(results) : request.workload;
    ReplayInput input = {
        workloads::read_bundle(bundle), std::move(recorded.accelerator), std::move(recorded.policy), {}};
    campaign::require_workload(results, input.bundle, bundle);
    input.list.workload = input.bundle.graph.name;
    input.list.accelerator = input.accelerator.name;
    input.list.policy = input.policy.name;
    input.list.groups.push_back(std::move(recorded.group));
    return input;
}

ReplayInput input_of_list(const ReplayRequest& request) {
    if (request.fault) {
        throw InputError("fluence replay", "--fault", "goes with the results of a campaign", "no --fault");
    }
    if (request.workload.empty()) {
        throw InputError("fluence replay", "--workload", "is missing", "folder of a workload bundle");
    }
    const auto or_default = [](const std::string& given, const std::string& otherwise) {
        return given.empty() ? otherwise : given;
    };
    ReplayInput input;
    input.accelerator =
        read_accelerator(find_config("accelerators", or_default(request.accelerator, "edge-16x16")));
    require_int8(input.accelerator, "a replay");
    input.policy = protect::load_policy(or_default(request.policy, "none"));
    input.list = traces::read_upset_list(request.file, input.accelerator.array);
    input.bundle = workloads::read_bundle(request.workload);
    return input;
}

// The run with every upset of the list on it.
void write_trace(const std::string& path, const ReplayInput& input, const traces::Timeline& timeline) {
    std::vector<traces::Upset> upsets;
    for (const traces::UpsetGroup& group : input.list.groups) {
        upsets.insert(upsets.end(), group.upsets.begin(), group.upsets.end());
    }
    stream_file(path, [&](std::ostream& stream) {
        traces::write_perfetto(stream, timeline,
                               trace_context(input.bundle.graph.name, input.accelerator, input.policy.name),
                               upsets);
    });
}

int replay(const ReplayRequest& request) {
    const campaign::Fidelity fidelity = campaign::fidelity_named(request.fidelity, "--fidelity");
    const ReplayInput input =
        is_result_file(request.file) ? input_of_results(request) : input_of_list(request);
    const campaign::Replay machine(input.bundle, input.accelerator, input.policy);
    machine.check(input.list.groups, request.file, fidelity);
    if (!request.write.empty()) {
        stream_file(request.write,
                    [&](std::ostream& stream) { traces::write_upset_list(stream, input.list); });
    }
    if (!request.perfetto.empty()) {
        write_trace(request.perfetto, input, machine.timeline());
    }
    std::int64_t differing = 0;
    for (const campaign::Replayed& replayed : machine.run(input.list.groups, fidelity)) {
        if (!request.quiet || !replayed.differences.empty()) {
            std::cout << analysis::path_text(replayed.path, input.bundle.graph, machine.timeline());
        }
        for (const std::string& line : replayed.differences) {
            std::cout << "  DIFFERENT: " << line << "\n";
        }
        differing += replayed.differences.empty() ? 0 : 1;
    }
    std::cout << "replay: " << input.list.groups.size() << " inferences, " << differing << " differ\n";
    return differing == 0 ? 0 : kDifferenceExitCode;
}

}  // namespace

int run_replay(const Arguments& arguments) {
    ReplayRequest request;
    std::int64_t fault = 0;
    po::options_description options("Options");
    options.add_options()("upsets", po::value(&request.file)->required(),
                          "a list of upsets (JSON Lines, docs/formats.md), or the results of a campaign")(
        "fault", po::value(&fault), "results: id of the fault")(
        "workload,w", po::value(&request.workload),
        "folder of a workload bundle; results: default the campaign's")(
        "accelerator,a", po::value(&request.accelerator),
        "list: name of a preset, or a JSON file; default edge-16x16")(
        "policy,p", po::value(&request.policy),
        "list: name of a preset, or a JSON file, default none; results: one of the campaign's, default its "
        "first")("fidelity", po::value(&request.fidelity)->default_value("fast"),
                 "fast, detailed (the register-true machine) or both, which must agree")(
        "write", po::value(&request.write), "write what is replayed as a list of upsets")(
        "perfetto", po::value(&request.perfetto),
        "write the run and its upsets as a trace for ui.perfetto.dev")(
        "quiet,q", po::bool_switch(&request.quiet), "explain only what differs");
    const auto values =
        parse_options("replay", "UPSETS [OPTIONS]", options, {"upsets"}, arguments,
                      "  fluence replay results/lenet5-glyphs/results.sqlite --fault 17 --policy secded\n"
                      "  fluence replay upsets.jsonl --workload bundles/lenet5 -a tiny-8x8 --fidelity both\n"
                      "\nExit code 1: the two machines differ, or the replay from what was recorded.\n");
    if (!values) {
        return 0;
    }
    if (values->count("fault") != 0) {
        request.fault = fault;
    }
    return replay(request);
}

}  // namespace fluence::apps
