#include "sim/fault/sampler.h"

#include <algorithm>
#include <cmath>
#include <utility>

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

std::string level_of_fault_model(const std::string& name) {
    const char* level = fault_model(name).level;
    return level != nullptr ? level : "";
}

Upset placed(const Upset& upset, double phase, traces::Cycle cycles) {
    Upset result = upset;
    if (traces::is_value(upset.site) && phase < 1) {
        result.cycle = 0;
        return result;
    }
    const auto cycle = static_cast<traces::Cycle>(std::floor(phase * static_cast<double>(cycles)));
    // Of the run itself the product may round up to its end.
    result.cycle = std::max<traces::Cycle>(0, phase < 1 ? std::min(cycle, cycles - 1) : cycle);
    return result;
}

Upset FaultDraw::at(traces::Cycle cycles) const {
    return placed(upset, phase, cycles);
}

Sampler::Sampler(const FaultModelConfig& config, const workloads::Graph& graph,
                 const std::vector<SiteClass>& storage, std::vector<double> mean_outputs)
    : config_(config), model_(&fault_model(config.name)), mean_outputs_(std::move(mean_outputs)) {
    classes_ = model_->sites(config, graph, storage);
    double total = 0;
    for (const SiteClass& site : classes_) {
        total += site.weight();
        cumulative_.push_back(total);
    }
    if (!(total > 0)) {
        throw InputError("", "fault_model", "leaves no site that could be struck");
    }
}

bool Sampler::timed() const {
    return model_->timed && !config_.stuck_at.whole_run;
}

bool Sampler::single_bits() const {
    return model_->pattern == Pattern::bit && (model_->strike == nullptr || config_.stuck_at.value);
}

bool Sampler::begins_at_bits() const {
    return model_->pattern != Pattern::unit;
}

namespace {

// `drawn`: what strikes there.
Upset struck_at(const SiteClass& site, std::int64_t unit, const Upset& drawn) {
    Upset upset = drawn;
    upset.site = site.kind;
    upset.layer = site.layer;
    upset.unit = unit;
    return upset;
}

}  // namespace

DrawnUpset Sampler::draw_from(RandomStream& random) const {
    const double at = random.uniform() * cumulative_.back();
    const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end(), at);
    const std::size_t chosen =
        std::min(static_cast<std::size_t>(found - cumulative_.begin()), classes_.size() - 1);
    const SiteClass& site = classes_[chosen];

    DrawnUpset draw;
    const auto unit = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(site.units)));
    if (model_->pattern != Pattern::unit) {
        draw.upset.bits.set(static_cast<std::size_t>(random.below(static_cast<std::uint64_t>(site.bits))));
    }
    if (model_->strike != nullptr) {
        model_->strike(config_, site.bits, random, draw);
    }
    draw.upset = struck_at(site, unit, draw.upset);
    draw.phase = timed() ? random.uniform() : 0;
    return draw;
}

FaultDraw Sampler::draw_at(std::uint64_t seed, std::uint64_t sample, const SiteClass& site, std::int64_t unit,
                           std::int32_t bit) const {
    DrawnUpset draw;
    if (model_->pattern != Pattern::unit) {
        draw.upset.bits.set(static_cast<std::size_t>(bit));
    }
    if (model_->strike != nullptr) {
        RandomStream random(seed, RandomPurpose::fault_sampling, sample);
        model_->strike(config_, site.bits, random, draw);
    }
    return {struck_at(site, unit, draw.upset), 0, {}, draw.cluster};
}

FaultDraw Sampler::draw(std::uint64_t seed, std::uint64_t sample) const {
    if (model_->level != nullptr) {
        return draw_at_level(seed, sample, config_.disturbance.level);
    }
    RandomStream random(seed, RandomPurpose::fault_sampling, sample);
    const DrawnUpset first = draw_from(random);
    return {first.upset, first.phase, {}, first.cluster};
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
    for (double at = step(); at < extent && model_->recurs; at += step()) {
        upsets.push_back(draw_from(random));
        upsets.back().phase = 1 + at;
    }
    return upsets;
}

}  // namespace fluence::fault
