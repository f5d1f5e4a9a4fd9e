// Malfunctions of neurons (Schorn, Guntoro, Ascheid, §IV-C and §IV-D): of the neurons that are computed on
// unprotected PEs each
//   dropout  outputs 0 with probability p
//   agn      gets additive Gaussian noise N(0, (σ_noise·μ)²), μ the mean output of its layer
// A fault is an inference with such draws in all chosen layers: one upset a layer, all with the number of the
// stream of draws (neuron_fields.h) that belongs to the inference.
#include <algorithm>
#include <cmath>

#include "sim/fault/layer_choice.h"
#include "sim/fault/registry.h"

namespace fluence::fault {
namespace {

constexpr double kLeastProbability = 1e-9, kLeastSigma = 1e-6, kLargestSigma = 1e3;
constexpr double kDefaultProbability = 0.01, kDefaultSigma = 0.1;
constexpr std::int64_t kMostCalibrationImages = 1'000'000;
constexpr int kLevelBits = 32;
constexpr int kStreamBits = 48;  // of a stream's number; further runs of the inference count above

// A level under `one` and a list under `several`.
void parse_levels(JsonObject& object, const char* one, const char* several, double fallback, double least,
                  double most, DisturbanceConfig& config) {
    config.level = object.number_or(one, fallback, least, most);
    if (!object.has(several)) {
        return;
    }
    const nlohmann::json& list = object.raw(several);
    const std::string valid = "a list of numbers, as " + std::string(one);
    if (!list.is_array()) {
        object.fail(several, "is no list", valid);
    }
    for (const nlohmann::json& value : list) {
        if (!value.is_number() || value.get<double>() < least || value.get<double>() > most) {
            object.fail(several, "has " + value.dump(), valid);
        }
        config.levels.push_back(value.get<double>());
    }
}

std::vector<SiteClass> disturbed_layers(SiteKind kind, const FaultModelConfig& config,
                                        const workloads::Graph& graph) {
    const auto has_macs = [](const workloads::Layer& layer) { return layer.has_macs(); };
    std::vector<SiteClass> sites;
    for (const LayerId id : chosen_layers(config, graph, has_macs, has_macs, "has MACs")) {
        sites.push_back({kind, graph.tensor(graph.layer(id).output).shape.elements(), kLevelBits,
                         static_cast<std::int32_t>(index_of(id)), 1.0 / kLevelBits});
    }
    return sites;
}

}  // namespace

void parse_dropout(JsonObject& object, FaultModelConfig& config) {
    parse_levels(object, "probability", "probabilities", kDefaultProbability, kLeastProbability, 1,
                 config.disturbance);
    parse_layers(object, config);
}

void write_dropout(const FaultModelConfig& config, nlohmann::json& value) {
    value["probability"] = config.disturbance.level;
    value["probabilities"] = config.disturbance.levels;
    write_layers(config, value);
}

std::vector<SiteClass> dropout_sites(const FaultModelConfig& config, const workloads::Graph& graph,
                                     const std::vector<SiteClass>&) {
    return disturbed_layers(SiteKind::neuron_dropout, config, graph);
}

void parse_noise(JsonObject& object, FaultModelConfig& config) {
    parse_levels(object, "sigma", "sigmas", kDefaultSigma, kLeastSigma, kLargestSigma, config.disturbance);
    config.disturbance.calibration_images = object.integer_or(
        "calibration_images", config.disturbance.calibration_images, 1, kMostCalibrationImages);
    parse_layers(object, config);
}

void write_noise(const FaultModelConfig& config, nlohmann::json& value) {
    value["sigma"] = config.disturbance.level;
    value["sigmas"] = config.disturbance.levels;
    value["calibration_images"] = config.disturbance.calibration_images;
    write_layers(config, value);
}

std::vector<SiteClass> noise_sites(const FaultModelConfig& config, const workloads::Graph& graph,
                                   const std::vector<SiteClass>&) {
    return disturbed_layers(SiteKind::neuron_noise, config, graph);
}

bool needs_mean_outputs(const FaultModelConfig& config) {
    return config.name == "agn";
}

Upset again_in_run(const Upset& disturbance, int run) {
    Upset again = disturbance;
    again.unit += std::int64_t{run} << kStreamBits;
    return again;
}

std::vector<double> Sampler::levels() const {
    if (model_->level == nullptr) {
        return {};
    }
    std::vector<double> levels = config_.disturbance.levels;
    levels.push_back(config_.disturbance.level);
    std::sort(levels.begin(), levels.end());
    levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
    return levels;
}

FaultDraw Sampler::draw_at_level(std::uint64_t seed, std::uint64_t sample, double level) const {
    RandomStream random(seed, RandomPurpose::fault_sampling, sample);
    const auto stream = static_cast<std::int64_t>(random.next64() >> (64 - kStreamBits));
    FaultDraw fault;
    for (const SiteClass& site : classes_) {
        DrawnUpset drawn;
        drawn.upset.site = site.kind;
        drawn.upset.layer = site.layer;
        drawn.upset.unit = stream;
        const double in_layer =
            mean_outputs_.empty()
                ? level
                : std::min(level * std::abs(mean_outputs_[static_cast<std::size_t>(site.layer)]),
                           traces::kLargestNoise);
        drawn.upset.bits = traces::level_bits(site.kind, in_layer);
        fault.further.push_back(drawn);
    }
    fault.upset = fault.further.front().upset;
    fault.further.erase(fault.further.begin());
    return fault;
}

}  // namespace fluence::fault
