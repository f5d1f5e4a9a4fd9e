#include "sim/fault/sampler.h"

#include <algorithm>
#include <cmath>

#include "sim/core/error.h"
#include "sim/fault/registry.h"

namespace fluence::fault {

FaultModelConfig parse_fault_model(JsonObject object) {
    FaultModelConfig config;
    config.name = object.choice("name", fault_models());
    fault_model(config.name).parse(object, config);
    object.finish();
    return config;
}

nlohmann::json to_json(const FaultModelConfig& config) {
    nlohmann::json value = {{"name", config.name}};
    fault_model(config.name).write(config, value);
    return value;
}

std::vector<std::string> fault_models() {
    std::vector<std::string> names;
    for (const FaultModel& model : fault_model_table()) {
        names.emplace_back(model.name);
    }
    return names;
}

std::string summary_of_fault_model(const std::string& name) {
    return fault_model(name).summary;
}

Upset placed(const Upset& upset, double phase, traces::Cycle cycles) {
    Upset result = upset;
    if (upset.site != SiteKind::neuron) {
        const auto cycle = static_cast<traces::Cycle>(std::floor(phase * static_cast<double>(cycles)));
        // Of the run itself the product may round up to its end.
        result.cycle = std::max<traces::Cycle>(0, phase < 1 ? std::min(cycle, cycles - 1) : cycle);
    }
    return result;
}

Upset FaultDraw::at(traces::Cycle cycles) const {
    return placed(upset, phase, cycles);
}

std::vector<Upset> FaultDraw::all_at(traces::Cycle cycles) const {
    std::vector<Upset> upsets = {at(cycles)};
    for (const DrawnUpset& other : further) {
        upsets.push_back(placed(other.upset, other.phase, cycles));
    }
    return upsets;
}

Sampler::Sampler(const FaultModelConfig& config, const workloads::Graph& graph,
                 const std::vector<SiteClass>& classes) {
    const FaultModel& model = fault_model(config.name);
    timed_ = model.timed;
    classes_ = model.sites(config, graph, classes);
    double total = 0;
    for (const SiteClass& site : classes_) {
        total += site.weight();
        cumulative_.push_back(total);
    }
    if (!(total > 0)) {
        throw InputError("", "fault_model", "leaves no site that could be struck");
    }
}

DrawnUpset Sampler::draw_from(RandomStream& random) const {
    const double at = random.uniform() * cumulative_.back();
    const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end(), at);
    const std::size_t chosen =
        std::min(static_cast<std::size_t>(found - cumulative_.begin()), classes_.size() - 1);
    const SiteClass& site = classes_[chosen];

    DrawnUpset draw;
    draw.upset.site = site.kind;
    draw.upset.layer = site.layer;
    draw.upset.unit = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(site.units)));
    draw.upset.bits.set(static_cast<std::size_t>(random.below(static_cast<std::uint64_t>(site.bits))));
    draw.phase = timed_ ? random.uniform() : 0;
    return draw;
}

FaultDraw Sampler::draw(std::uint64_t seed, std::uint64_t sample) const {
    RandomStream random(seed, RandomPurpose::fault_sampling, sample);
    const DrawnUpset first = draw_from(random);
    return {first.upset, first.phase, {}};
}

std::vector<DrawnUpset> Sampler::further(std::uint64_t seed, std::uint64_t sample, int count) const {
    // The upper half of the samples' numbers, which no campaign reaches.
    constexpr std::uint64_t kFurther = std::uint64_t{1} << 63;
    RandomStream random(seed, RandomPurpose::fault_sampling, kFurther | sample);
    std::vector<DrawnUpset> upsets;
    for (int i = 0; i < count; ++i) {
        upsets.push_back(draw_from(random));
    }
    return upsets;
}

std::vector<DrawnUpset> Sampler::later(std::uint64_t seed, std::uint64_t sample, double mean,
                                       double extent) const {
    // Numbers that neither samples nor further() reach.
    constexpr std::uint64_t kLater = std::uint64_t{1} << 62;
    RandomStream random(seed, RandomPurpose::fault_sampling, kLater | sample);
    std::vector<DrawnUpset> upsets;
    // A Poisson process: exponential distances, in units of a run.
    const auto step = [&] { return -std::log1p(-random.uniform()) / mean; };
    for (double at = step(); at < extent && timed_; at += step()) {
        upsets.push_back(draw_from(random));
        upsets.back().phase = 1 + at;
    }
    return upsets;
}

}  // namespace fluence::fault
