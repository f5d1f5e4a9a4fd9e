#include "apps/command_plan.h"

#include <cmath>
#include <iomanip>
#include <iostream>
#include <limits>
#include <sstream>
#include <vector>

#include "analysis/format.h"
#include "apps/interrupt.h"
#include "apps/options.h"
#include "apps/workload_source.h"
#include "sim/campaign/planning.h"
#include "sim/campaign/workers.h"
#include "sim/core/config_search.h"
#include "sim/core/error.h"
#include "sim/statistics/sample_size.h"

namespace fluence::apps {
namespace {

struct PlanRequest {
    std::string experiment, data, output;
    std::optional<double> margin, confidence, population;
    double proportion = 0.5, seconds = 2;
    int workers = 0;
};

// One row of the table: how precise, and what it costs.
struct Precision {
    double margin = 0, confidence = 0;
};

double share_option(const po::variables_map& values, const char* name) {
    const double value = values[name].as<double>();
    if (!(value > 0 && value < 1)) {
        throw InputError("fluence plan", "--" + std::string(name), "is " + analysis::shortest(value),
                         "a number between 0 and 1");
    }
    return value;
}

std::optional<PlanRequest> parse(const Arguments& arguments) {
    PlanRequest request;
    po::options_description options("Options");
    options.add_options()("experiment", po::value(&request.experiment), "JSON file, or a preset's name")(
        "margin,e", po::value<double>(), "half width that is wanted, as a share: 0.01 for one point")(
        "confidence,c", po::value<double>(), "confidence, as a share (default: the experiment's, or 0.95)")(
        "population,N", po::value<double>(), "faults to draw from (default: the experiment's, or unlimited)")(
        "proportion,p", po::value<double>()->default_value(0.5),
        "rate that is expected; 0.5 is the worst case")(
        "seconds", po::value(&request.seconds)->default_value(2), "time to measure the rate of faults for")(
        "data", po::value(&request.data),
        "folder of models and data sets, where the experiment imports a network")(
        "output,o", po::value(&request.output), "folder of an imported network (default: results/NAME)")(
        "workers,j", po::value(&request.workers)->default_value(0), "worker processes; 0: one a processor");
    const auto values = parse_options("plan", "[EXPERIMENT] [OPTIONS]", options, {"experiment"}, arguments,
                                      "  fluence plan lenet5-glyphs\n"
                                      "  fluence plan lenet5-glyphs --margin 0.001 --confidence 0.99\n"
                                      "  fluence plan --margin 0.01 --population 1e9\n");
    if (!values) {
        return std::nullopt;
    }
    if (values->count("margin") != 0) {
        request.margin = share_option(*values, "margin");
    }
    if (values->count("confidence") != 0) {
        request.confidence = share_option(*values, "confidence");
    }
    request.proportion = share_option(*values, "proportion");
    if (values->count("population") != 0) {
        request.population = (*values)["population"].as<double>();
        if (!(*request.population >= 1)) {
            throw InputError("fluence plan", "--population", "is " + analysis::shortest(*request.population),
                             "a number from 1");
        }
    }
    if (request.workers < 0 || request.workers > 4096) {
        throw InputError("fluence plan", "--workers", "is " + std::to_string(request.workers), "0 to 4096");
    }
    if (!(request.seconds > 0)) {
        throw InputError("fluence plan", "--seconds", "is " + analysis::shortest(request.seconds),
                         "a positive number");
    }
    return request;
}

std::string duration(double seconds) {
    std::ostringstream text;
    text << std::fixed << std::setprecision(1);
    constexpr double kMinute = 60, kHour = 3600, kDay = 86400;
    if (seconds < 2 * kMinute) {
        text << seconds << " s";
    } else if (seconds < 2 * kHour) {
        text << seconds / kMinute << " min";
    } else if (seconds < 2 * kDay) {
        text << seconds / kHour << " h";
    } else {
        text << seconds / kDay << " days";
    }
    return text.str();
}

std::string count_text(double count) {
    constexpr double kExact = 1e15;
    if (count < kExact) {
        return analysis::thousands(std::llround(count));
    }
    std::ostringstream text;
    text << std::scientific << std::setprecision(3) << count;
    return text.str();
}

std::vector<Precision> table_of(const PlanRequest& request, double confidence) {
    if (request.margin) {
        return {{*request.margin, confidence}};
    }
    std::vector<double> confidences = {0.95, 0.99};
    if (request.confidence || (confidence != confidences[0] && confidence != confidences[1])) {
        confidences = {confidence};
    }
    std::vector<Precision> rows;
    for (const double level : confidences) {
        for (const double margin : {0.05, 0.01, 0.001}) {
            rows.push_back({margin, level});
        }
    }
    return rows;
}

// `per_second`: of all workers; 0: not known.
void print_table(const PlanRequest& request, double confidence, double population, double per_second) {
    std::cout << "Sample sizes (Leveugle et al. 2009; p = " << analysis::shortest(request.proportion)
              << ", population " << (std::isinf(population) ? "unlimited" : count_text(population)) << ")\n";
    std::cout << "  confidence   margin          faults" << (per_second > 0 ? "   expected time" : "")
              << "\n";
    for (const Precision& row : table_of(request, confidence)) {
        const double faults =
            statistics::sample_size(row.margin, row.confidence, population, request.proportion);
        std::cout << std::setw(12) << analysis::confidence_text(row.confidence) << std::setw(9)
                  << analysis::shortest(100 * row.margin) + " %" << std::setw(16) << count_text(faults);
        if (per_second > 0) {
            std::cout << std::setw(16) << duration(faults / per_second);
        }
        std::cout << "\n";
    }
}

void print_line(const std::string& line) {
    std::cerr << line << std::endl;
}

int plan_experiment(const PlanRequest& request) {
    const campaign::Experiment experiment =
        campaign::read_experiment(find_config("experiments", request.experiment));
    const std::string output = request.output.empty() ? "results/" + experiment.name : request.output;
    const workloads::Bundle bundle = load_workload(experiment, request.data, output);
    const int workers = campaign::workers_or_processors(request.workers);
    handle_interrupts();
    print_line("simulating the machine under " + std::to_string(experiment.policies.size()) + " policies");
    const auto plan =
        campaign::make_plan(experiment, bundle, workers, [] { return stop_requested().load(); });
    if (!plan) {
        return kInterruptedExitCode;
    }
    const campaign::FaultSpace space = campaign::fault_space(*plan);
    const campaign::MeasuredRate rate = campaign::measure_rate(*plan, request.seconds);
    const double per_second = rate.per_second() * workers;
    const double population = request.population.value_or(space.size());
    const double confidence = request.confidence.value_or(experiment.confidence);
    const double faults = static_cast<double>(experiment.faults);
    std::cout << experiment.name << ": " << bundle.graph.name << " on " << experiment.accelerator.name
              << ", fault model " << experiment.fault_model.name << ", " << experiment.policies.size()
              << " policies\n"
              << "Fault space: " << count_text(space.bits) << " bits x " << count_text(space.cycles)
              << " cycles x " << count_text(space.images) << " images = " << count_text(space.size())
              << " faults\n\n";
    print_table(request, confidence, population, per_second);
    std::cout << "\nThe experiment's " << count_text(faults) << " faults: margin "
              << analysis::percent(statistics::margin_of(faults, confidence, population, request.proportion),
                                   3)
              << " at " << analysis::confidence_text(confidence) << ", " << duration(faults / per_second)
              << " with " << workers << " worker processes\n"
              << "Measured: " << analysis::fixed(rate.per_second(), 1)
              << " faults a second of one processor under all policies (" << rate.faults << " faults in "
              << analysis::fixed(rate.seconds, 1) << " s)\n";
    return 0;
}

}  // namespace

int run_plan(const Arguments& arguments) {
    const std::optional<PlanRequest> request = parse(arguments);
    if (!request) {
        return 0;
    }
    if (!request->experiment.empty()) {
        return plan_experiment(*request);
    }
    constexpr double kConfidence = 0.95;
    print_table(*request, request->confidence.value_or(kConfidence),
                request->population.value_or(std::numeric_limits<double>::infinity()), 0);
    return 0;
}

}  // namespace fluence::apps
