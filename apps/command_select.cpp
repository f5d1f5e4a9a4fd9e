#include "apps/command_select.h"

#include <algorithm>
#include <cstdio>
#include <iostream>

#include "analysis/format.h"
#include "apps/options.h"
#include "apps/stream_file.h"
#include "sim/core/error.h"
#include "sim/core/text.h"
#include "sim/protect/plan.h"
#include "sim/protect/selective_code.h"
#include "workloads/bundle.h"

namespace fluence::apps {
namespace {

using protect::Choice;
using protect::PlanKind;

struct SelectRequest {
    std::string bundle, kind, by, output;
    double fraction = 0;
    std::int64_t seed = 1;
};

std::string text(const char* format, double value) {
    char line[64];
    std::snprintf(line, sizeof line, format, value);
    return line;
}

std::optional<SelectRequest> parse(const Arguments& arguments) {
    SelectRequest request;
    po::options_description options("Options");
    options.add_options()("bundle", po::value(&request.bundle), "folder of the network")(
        "kind,k", po::value(&request.kind)->default_value("weights"),
        ("what is chosen: " + comma_list(protect::plan_kind_names())).c_str())(
        "by", po::value(&request.by)->default_value("magnitude"),
        "the rule: random, magnitude, macs (of filters)")("fraction,f", po::value(&request.fraction),
                                                          "share that is chosen, 0 to 1")(
        "seed", po::value(&request.seed)->default_value(1), "of random choices")(
        "output,o", po::value(&request.output), "file of the plan; nothing is written without it");
    const auto values =
        parse_options("select", "BUNDLE --fraction F [OPTIONS]", options, {"bundle"}, arguments,
                      "  fluence select results/lenet5-glyphs/workload --fraction 0.1 -o weights.json\n"
                      "  fluence select results/lenet5-glyphs/workload --kind filters --by macs --fraction "
                      "0.25 -o filters.json\n");
    if (!values) {
        return std::nullopt;
    }
    const std::string command = "fluence select";
    for (const char* needed : {"bundle", "fraction"}) {
        if (values->count(needed) == 0) {
            throw InputError(command, "--" + std::string(needed), "is missing",
                             "fluence select BUNDLE --fraction F");
        }
    }
    return request;
}

// The rule, checked by the reader that policies are read with.
protect::PlanRequest rule_of(const SelectRequest& request, PlanKind kind) {
    const nlohmann::json options = {
        {"options", {{"by", request.by}, {"fraction", request.fraction}, {"seed", request.seed}}}};
    JsonObject object(options, "fluence select");
    return protect::parse_plan_request(object, "options", kind);
}

void print_layers(const Choice& choice, PlanKind kind, const workloads::Graph& graph) {
    std::size_t width = 5;
    for (const workloads::Layer& layer : graph.layers) {
        width = std::max(width, layer.has_macs() ? layer.name.size() : 0);
    }
    std::printf("%-*s %12s %12s %9s\n", static_cast<int>(width), "layer", protect::name_of(kind), "chosen",
                "share");
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        const std::int64_t items = protect::plan_items(kind, graph, graph.layers[i]);
        if (items > 0) {
            const std::int64_t chosen = protect::chosen_items({choice[i]});
            std::printf("%-*s %12lld %12lld %8.2f%%\n", static_cast<int>(width), graph.layers[i].name.c_str(),
                        static_cast<long long>(items), static_cast<long long>(chosen),
                        100 * static_cast<double>(chosen) / static_cast<double>(items));
        }
    }
}

// Three figures for words of one parameter, as published schemes have them.
void print_overheads(double share) {
    std::cout << "selective ECC, of the parameters' memory: all r/m, selective share*r/m + 1/m, gain\n";
    for (const int bits : {8, 16, 32}) {
        const protect::SelectiveOverhead overhead = protect::selective_overhead(share, bits);
        std::cout << "  " << bits << "-bit parameters  " << text("%7.3f %%", 100 * overhead.all)
                  << text("%8.3f %%", 100 * overhead.selective) << text("%9.3f %%", 100 * overhead.gain)
                  << "\n";
    }
}

void print_macs(const Choice& choice, const workloads::Graph& graph) {
    double all = 0, twice = 0;
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        if (graph.layers[i].has_macs()) {
            const workloads::GemmShape gemm = workloads::gemm_shape(graph, graph.layers[i]);
            const auto filter = static_cast<double>(gemm.m * gemm.k);
            all += static_cast<double>(gemm.macs());
            twice += filter * static_cast<double>(protect::chosen_items({choice[i]}));
        }
    }
    std::cout << "duplicated they take " << text("%.3f", 100 * twice / all) << " % more MACs\n";
}

}  // namespace

int run_select(const Arguments& arguments) {
    const std::optional<SelectRequest> request = parse(arguments);
    if (!request) {
        return 0;
    }
    const std::vector<std::string> kinds = protect::plan_kind_names();
    if (std::find(kinds.begin(), kinds.end(), request->kind) == kinds.end()) {
        throw InputError("fluence select", "--kind", "is \"" + request->kind + "\"", comma_list(kinds));
    }
    const PlanKind kind = protect::plan_kind_named(request->kind);
    const protect::PlanRequest rule = rule_of(*request, kind);
    const workloads::Graph graph = workloads::read_bundle(request->bundle).graph;
    const Choice choice = protect::choice_of(rule, kind, graph);
    print_layers(choice, kind, graph);
    const auto chosen = static_cast<double>(protect::chosen_items(choice));
    const auto items = static_cast<double>(protect::plan_items(kind, graph));
    std::cout << "\n"
              << graph.name << ": " << protect::chosen_items(choice) << " of "
              << protect::plan_items(kind, graph) << " " << protect::name_of(kind) << " ("
              << text("%.3f", 100 * chosen / items) << " %)\n";
    if (kind == PlanKind::weights) {
        print_overheads(chosen / items);
    } else {
        print_macs(choice, graph);
    }
    if (!request->output.empty()) {
        std::string made = request->by + ", fraction " + analysis::shortest(request->fraction);
        made += request->by == "random" ? ", seed " + std::to_string(request->seed) : "";
        stream_file(request->output, [&](std::ostream& stream) {
            stream << to_json(protect::plan_of(choice, kind, graph, made)).dump(1) << "\n";
        });
    }
    return 0;
}

}  // namespace fluence::apps
