// Fault models: where and when upsets strike.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/core/json.h"
#include "sim/core/random.h"
#include "sim/fault/cluster.h"
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
    std::optional<double> error_rate;  // mac-bits, mac-word: probability of an error, for each MAC output
    std::vector<double> error_rates;   // further ones that reports evaluate
    double clock_hz = 0;               // 0: the accelerator's clock
    int most = 0;               // 0: as many as happen in all but 10⁻⁶ of the inferences with upsets
    std::vector<double> means;  // further means that reports evaluate
    bool poisson() const {
        return mean.has_value() || rate_fit_per_mbit.has_value() || error_rate.has_value();
    }
};
inline constexpr int kMostUpsets = 64;

// A shape of adjacent cells that one particle upsets, and how probable it is among the model's shapes.
struct ClusterShape {
    Cluster cells;
    double probability = 0;
};

// How much the neurons of an inference are disturbed: dropout's probability, agn's σ_noise.
struct DisturbanceConfig {
    double level = 0;
    std::vector<double> levels;             // further ones that the campaign draws inferences at
    std::int64_t calibration_images = 100;  // agn: that the layers' mean outputs are taken over
};

// Which bits are held at what, and from when on.
struct StuckAtConfig {
    std::optional<int> value;  // 0 or 1; none: drawn, both alike
    bool whole_run = false;    // otherwise from a uniform cycle on
};

struct FaultModelConfig {
    std::string name = "seu";  // a row of the registry
    std::map<std::string, double>
        cross_section;                 // seu, mbu, stuck-at: by site kind; 0 leaves the kind out; default 1
    UpsetCount upsets;                 // seu, mbu, mac-bits, mac-word, stuck-at
    std::vector<ClusterShape> shapes;  // mbu
    DisturbanceConfig disturbance;     // dropout, agn
    StuckAtConfig stuck_at;
    std::vector<std::string> layers;  // the models of values and weights: names; empty: see each model
};
// Keys: "name", and those of the model (docs/fault-models.md). Throws InputError.
FaultModelConfig parse_fault_model(JsonObject object);
nlohmann::json to_json(const FaultModelConfig& config);
// Names of the registry's rows, and one line on each.
std::vector<std::string> fault_models();
std::string summary_of_fault_model(const std::string& name);  // throws std::out_of_range
// What the level of a model that disturbs all neurons is called; empty: it strikes otherwise. Throws
// std::out_of_range.
std::string level_of_fault_model(const std::string& name);
// Whether levels are in units of the layers' mean outputs, which Sampler then needs.
bool needs_mean_outputs(const FaultModelConfig& config);

struct DrawnUpset {
    Upset upset;
    double phase = 0;
    Cluster cluster;  // that begins at the upset's bit (cluster.h)
};

// One drawn fault, before it is given a cycle of a particular machine run: `phase` is the moment as a share
// of the run, in [0,1) but for Sampler::later(), so that the same fault strikes runs of different length
// (policies cost cycles) at the same relative moment. Upset::cycle = ⌊phase · cycles⌋.
struct FaultDraw {
    Upset upset;
    double phase = 0;
    std::vector<DrawnUpset> further;  // that strike the same inference
    Cluster cluster;
    Upset at(traces::Cycle cycles) const;  // without its cluster
};
// The upset in a run of `cycles` cycles; values lie in a run as a whole.
Upset placed(const Upset& upset, double phase, traces::Cycle cycles);

// A disturbance as a further run of its inference meets it, 1 the first of them: other draws of the same
// kind.
Upset again_in_run(const Upset& disturbance, int run);

struct FaultModel;  // registry.h

class Sampler {
  public:
    // `storage`: the united sites of all policies of the experiment, for the models that strike storage.
    // `mean_outputs`: by layer, the mean of its output codes, where the model needs them. Throws InputError
    // for layers that the graph does not have and where nothing is left to strike.
    Sampler(const FaultModelConfig& config, const workloads::Graph& graph,
            const std::vector<SiteClass>& storage, std::vector<double> mean_outputs = {});
    // The sample of a given index; depends on (seed, sample) alone.
    FaultDraw draw(std::uint64_t seed, std::uint64_t sample) const;
    // Upsets that strike the same inference as the sample, each drawn as it is, independent of it.
    std::vector<DrawnUpset> further(std::uint64_t seed, std::uint64_t sample, int count) const;
    // Upsets that come behind the inference's first run, of phases in [1, 1 + extent): a Poisson process of
    // `mean` > 0 upsets in the time of a run, independent of the others.
    std::vector<DrawnUpset> later(std::uint64_t seed, std::uint64_t sample, double mean, double extent) const;
    // A fault of the sample's own pattern at unit `unit` of a class, beginning at `bit` where the model has
    // single bits or clusters; phase 0.
    FaultDraw draw_at(std::uint64_t seed, std::uint64_t sample, const SiteClass& site, std::int64_t unit,
                      std::int32_t bit) const;
    // Disturbances: the levels that inferences are drawn at, ascending, the model's own among them; empty for
    // all other models. draw() is at the model's own.
    std::vector<double> levels() const;
    FaultDraw draw_at_level(std::uint64_t seed, std::uint64_t sample, double level) const;
    // The sites that are struck, with their cross-sections.
    const std::vector<SiteClass>& classes() const { return classes_; }
    bool timed() const;
    // A unit and a bit say which fault it is; otherwise the model draws patterns.
    bool single_bits() const;
    // Whether faults begin at one bit, so that bits can be strata.
    bool begins_at_bits() const;

  private:
    DrawnUpset draw_from(RandomStream& random) const;

    FaultModelConfig config_;
    const FaultModel* model_;
    std::vector<double> mean_outputs_;
    std::vector<SiteClass> classes_;
    std::vector<double> cumulative_;
};

}  // namespace fluence::fault
