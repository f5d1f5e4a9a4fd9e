// The table of fault models. A new one is a file with these functions and a row in registry.cpp.
#pragma once

#include <string>
#include <vector>

#include "sim/fault/sampler.h"

namespace fluence::fault {

// What one fault inverts: the bit that was drawn, a cluster that begins there, or bits of the unit that the
// model draws itself.
enum class Pattern { bit, cluster, unit };

struct FaultModel {
    const char* name = nullptr;
    const char* summary = nullptr;  // one line
    bool timed = false;   // upsets strike at a cycle; otherwise values are wrong from when they are there
    bool recurs = false;  // further runs of an inference are struck, too
    Pattern pattern = Pattern::bit;
    // Reads the model's own keys.
    void (*parse)(JsonObject& object, FaultModelConfig& config) = nullptr;
    void (*write)(const FaultModelConfig& config, nlohmann::json& value) = nullptr;
    // The sites it strikes, in proportion to SiteClass::weight(). `storage`: the machine's.
    std::vector<SiteClass> (*sites)(const FaultModelConfig& config, const workloads::Graph& graph,
                                    const std::vector<SiteClass>& storage) = nullptr;
    // Completes a draw at a unit of `bits` bits; null for single bits that are inverted.
    void (*strike)(const FaultModelConfig& config, int bits, RandomStream& random,
                   DrawnUpset& draw) = nullptr;
    // Models that disturb the neurons of whole layers: what their level is called; otherwise null.
    const char* level = nullptr;
};

const std::vector<FaultModel>& fault_model_table();
const FaultModel& fault_model(const std::string& name);  // throws std::out_of_range

// The rows' functions.
void parse_seu(JsonObject& object, FaultModelConfig& config);
void write_seu(const FaultModelConfig& config, nlohmann::json& value);
std::vector<SiteClass> seu_sites(const FaultModelConfig& config, const workloads::Graph& graph,
                                 const std::vector<SiteClass>& storage);
void parse_mbu(JsonObject& object, FaultModelConfig& config);
void write_mbu(const FaultModelConfig& config, nlohmann::json& value);
void strike_cluster(const FaultModelConfig& config, int bits, RandomStream& random, DrawnUpset& draw);
std::vector<SiteClass> neuron_sites(const FaultModelConfig& config, const workloads::Graph& graph,
                                    const std::vector<SiteClass>& storage);
void strike_random_code(const FaultModelConfig& config, int bits, RandomStream& random, DrawnUpset& draw);
void parse_mac_errors(JsonObject& object, FaultModelConfig& config);
void write_mac_errors(const FaultModelConfig& config, nlohmann::json& value);
std::vector<SiteClass> mac_output_sites(const FaultModelConfig& config, const workloads::Graph& graph,
                                        const std::vector<SiteClass>& storage);
void strike_six_bits(const FaultModelConfig& config, int bits, RandomStream& random, DrawnUpset& draw);
void strike_word(const FaultModelConfig& config, int bits, RandomStream& random, DrawnUpset& draw);
void parse_dropout(JsonObject& object, FaultModelConfig& config);
void write_dropout(const FaultModelConfig& config, nlohmann::json& value);
std::vector<SiteClass> dropout_sites(const FaultModelConfig& config, const workloads::Graph& graph,
                                     const std::vector<SiteClass>& storage);
void parse_noise(JsonObject& object, FaultModelConfig& config);
void write_noise(const FaultModelConfig& config, nlohmann::json& value);
std::vector<SiteClass> noise_sites(const FaultModelConfig& config, const workloads::Graph& graph,
                                   const std::vector<SiteClass>& storage);
void parse_stuck_at(JsonObject& object, FaultModelConfig& config);
void write_stuck_at(const FaultModelConfig& config, nlohmann::json& value);
std::vector<SiteClass> register_sites(const FaultModelConfig& config, const workloads::Graph& graph,
                                      const std::vector<SiteClass>& storage);
void strike_held(const FaultModelConfig& config, int bits, RandomStream& random, DrawnUpset& draw);
std::vector<SiteClass> weight_sites(const FaultModelConfig& config, const workloads::Graph& graph,
                                    const std::vector<SiteClass>& storage);

}  // namespace fluence::fault
