#include "apps/command_run.h"

#include <algorithm>
#include <iostream>
#include <memory>
#include <sstream>

#include "apps/command_report.h"
#include "apps/interrupt.h"
#include "apps/options.h"
#include "apps/progress.h"
#include "apps/workload_source.h"
#include "sim/campaign/experiment.h"
#include "sim/campaign/result_store.h"
#include "sim/campaign/runner.h"
#include "sim/campaign/workers.h"
#include "sim/cluster/communicator.h"
#include "sim/core/config_search.h"
#include "sim/core/error.h"

namespace fluence::apps {
namespace {

struct RunArguments {
    std::string experiment, data, output;
    int workers = 0;
    campaign::Shard shard;
    bool force = false;
    campaign::ExperimentOverrides overrides;
};

// "i/n", i from 1.
campaign::Shard parse_shard(const std::string& text) {
    std::int64_t number = 0, count = 0;
    char slash = 0;
    std::istringstream stream(text);
    if (!(stream >> number >> slash >> count) || slash != '/' || !stream.eof() || number < 1 ||
        number > count) {
        throw InputError("fluence run", "--shard", "is \"" + text + "\"",
                         "i/n with i from 1 to n, as in 3/8");
    }
    return {number - 1, count};
}

std::optional<RunArguments> parse(const Arguments& arguments) {
    RunArguments parsed;
    std::int64_t faults = 0, images = 0, seed = 0;
    std::string shard;
    po::options_description options("Options");
    options.add_options()("experiment", po::value(&parsed.experiment), "JSON file, or a preset's name")(
        "data", po::value(&parsed.data),
        "folder of models and data sets, where the experiment imports a network")(
        "output,o", po::value(&parsed.output), "folder for results (default: results/NAME)")(
        "workers,j", po::value(&parsed.workers)->default_value(0),
        "worker processes, of each rank under mpirun; 0: one a processor, or one a rank")(
        "faults", po::value(&faults), "instead of the experiment's number of faults")(
        "images", po::value(&images), "instead of the experiment's number of images")(
        "seed", po::value(&seed), "instead of the experiment's seed")(
        "shard", po::value(&shard),
        "i/n: run part i of n (from 1) alone, into OUTPUT/shards/; fluence merge makes one of all parts")(
        "force", po::bool_switch(&parsed.force), "delete results that are there and start again");
    const auto values =
        parse_options("run", "EXPERIMENT [OPTIONS]", options, {"experiment"}, arguments,
                      "  fluence run lenet5-glyphs\n"
                      "  fluence run configs/experiments/resnet20-cifar10.json --data DIR -j 4\n"
                      "  fluence run resnet20-cifar10 --data DIR --shard 3/8\n"
                      "  mpirun -n 8 fluence run resnet20-cifar10 --data DIR\n"
                      "An interrupted run is resumed by the same command.\n");
    if (!values) {
        return std::nullopt;
    }
    if (parsed.experiment.empty()) {
        std::string presets;
        for (const std::string& name : config_names("experiments")) {
            presets += name + ", ";
        }
        throw InputError("fluence run", "EXPERIMENT", "is missing", presets + "or the path of a JSON file");
    }
    if (parsed.workers < 0 || parsed.workers > 4096) {
        throw InputError("fluence run", "--workers", "is " + std::to_string(parsed.workers), "0 to 4096");
    }
    if (values->count("shard") != 0) {
        parsed.shard = parse_shard(shard);
    }
    const auto given = [&](const char* name, std::int64_t value) {
        return values->count(name) != 0 ? std::optional<std::int64_t>(value) : std::nullopt;
    };
    parsed.overrides = {given("images", images), given("faults", faults), given("seed", seed)};
    return parsed;
}

void print_line(const std::string& line) {
    std::cerr << line << std::endl;
}

std::string result_path_in(const std::string& output, const campaign::Shard& shard) {
    if (shard.whole()) {
        return output + "/results.sqlite";
    }
    return output + "/shards/" + std::to_string(shard.index + 1) + "-of-" + std::to_string(shard.count) +
           ".sqlite";
}

campaign::Experiment read(const RunArguments& arguments) {
    return campaign::read_experiment(find_config("experiments", arguments.experiment), arguments.overrides);
}

std::string output_of(const RunArguments& arguments, const campaign::Experiment& experiment) {
    return arguments.output.empty() ? "results/" + experiment.name : arguments.output;
}

// What a rank of a job other than 0 does. Whether its arguments are any good is for rank 0 to say.
int follow(cluster::Communicator& job, const Arguments& arguments) {
    handle_interrupts();  // the launcher's signal means rank 0, which ends this one in order
    campaign::follow_campaign(job, [&] {
        const RunArguments parsed = parse(arguments).value();
        campaign::LoadedCampaign campaign;
        campaign.experiment = read(parsed);
        const std::string output = output_of(parsed, campaign.experiment);
        campaign.bundle = load_workload(campaign.experiment, parsed.data, output);
        campaign.result_path = result_path_in(output, parsed.shard);
        campaign.workers = std::max(parsed.workers, 1);
        return campaign;
    });
    return 0;
}

campaign::RunEnd run(const RunArguments& arguments, const campaign::Experiment& experiment,
                     const std::string& output, const std::string& result_path, campaign::Leader* job) {
    if (arguments.force) {
        campaign::discard_results(result_path);
    }
    const workloads::Bundle bundle = load_workload(experiment, arguments.data, output);
    print_line(experiment.name + ": " + std::to_string(experiment.faults) + " faults on " +
               std::to_string(experiment.images) + " images of " + bundle.graph.name + ", " +
               std::to_string(experiment.policies.size()) + " policies, machine " +
               experiment.accelerator.name);
    handle_interrupts();
    ProgressDisplay display("faults");
    campaign::RunOptions options;
    options.result_path = result_path;
    options.workers = arguments.workers;
    options.shard = arguments.shard;
    options.job = job;
    options.stop = &stop_requested();
    options.log = print_line;
    options.progress = [&display](const campaign::Progress& progress) {
        display.show(
            {progress.faults_done, progress.faults_total, progress.faults_per_second, progress.seconds_left});
    };
    return campaign::run_campaign(experiment, bundle, options);
}

// All of a command that one process runs: the only one, or rank 0 of a job.
int lead(const RunArguments& arguments, campaign::Leader* job) {
    const campaign::Experiment experiment = read(arguments);
    const std::string output = output_of(arguments, experiment);
    const std::string result_path = result_path_in(output, arguments.shard);
    switch (run(arguments, experiment, output, result_path, job)) {
        case campaign::RunEnd::stopped:
            print_line("stopped; what is done is kept in " + campaign::partial_path(result_path) +
                       "\nthe same command resumes, and `fluence report " + result_path +
                       "` shows what is there");
            return kInterruptedExitCode;
        case campaign::RunEnd::already_finished:
            print_line("already finished: " + result_path +
                       " holds the results of this experiment (--force starts again)");
            break;
        case campaign::RunEnd::finished:
            break;
    }
    if (!arguments.shard.whole()) {
        std::cout << "Shard: " << result_path << "\nWhen all are there: fluence merge " << output
                  << "/results.sqlite " << output << "/shards/*-of-" << arguments.shard.count << ".sqlite\n";
        return 0;
    }
    const int code = run_report({result_path});
    std::cout << "\nResults: " << result_path << "\nReport again with: fluence report " << result_path
              << "\n";
    return code;
}

}  // namespace

int run_run(const Arguments& arguments) {
    const std::unique_ptr<cluster::Communicator> job = cluster::join_job();
    if (job != nullptr && job->rank() > 0) {
        return follow(*job, arguments);
    }
    std::optional<campaign::Leader> leader;
    if (job != nullptr) {
        leader.emplace(*job);
    }
    const std::optional<RunArguments> parsed = parse(arguments);
    return parsed ? lead(*parsed, leader ? &*leader : nullptr) : 0;
}

}  // namespace fluence::apps
