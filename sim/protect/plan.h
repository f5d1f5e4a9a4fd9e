// Protection plans: which parts of a network are protected (docs/plans.md). A plan is for one network; what
// it names is checked against that network's layers and their sizes.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sim/core/json.h"
#include "workloads/graph.h"

namespace fluence::protect {

//   weights  weights of convolutions and linear layers (biases, multipliers and shifts are never planned)
//   filters  output channels of convolutions and linear layers
enum class PlanKind { weights, filters };
const char* name_of(PlanKind kind);
std::vector<std::string> plan_kind_names();
PlanKind plan_kind_named(const std::string& name);  // throws std::out_of_range
// What a layer has of them; 0 for layers without MACs.
std::int64_t plan_items(PlanKind kind, const workloads::Graph& graph, const workloads::Layer& layer);

// By layer of the network, by index; empty for layers in which nothing is chosen. Weights by their index into
// Layer::weights, filters by output channel.
using Choice = std::vector<std::vector<bool>>;
std::int64_t chosen_items(const Choice& choice);
std::int64_t plan_items(PlanKind kind, const workloads::Graph& graph);  // of all layers

// A plan file. Layers that it does not name have nothing chosen.
struct Plan {
    struct LayerChoice {
        std::string layer;
        std::vector<bool> chosen;  // as many as the layer has items
    };
    PlanKind kind = PlanKind::weights;
    std::string network;  // the name of the network that it was made for
    std::string made;     // how, in words
    std::vector<LayerChoice> layers;
    std::string file;

    std::int64_t items() const;  // of the layers that it names
    std::int64_t chosen() const;
};

// Throws InputError with file and key.
Plan parse_plan(const nlohmann::json& value, const std::string& file);
Plan read_plan(const std::string& path);
nlohmann::ordered_json to_json(const Plan& plan);
// CRC-32 of what the plan chooses, as eight hexadecimal digits: the same for two files that choose alike.
std::string digest_of(const Plan& plan);

// What the plan chooses of this network. Throws InputError where the network has not its layers.
Choice choice_of(const Plan& plan, const workloads::Graph& graph);
Plan plan_of(const Choice& choice, PlanKind kind, const workloads::Graph& graph, const std::string& made);

// How a policy states a plan: by a file, or by a rule that can be followed on any network.
struct PlanRequest {
    std::shared_ptr<const Plan> plan;  // of a file; null: by the rule
    std::string by = "random";
    double fraction = 0;  // of the network's items, or of each layer's: the rule says
    std::uint64_t seed = 1;
    std::shared_ptr<const Choice> choice;  // of the one network that it was looked up for; null: not yet

    // Share of the items that is chosen, as far as it is known without a network.
    double share() const;
};

// A rule by which `fraction` of the items are chosen.
struct PlanRule {
    const char* name;
    const char* summary;  // one line
    bool weights, filters;
    Choice (*choose)(PlanKind kind, const PlanRequest& request, const workloads::Graph& graph);
};
const std::vector<PlanRule>& plan_rules();
std::vector<std::string> plan_rule_names(PlanKind kind);

// Reads the object `key`: {"file": path} or {"by": rule, "fraction": f, "seed": n}. Paths are relative to the
// present folder or to the one of the file that is read. Throws InputError, also where the file's plan is of
// another kind.
PlanRequest parse_plan_request(JsonObject& object, const std::string& key, PlanKind kind);
nlohmann::json to_json(const PlanRequest& request);

// What is chosen of this network. Throws InputError where the request's file is for another one.
Choice choice_of(const PlanRequest& request, PlanKind kind, const workloads::Graph& graph);

}  // namespace fluence::protect
