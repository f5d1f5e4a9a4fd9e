// Fault models: where and when upsets strike.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "sim/core/accelerator_config.h"
#include "sim/core/json.h"
#include "sim/fault/upset.h"
#include "sim/protect/policy.h"
#include "workloads/graph.h"

namespace fluence::fault {

// All sites of one kind: `units` of `bits` bits each.
struct SiteClass {
    SiteKind kind = SiteKind::pe_weight;
    std::int64_t units = 0;
    std::int32_t bits = 0;
    std::int32_t layer = -1;    // neuron only: one class a layer
    double cross_section = 1;   // relative sensitivity of a bit
    double weight() const { return static_cast<double>(units) * bits * cross_section; }
};

// The storage of a machine under a policy. Sites of several policies are united with unite(): check bits
// that only one of them stores are sites for all, and dead (absent) where they do not exist.
std::vector<SiteClass> site_classes(const workloads::Graph& graph, const AcceleratorConfig& config,
                                    const protect::Policy& policy);
std::vector<SiteClass> unite(const std::vector<std::vector<SiteClass>>& classes);

struct FaultModelConfig {
    std::string name = "seu";                       // a row of the registry
    std::map<std::string, double> cross_section;    // seu: by site kind; 0 leaves the kind out; default 1
    std::vector<std::string> layers;                // neuron-flip: names; empty: all but the logits
};
FaultModelConfig parse_fault_model(JsonObject object);
nlohmann::json to_json(const FaultModelConfig& config);
std::vector<std::string> fault_models();

// One drawn fault, before it is given a cycle of a particular machine run: `phase` in [0,1) is the moment
// as a share of the run, so that the same fault strikes runs of different length (policies cost cycles)
// at the same relative moment. Upset::cycle = ⌊phase · cycles⌋.
struct FaultDraw {
    Upset upset;
    double phase = 0;
    Upset at(traces::Cycle cycles) const;
};

class Sampler {
  public:
    // `classes`: the united sites of all policies of the experiment (seu), ignored by neuron-flip.
    Sampler(const FaultModelConfig& config, const workloads::Graph& graph, std::vector<SiteClass> classes);
    // The sample of a given index; depends on (seed, sample) alone.
    FaultDraw draw(std::uint64_t seed, std::uint64_t sample) const;
    const std::vector<SiteClass>& classes() const { return classes_; }

  private:
    FaultModelConfig config_;
    std::vector<SiteClass> classes_;
    std::vector<double> cumulative_;
};

}  // namespace fluence::fault
