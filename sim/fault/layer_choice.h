// The layers that a fault model strikes, as an experiment names them (key "layers").
#pragma once

#include <functional>
#include <vector>

#include "sim/core/ids.h"
#include "sim/fault/sampler.h"

namespace fluence::fault {

void parse_layers(JsonObject& object, FaultModelConfig& config);
void write_layers(const FaultModelConfig& config, nlohmann::json& value);

// Those that are named; where none is, those that `by_default` holds for. InputError for a name of none that
// `possible` holds for; `what` it must do ("stores outputs").
using LayerProperty = std::function<bool(const workloads::Layer&)>;
std::vector<LayerId> chosen_layers(const FaultModelConfig& config, const workloads::Graph& graph,
                                   const LayerProperty& possible, const LayerProperty& by_default,
                                   const char* what);

}  // namespace fluence::fault
