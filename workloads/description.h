// What a network consists of: operators with shapes, MACs and parameters, and the counts that papers give.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "workloads/graph.h"

namespace fluence::workloads {

struct LayerDescription {
    std::string name;
    std::string kind;  // as in graph.h
    Shape input;       // of the first input
    Shape output;
    Window window;  // kernel 1 where the operator has none
    int groups = 1;
    std::int64_t macs = 0;
    std::int64_t parameters = 0;  // weights and biases that the accelerator stores; batch norm is folded
};

struct NetworkDescription {
    std::string name;
    Shape input;
    int classes = 0;
    std::int64_t trained_parameters = -1;  // of the source, batch norm counted; −1: unknown
    std::vector<LayerDescription> layers;
};

// The counts of Mahmoud et al. (feature maps: output channels of convolutions; neurons: their outputs).
struct Counts {
    std::int64_t conv_layers = 0;
    std::int64_t feature_maps = 0;
    std::int64_t neurons = 0;
    std::int64_t macs = 0;  // convolutions and linear layers
    std::int64_t parameters = 0;
};
Counts counts_of(const NetworkDescription& network);

NetworkDescription describe(const Graph& graph);

nlohmann::ordered_json to_json(const NetworkDescription& network);
// The network of such an object. Throws nlohmann::json::exception where it is none.
NetworkDescription description_of(const nlohmann::json& json);

}  // namespace fluence::workloads
