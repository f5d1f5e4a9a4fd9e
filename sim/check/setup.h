// What a self-check compares: a network, an image, a machine and a policy, and upsets that strike them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sim/arith/engine.h"
#include "sim/core/accelerator_config.h"
#include "sim/protect/policy.h"
#include "traces/upset.h"
#include "workloads/graph.h"

namespace fluence::check {

struct Setup {
    workloads::Graph graph;
    workloads::Codes image;
    AcceleratorConfig config;
    protect::Policy policy;
    // Range restriction: how far its bounds lie inside the codes that this image gives without faults.
    int range_margin = 0;
};

using UpsetList = std::vector<traces::Upset>;  // of one inference

struct Case {
    Setup setup;
    UpsetList upsets;
};

// The bounds of the policy's range restriction, as the engine takes them.
std::vector<arith::OutputBounds> bounds_of(const Setup& setup);
// Its filters, with thresholds from this image alone, so that upsets leave them often.
std::vector<arith::LayerFilters> filters_of(const Setup& setup);

// Throws InputError where parsing would refuse the machine or the policy, or the machine the network.
void check_runnable(const Setup& setup);

// A case as a file: complete, so that it does not depend on how cases are drawn. parse_case() throws
// InputError.
nlohmann::json to_json(const Case& one);
Case parse_case(const nlohmann::json& value, const std::string& file);

}  // namespace fluence::check
