#include "apps/command_inject.h"

#include <chrono>
#include <iostream>
#include <sstream>

#include "analysis/report_files.h"
#include "analysis/value_summary.h"
#include "apps/options.h"
#include "apps/progress.h"
#include "sim/campaign/value_campaign.h"
#include "sim/campaign/workers.h"
#include "sim/core/error.h"
#include "sim/core/text.h"

namespace fluence::apps {
namespace {

struct InjectArguments {
    std::string bundle, output;
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

std::vector<std::string> words_of(const std::string& list) {
    std::vector<std::string> words;
    std::istringstream stream(list);
    for (std::string word; std::getline(stream, word, ',');) {
        words.push_back(word);
    }
    return words;
}

std::optional<InjectArguments> parse(const Arguments& arguments) {
    constexpr std::int64_t kMostFaults = 10'000'000;
    InjectArguments parsed;
    campaign::ValueCampaign& campaign = parsed.campaign;
    std::string model, layers;
    po::options_description options("Options");
    options.add_options()("bundle", po::value(&parsed.bundle), "workload bundle, of any number format")(
        "model", po::value(&model)->default_value("weight-flip"),
        "weight-flip, neuron-flip, neuron-rand, neuron-fp-rand")(
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
        "Stored values alone, no machine: upsets in its registers and memories are fluence run's.\n");
    if (!values) {
        return std::nullopt;
    }
    if (parsed.bundle.empty()) {
        throw InputError("fluence inject", "BUNDLE", "is missing", "a folder that fluence import wrote");
    }
    campaign.model = model_named(model);
    campaign.layers = words_of(layers);
    check_range("--faults", static_cast<double>(campaign.faults), 1, kMostFaults);
    check_range("--images", static_cast<double>(campaign.images), 0, 1e9);
    check_range("--confidence", parsed.confidence, 0.5, 0.999999);
    check_range("--workers", parsed.workers, 0, 4096);
    parsed.workers = campaign::workers_or_processors(parsed.workers);
    return parsed;
}

int inject(const InjectArguments& arguments, const campaign::ValueWorkload& workload) {
    campaign::ValueCampaign campaign = arguments.campaign;
    if (campaign.images == 0) {
        campaign.images = static_cast<std::int64_t>(workload.labels.size());
    }
    campaign::ValueResult result;
    {
        ProgressDisplay display("images");
        const auto begin = std::chrono::steady_clock::now();
        result = campaign::run_value_campaign(
            workload, campaign, arguments.workers, [&](std::int64_t done, std::int64_t total) {
                const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
                const double rate = static_cast<double>(done) / elapsed.count();
                display.show({done, total, rate, static_cast<double>(total - done) / rate});
            });
    }
    std::cout << analysis::value_report(workload, campaign, result, arguments.confidence);
    if (!arguments.output.empty()) {
        const nlohmann::json summary = analysis::value_json(workload, campaign, result, arguments.confidence);
        for (const std::string& written : analysis::write_files(
                 arguments.output, {{"summary.json", summary.dump(2) + "\n"},
                                    {"faults.csv", analysis::value_csv(workload, result)}})) {
            std::cout << "wrote " << written << "\n";
        }
    }
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
        return inject(*parsed, campaign::workload_of(bundle, parsed->bundle));
    }
    const workloads::Bundle bundle = workloads::read_bundle(parsed->bundle);
    return inject(*parsed, campaign::workload_of(bundle, parsed->bundle));
}

}  // namespace fluence::apps
