// The fault space of a campaign cut into strata, and how a fault of a stratum is drawn.
//
// A fault is a first upset and, where several strike one inference, further ones. A stratum fixes the number
// of upsets and restricts the first one: to structures, bits, layers, images. Further upsets strike anywhere,
// as the fault model says. docs/statistics.md has the estimators.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/core/accelerator_config.h"
#include "sim/fault/sampler.h"
#include "traces/timeline.h"

namespace fluence::campaign {

// What an experiment says about sampling (key "sampling").
struct SamplingConfig {
    std::vector<std::string> by;              // of stratum_keys(); each once
    std::string allocation = "proportional";  // of allocations()
    std::int64_t pilot = 50;                  // neyman: faults a stratum that estimate its deviation
};
const std::vector<std::string>& stratum_keys();  // "structure", "bit", "layer", "confidence"
const std::vector<std::string>& allocations();   // "proportional", "equal", "neyman"

// Bits of the units of one site class.
struct StratumCell {
    std::size_t site = 0;  // index into Sampler::classes()
    std::vector<std::int32_t> bits;
};

struct Stratum {
    std::string label;  // "weight_buffer, bit 7, conv1, low confidence, 2 upsets"
    int upsets = 1;
    std::int32_t group = 0;            // of images
    traces::Cycle begin = 0, end = 1;  // of the run under the first policy; 0, 1 for models without time
    std::vector<StratumCell> cells;
    double level = 0;            // of a disturbance (Sampler::levels()); 0: the fault model knows none
    double weight = 1;           // share of the faults that the experiment is about; all add up to 1
    double population = 0;       // different faults in it; 0: drawn with replacement
    std::int64_t per_image = 0;  // population of one image
};

// A stratum of images, by how sure the network is of them.
struct ImageGroup {
    std::string label;  // empty: all images
    std::vector<std::int32_t> images;
};

// Three groups as equal in size as can be, by Top2Diff of the fault-free inference (Mahmoud et al., §IV);
// equals in the order of the images.
std::vector<ImageGroup> confidence_terciles(const std::vector<double>& top2diff);

class Strata {
  public:
    Strata() = default;
    // `upset_weights`: of the numbers of upsets first_upsets, first_upsets + 1 … Without `config` (null) all
    // of the fault space is one stratum for each of them, drawn with replacement; otherwise single upsets are
    // drawn without replacement. `timeline`: of the first policy.
    Strata(const SamplingConfig* config, const fault::Sampler& sampler, const AcceleratorConfig& accelerator,
           const traces::Timeline& timeline, std::vector<ImageGroup> groups,
           std::vector<double> upset_weights, int first_upsets);
    // Of a model that disturbs neurons: a stratum for each of its levels, on all images, drawn with
    // replacement. The fault space is that of the experiment's own level; `name` says what a level is.
    Strata(const fault::Sampler& sampler, const fault::DisturbanceConfig& config, const std::string& name,
           ImageGroup images);

    const std::vector<Stratum>& list() const { return list_; }
    const std::vector<ImageGroup>& groups() const { return groups_; }
    // Fault `id` of the campaign: draw number `round` on `image` of a stratum. Depends on its arguments
    // alone.
    fault::FaultDraw draw(const fault::Sampler& sampler, std::uint64_t seed, std::int64_t id,
                          std::int32_t stratum, std::int64_t round, std::int32_t image) const;

  private:
    fault::FaultDraw first_upset(const fault::Sampler& sampler, std::uint64_t seed, std::int64_t id,
                                 std::int32_t number, std::int64_t round, std::int32_t image) const;

    std::vector<Stratum> list_;
    std::vector<ImageGroup> groups_;
    double cycles_ = 1;  // of the run under the first policy
    bool whole_ = true;  // one stratum a number of upsets, drawn by the fault model itself
};

}  // namespace fluence::campaign
