// Plans as policies state them: a file, or a rule.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <numeric>

#include "sim/core/error.h"
#include "sim/core/permutation.h"
#include "sim/core/text.h"
#include "sim/protect/channel_magnitude.h"
#include "sim/protect/plan.h"

namespace fluence::protect {
namespace {

constexpr std::uint64_t kWeightStream = 0x706c616e01, kFilterStream = 0x706c616e02;

std::int64_t share_of(double fraction, std::int64_t items) {
    return std::min(items,
                    static_cast<std::int64_t>(std::floor(fraction * static_cast<double>(items) + 0.5)));
}

// Where the items of each layer begin in the count of all of them.
std::vector<std::int64_t> first_items(PlanKind kind, const workloads::Graph& graph) {
    std::vector<std::int64_t> first = {0};
    for (const workloads::Layer& layer : graph.layers) {
        first.push_back(first.back() + plan_items(kind, graph, layer));
    }
    return first;
}

void choose(Choice& choice, PlanKind kind, const workloads::Graph& graph, std::size_t layer,
            std::int64_t item) {
    if (choice[layer].empty()) {
        choice[layer].assign(static_cast<std::size_t>(plan_items(kind, graph, graph.layers[layer])), false);
    }
    choice[layer][static_cast<std::size_t>(item)] = true;
}

Choice choose_at_random(PlanKind kind, const PlanRequest& request, const workloads::Graph& graph) {
    const std::vector<std::int64_t> first = first_items(kind, graph);
    Choice choice(graph.layers.size());
    const std::int64_t count = share_of(request.fraction, first.back());
    if (count == 0) {
        return choice;
    }
    const RandomPermutation permutation(request.seed,
                                        kind == PlanKind::weights ? kWeightStream : kFilterStream,
                                        static_cast<std::uint64_t>(first.back()));
    for (std::int64_t i = 0; i < count; ++i) {
        const auto item = static_cast<std::int64_t>(permutation(static_cast<std::uint64_t>(i)));
        const auto layer =
            static_cast<std::size_t>(std::upper_bound(first.begin(), first.end(), item) - first.begin() - 1);
        choose(choice, kind, graph, layer, item - first[layer]);
    }
    return choice;
}

// The items with the largest values, the first ones among equals.
void choose_largest(Choice& choice, PlanKind kind, const workloads::Graph& graph, std::size_t layer,
                    const std::vector<double>& values, double fraction) {
    const std::int64_t count = share_of(fraction, static_cast<std::int64_t>(values.size()));
    std::vector<std::int64_t> order(values.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
        return values[static_cast<std::size_t>(a)] > values[static_cast<std::size_t>(b)];
    });
    for (std::int64_t i = 0; i < count; ++i) {
        choose(choice, kind, graph, layer, order[static_cast<std::size_t>(i)]);
    }
}

std::vector<double> weight_magnitudes(const workloads::Layer& layer, std::size_t channels) {
    const std::size_t terms = layer.weights.size() / channels;
    std::vector<double> magnitudes;
    for (std::size_t i = 0; i < layer.weights.size(); ++i) {
        magnitudes.push_back(std::abs(static_cast<double>(layer.weights[i])) *
                             channel_scale(layer, i / terms));
    }
    return magnitudes;
}

Choice choose_by_magnitude(PlanKind kind, const PlanRequest& request, const workloads::Graph& graph) {
    Choice choice(graph.layers.size());
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        const workloads::Layer& layer = graph.layers[i];
        if (!layer.has_macs()) {
            continue;
        }
        const auto channels = static_cast<std::size_t>(graph.tensor(layer.output).shape.channels);
        choose_largest(choice, kind, graph, i,
                       kind == PlanKind::filters ? channel_magnitudes(layer, channels)
                                                 : weight_magnitudes(layer, channels),
                       request.fraction);
    }
    return choice;
}

// All filters of a layer take the same MACs.
Choice choose_by_macs(PlanKind kind, const PlanRequest& request, const workloads::Graph& graph) {
    std::vector<std::size_t> order(graph.layers.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto macs = [&](std::size_t i) -> std::int64_t {
        if (!graph.layers[i].has_macs()) {
            return 0;
        }
        const workloads::GemmShape gemm = workloads::gemm_shape(graph, graph.layers[i]);
        return gemm.m * gemm.k;
    };
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return macs(a) > macs(b); });
    Choice choice(graph.layers.size());
    std::int64_t left = share_of(request.fraction, plan_items(kind, graph));
    for (const std::size_t layer : order) {
        const std::int64_t count = std::min(left, plan_items(kind, graph, graph.layers[layer]));
        for (std::int64_t i = 0; i < count; ++i) {
            choose(choice, kind, graph, layer, i);
        }
        left -= count;
    }
    return choice;
}

std::string found_file(JsonObject& object) {
    namespace fs = std::filesystem;
    const std::string name = object.text("file");
    for (const fs::path& path : {fs::path(name), fs::path(object.file()).parent_path() / name}) {
        std::error_code ignored;
        if (fs::is_regular_file(path, ignored)) {
            return path.string();
        }
    }
    object.fail("file", "is \"" + name + "\", and there is no such file",
                "the path of a plan (fluence select)");
}

}  // namespace

const std::vector<PlanRule>& plan_rules() {
    static const std::vector<PlanRule> table = {
        {"random", "that fraction of all items of the network, drawn without replacement", true, true,
         choose_at_random},
        {"magnitude",
         "of each layer the largest weights, or the filters with the largest sums of them, as real "
         "numbers",
         true, true, choose_by_magnitude},
        {"macs", "the filters that take the most MACs, whole layers at a time", false, true, choose_by_macs},
    };
    return table;
}

std::vector<std::string> plan_rule_names(PlanKind kind) {
    std::vector<std::string> names;
    for (const PlanRule& rule : plan_rules()) {
        if (kind == PlanKind::weights ? rule.weights : rule.filters) {
            names.emplace_back(rule.name);
        }
    }
    return names;
}

double PlanRequest::share() const {
    if (!plan) {
        return fraction;
    }
    return plan->items() == 0 ? 0 : static_cast<double>(plan->chosen()) / static_cast<double>(plan->items());
}

PlanRequest parse_plan_request(JsonObject& object, const std::string& key, PlanKind kind) {
    JsonObject stated = object.object(key);
    PlanRequest request;
    if (stated.has("file")) {
        request.plan = std::make_shared<const Plan>(read_plan(found_file(stated)));
        if (request.plan->kind != kind) {
            stated.fail("file", std::string("holds a plan of ") + name_of(request.plan->kind),
                        std::string("a plan of ") + name_of(kind));
        }
        const std::string digest = stated.text_or("digest", digest_of(*request.plan));
        if (digest != digest_of(*request.plan)) {
            stated.fail("digest",
                        "is " + digest + ", and the plan in " + request.plan->file + " is another one",
                        digest_of(*request.plan));
        }
    } else {
        request.by = stated.choice("by", plan_rule_names(kind));
        request.fraction = stated.number("fraction", 0, 1);
        request.seed = static_cast<std::uint64_t>(
            stated.integer_or("seed", 1, 0, std::numeric_limits<std::int64_t>::max()));
    }
    stated.finish();
    return request;
}

nlohmann::json to_json(const PlanRequest& request) {
    if (request.plan) {
        return {{"file", request.plan->file}, {"digest", digest_of(*request.plan)}};
    }
    return {{"by", request.by}, {"fraction", request.fraction}, {"seed", request.seed}};
}

Choice choice_of(const PlanRequest& request, PlanKind kind, const workloads::Graph& graph) {
    if (request.choice) {
        return *request.choice;
    }
    if (request.plan) {
        return choice_of(*request.plan, graph);
    }
    const auto rule = std::find_if(plan_rules().begin(), plan_rules().end(),
                                   [&](const PlanRule& row) { return request.by == row.name; });
    return rule->choose(kind, request, graph);
}

}  // namespace fluence::protect
