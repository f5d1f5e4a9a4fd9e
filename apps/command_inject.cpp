#include "apps/command_inject.h"

#include <iostream>
#include <optional>
#include <sstream>

#include "analysis/report_files.h"
#include "analysis/value_summary.h"
#include "analysis/word_summary.h"
#include "apps/options.h"
#include "apps/progress.h"
#include "sim/campaign/value_campaign.h"
#include "sim/campaign/word_campaign.h"
#include "sim/campaign/workers.h"
#include "sim/core/config_search.h"
#include "sim/core/error.h"
#include "sim/core/text.h"
#include "sim/fault/sampler.h"

namespace fluence::apps {
namespace {

constexpr const char* kMachineModel = "seu";

struct InjectArguments {
    std::string bundle, output;
    std::string accelerator;  // empty: stored values, without a machine
    std::string policy;
    int upsets = 1;
    std::vector<std::string> sites;  // empty: all
    campaign::ValueCampaign campaign;
    double confidence = 0.99;
    int workers = 0;
};

campaign::ValueModel model_named(const std::string& name) {
    std::vector<std::string> valid;
    for (const campaign::ValueModelInfo& info : campaign::value_models()) {
        if (name == info.name) {
            return info.model;
        }
        valid.emplace_back(info.name);
    }
    valid.emplace_back(kMachineModel);
    throw InputError("fluence inject", "--model", "is \"" + name + "\"", comma_list(valid));
}

void check_range(const char* option, double value, double low, double high) {
    if (!(value >= low && value <= high)) {
        std::ostringstream given, valid;
        given << "is " << value;
        valid << low << " to " << high;
        throw InputError("fluence inject", option, given.str(), valid.str());
    }
}

std::optional<InjectArguments> parse(const Arguments& arguments) {
    constexpr std::int64_t kMostFaults = 10'000'000;
    InjectArguments parsed;
    campaign::ValueCampaign& campaign = parsed.campaign;
    std::string model, layers, sites;
    po::options_description options("Options");
    options.add_options()("bundle", po::value(&parsed.bundle), "workload bundle, of any number format")(
        "model", po::value(&model)->default_value("weight-flip"),
        "weight-flip, neuron-flip, neuron-rand, neuron-fp-rand; seu: any bit of a machine in any cycle")(
        "accelerator,a", po::value(&parsed.accelerator), "seu: preset or JSON file, of the bundle's format")(
        "policy,p", po::value(&parsed.policy),
        "seu: preset or JSON file of codes of memories (default: none)")(
        "upsets", po::value(&parsed.upsets)->default_value(parsed.upsets), "seu: upsets in one inference")(
        "sites", po::value(&sites), "seu: kinds of sites, with commas (default: all that the machine has)")(
        "faults", po::value(&campaign.faults)->default_value(16590),
        "faults (default: 99 % confidence, 1 point)")("images", po::value(&campaign.images)->default_value(0),
                                                      "first images of the bundle; 0: all")(
        "seed", po::value(&campaign.seed)->default_value(campaign.seed),
        "fault i depends on it and on i alone")("layers", po::value(&layers),
                                                "names, with commas (default: conv and linear layers)")(
        "confidence", po::value(&parsed.confidence)->default_value(parsed.confidence), "of the intervals")(
        "workers,j", po::value(&parsed.workers)->default_value(0), "worker processes; 0: one a processor")(
        "output,o", po::value(&parsed.output), "folder for summary.json and faults.csv");
    const auto values = parse_options(
        "inject", "BUNDLE [OPTIONS]", options, {"bundle"}, arguments,
        "  fluence inject lenet5-fp32 --model weight-flip --images 1000 -o results/lenet5-fp32\n"
        "  fluence inject lenet5-fxp16 --model seu -a edge-16x16-fxp16 --policy secded --faults 1000\n"
        "Stored values, in every format, and upsets of machines of words; those of int8 are fluence "
        "run's.\n");
    if (!values) {
        return std::nullopt;
    }
    if (parsed.bundle.empty()) {
        throw InputError("fluence inject", "BUNDLE", "is missing", "a folder that fluence import wrote");
    }
    if (model == kMachineModel) {
        if (parsed.accelerator.empty()) {
            throw InputError("fluence inject", "--accelerator", "is missing: seu strikes a machine",
                             "a preset or a JSON file of the bundle's format");
        }
        if (!layers.empty()) {
            throw InputError("fluence inject", "--layers",
                             "goes with stored values, and seu strikes a machine",
                             "weight-flip, neuron-flip, neuron-rand, neuron-fp-rand");
        }
    } else {
        campaign.model = model_named(model);
        for (const auto& [option, given] :
             {std::pair("--accelerator", !parsed.accelerator.empty()),
              std::pair("--policy", !parsed.policy.empty()), std::pair("--sites", !sites.empty())}) {
            if (given) {
                throw InputError("fluence inject", option, "goes with --model seu alone", kMachineModel);
            }
        }
    }
    campaign.layers = comma_separated(layers);
    parsed.sites = comma_separated(sites);
    check_range("--faults", static_cast<double>(campaign.faults), 1, kMostFaults);
    check_range("--images", static_cast<double>(campaign.images), 0, 1e9);
    check_range("--confidence", parsed.confidence, 0.5, 0.999999);
    check_range("--workers", parsed.workers, 0, 4096);
    check_range("--upsets", parsed.upsets, 1, fault::kMostUpsets);
    parsed.workers = campaign::workers_or_processors(parsed.workers);
    return parsed;
}

void write(const std::string& folder, const nlohmann::json& summary, const std::string& faults) {
    if (folder.empty()) {
        return;
    }
    for (const std::string& written :
         analysis::write_files(folder, {{"summary.json", summary.dump(2) + "\n"}, {"faults.csv", faults}})) {
        std::cout << "wrote " << written << "\n";
    }
}

int inject(const InjectArguments& arguments, const campaign::ValueWorkload& workload) {
    campaign::ValueCampaign campaign = arguments.campaign;
    if (campaign.images == 0) {
        campaign.images = static_cast<std::int64_t>(workload.labels.size());
    }
    std::optional<ProgressDisplay> display("images");
    const campaign::ValueResult result = campaign::run_value_campaign(
        workload, campaign, arguments.workers,
        [&](std::int64_t done, std::int64_t total) { display->count(done, total); });
    display.reset();
    std::cout << analysis::value_report(workload, campaign, result, arguments.confidence);
    write(arguments.output, analysis::value_json(workload, campaign, result, arguments.confidence),
          analysis::value_csv(workload, result));
    return 0;
}

int strike_machine(const InjectArguments& arguments, const workloads::WordBundle& bundle) {
    campaign::WordCampaign campaign;
    campaign.machine = read_accelerator(find_config("accelerators", arguments.accelerator));
    campaign.policy = protect::load_policy(arguments.policy.empty() ? "none" : arguments.policy);
    campaign.faults = arguments.campaign.faults;
    campaign.images = arguments.campaign.images > 0 ? arguments.campaign.images
                                                    : static_cast<std::int64_t>(bundle.labels.size());
    campaign.upsets = arguments.upsets;
    campaign.sites = arguments.sites;
    campaign.seed = arguments.campaign.seed;
    std::optional<ProgressDisplay> display("faults");
    const campaign::WordCampaignResult result = campaign::run_word_campaign(
        bundle, arguments.bundle, campaign, arguments.workers,
        [&](std::int64_t done, std::int64_t total) { display->count(done, total); });
    display.reset();
    std::cout << analysis::word_report(bundle.graph, campaign, result, arguments.confidence);
    write(arguments.output, analysis::word_json(bundle.graph, campaign, result, arguments.confidence),
          analysis::word_csv(bundle.graph, result));
    return 0;
}

}  // namespace

int run_inject(const Arguments& arguments) {
    const std::optional<InjectArguments> parsed = parse(arguments);
    if (!parsed) {
        return 0;
    }
    if (workloads::has_words(parsed->bundle)) {
        const workloads::WordBundle bundle = workloads::read_word_bundle(parsed->bundle);
        return parsed->accelerator.empty() ? inject(*parsed, campaign::workload_of(bundle, parsed->bundle))
                                           : strike_machine(*parsed, bundle);
    }
    if (!parsed->accelerator.empty()) {
        throw InputError(
            "fluence inject", "--model", "is seu, and the bundle is one of codes",
            "fluence run for machines of int8; bundles of " + comma_list(workloads::word_format_names()));
    }
    const workloads::Bundle bundle = workloads::read_bundle(parsed->bundle);
    return inject(*parsed, campaign::workload_of(bundle, parsed->bundle));
}

}  // namespace fluence::apps
