// Fault models: where and when upsets strike.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/core/json.h"
#include "sim/core/random.h"
#include "sim/fault/sites.h"
#include "sim/fault/upset.h"
#include "workloads/graph.h"

namespace fluence::fault {

// How many upsets strike one inference: `fixed`, or as many as a Poisson process leaves in its time. Its mean
// is given, or follows from a raw rate, the storage and the clock. Simulated are 1 … most upsets.
struct UpsetCount {
    int fixed = 1;
    std::optional<double> mean;
    std::optional<double> rate_fit_per_mbit;
    double clock_hz = 0;        // 0: the accelerator's clock
    int most = 0;               // 0: as many as happen in all but 10⁻⁶ of the inferences with upsets
    std::vector<double> means;  // further means that reports evaluate
    bool poisson() const { return mean.has_value() || rate_fit_per_mbit.has_value(); }
};
inline constexpr int kMostUpsets = 64;

struct FaultModelConfig {
    std::string name = "seu";                     // a row of the registry
    std::map<std::string, double> cross_section;  // seu: by site kind; 0 leaves the kind out; default 1
    UpsetCount upsets;                            // seu
    std::vector<std::string> layers;              // neuron-flip: names; empty: MAC layers but the logits'
};
// Keys: "name", and those of the model ("cross_section" and "upsets", or "layers"). Throws InputError.
FaultModelConfig parse_fault_model(JsonObject object);
nlohmann::json to_json(const FaultModelConfig& config);
// Names of the registry's rows, and one line on each.
std::vector<std::string> fault_models();
std::string summary_of_fault_model(const std::string& name);  // throws std::out_of_range

struct DrawnUpset {
    Upset upset;
    double phase = 0;
};

// One drawn fault, before it is given a cycle of a particular machine run: `phase` is the moment as a share
// of the run, in [0,1) but for Sampler::later(), so that the same fault strikes runs of different length
// (policies cost cycles) at the same relative moment. Upset::cycle = ⌊phase · cycles⌋.
struct FaultDraw {
    Upset upset;
    double phase = 0;
    std::vector<DrawnUpset> further;  // that strike the same inference
    Upset at(traces::Cycle cycles) const;
    std::vector<Upset> all_at(traces::Cycle cycles) const;
};
// The upset in a run of `cycles` cycles.
Upset placed(const Upset& upset, double phase, traces::Cycle cycles);

class Sampler {
  public:
    // `classes`: the united sites of all policies of the experiment (seu), ignored by neuron-flip. Throws
    // InputError for layers that the graph does not have and where nothing is left to strike.
    Sampler(const FaultModelConfig& config, const workloads::Graph& graph,
            const std::vector<SiteClass>& classes);
    // The sample of a given index; depends on (seed, sample) alone.
    FaultDraw draw(std::uint64_t seed, std::uint64_t sample) const;
    // Upsets that strike the same inference as the sample, each drawn as it is, independent of it.
    std::vector<DrawnUpset> further(std::uint64_t seed, std::uint64_t sample, int count) const;
    // Upsets that come behind the inference's first run, of phases in [1, 1 + extent): a Poisson process of
    // `mean` > 0 upsets in the time of a run, independent of the others.
    std::vector<DrawnUpset> later(std::uint64_t seed, std::uint64_t sample, double mean, double extent) const;
    // The sites that are struck, with their cross-sections.
    const std::vector<SiteClass>& classes() const { return classes_; }

  private:
    DrawnUpset draw_from(RandomStream& random) const;

    std::vector<SiteClass> classes_;
    std::vector<double> cumulative_;
    bool timed_ = true;
};

}  // namespace fluence::fault
