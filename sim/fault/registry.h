// The table of fault models. A new one is a file with these functions and a row in registry.cpp.
#pragma once

#include <string>
#include <vector>

#include "sim/fault/sampler.h"

namespace fluence::fault {

struct FaultModel {
    const char* name;
    const char* summary;  // one line
    bool timed;           // upsets strike at a cycle; otherwise values are changed, whenever they are made
    // Reads the model's own keys.
    void (*parse)(JsonObject& object, FaultModelConfig& config);
    void (*write)(const FaultModelConfig& config, nlohmann::json& value);
    // The sites it strikes, in proportion to SiteClass::weight(). `storage`: the machine's.
    std::vector<SiteClass> (*sites)(const FaultModelConfig& config, const workloads::Graph& graph,
                                    const std::vector<SiteClass>& storage);
};

const std::vector<FaultModel>& fault_model_table();
const FaultModel& fault_model(const std::string& name);  // throws std::out_of_range

// The rows' functions.
void parse_seu(JsonObject& object, FaultModelConfig& config);
void write_seu(const FaultModelConfig& config, nlohmann::json& value);
std::vector<SiteClass> seu_sites(const FaultModelConfig& config, const workloads::Graph& graph,
                                 const std::vector<SiteClass>& storage);
void parse_neuron_flip(JsonObject& object, FaultModelConfig& config);
void write_neuron_flip(const FaultModelConfig& config, nlohmann::json& value);
std::vector<SiteClass> neuron_flip_sites(const FaultModelConfig& config, const workloads::Graph& graph,
                                         const std::vector<SiteClass>& storage);

}  // namespace fluence::fault
