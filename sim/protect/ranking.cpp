#include "sim/protect/ranking.h"

#include <cmath>
#include <cstdlib>
#include <limits>

#include "sim/core/error.h"
#include "sim/core/random.h"
#include "sim/core/text.h"
#include "sim/protect/channel_magnitude.h"

namespace fluence::protect {
namespace {

constexpr double kMost = std::numeric_limits<double>::max();

NeuronResilience parse_layers(JsonObject& object) {
    const nlohmann::json& layers = object.raw("layers");
    const char* valid = "an object: by layer, an array of numbers above 0";
    if (!layers.is_object() || layers.empty()) {
        object.fail("layers", "holds no layers", valid);
    }
    NeuronResilience resilience;
    for (const auto& [layer, values] : layers.items()) {
        std::vector<double>& of_layer = resilience[layer];
        for (const nlohmann::json& value : values) {
            if (!value.is_number() || !(value.get<double>() > 0) || value.get<double>() > kMost) {
                object.fail("layers." + layer, "holds " + value.dump(), valid);
            }
            of_layer.push_back(value.get<double>());
        }
        if (!values.is_array() || of_layer.empty()) {
            object.fail("layers." + layer, "holds no numbers", valid);
        }
    }
    return resilience;
}

std::vector<double> random_resilience(std::uint64_t seed, LayerId layer, std::size_t channels) {
    RandomStream random(seed, RandomPurpose::channel_ranking, static_cast<std::uint64_t>(layer));
    std::vector<double> resilience;
    for (std::size_t c = 0; c < channels; ++c) {
        resilience.push_back(std::abs(random.normal()));
    }
    return resilience;
}

std::vector<double> weight_resilience(const workloads::Layer& layer, std::size_t channels) {
    std::vector<double> resilience = channel_magnitudes(layer, channels);
    for (double& r : resilience) {
        r = 1 / r;
    }
    return resilience;
}

std::vector<double> given_resilience(const NeuronResilience& values, const workloads::Graph& graph,
                                     const workloads::Layer& layer, const std::string& policy) {
    const workloads::Shape& shape = graph.tensor(layer.output).shape;
    const auto channels = static_cast<std::size_t>(shape.channels);
    const auto found = values.find(layer.name);
    const std::string key = "pe.ppe.ranking.layers." + layer.name;
    if (found == values.end()) {
        throw InputError(policy, key, "is missing: the network has this layer",
                         "an array of " + std::to_string(channels) + " numbers");
    }
    const std::size_t count = found->second.size();
    if (count != channels && count != static_cast<std::size_t>(shape.elements())) {
        throw InputError(policy, key, "has " + std::to_string(count) + " values",
                         std::to_string(channels) + ", one a channel, or " +
                             std::to_string(shape.elements()) + ", one a neuron");
    }
    const std::size_t neurons = count / channels;
    std::vector<double> resilience;
    for (std::size_t c = 0; c < channels; ++c) {
        double relevance = 0;
        for (std::size_t i = 0; i < neurons; ++i) {
            relevance += 1 / found->second[c * neurons + i];
        }
        resilience.push_back(static_cast<double>(neurons) / relevance);
    }
    return resilience;
}

}  // namespace

NeuronResilience read_neuron_resilience(const std::string& path) {
    const nlohmann::json value = read_json_file(path);
    JsonObject root(value, path);
    root.choice("kind", {"neurons"});
    root.integer("version", 1, 1);
    root.text_or("source", "");
    NeuronResilience resilience = parse_layers(root);
    root.finish();
    return resilience;
}

RankingPart parse_ranking(JsonObject& object) {
    RankingPart ranking;
    const std::string by = object.choice("by", {"random", "magnitude", "file", "values"});
    if (by == "random") {
        ranking.by = RankingPart::By::random;
        ranking.seed = static_cast<std::uint64_t>(
            object.integer_or("seed", 0, 0, std::numeric_limits<std::int64_t>::max()));
    } else if (by != "magnitude") {
        ranking.by = RankingPart::By::values;
        ranking.values = std::make_shared<const NeuronResilience>(
            by == "file" ? read_neuron_resilience(object.text("path")) : parse_layers(object));
    }
    object.finish();
    return ranking;
}

nlohmann::json to_json(const RankingPart& ranking) {
    switch (ranking.by) {
        case RankingPart::By::random:
            return {{"by", "random"}, {"seed", ranking.seed}};
        case RankingPart::By::magnitude:
            return {{"by", "magnitude"}};
        case RankingPart::By::values:
            break;
    }
    return {{"by", "values"}, {"layers", *ranking.values}};
}

std::vector<double> channel_resilience(const RankingPart& ranking, const workloads::Graph& graph, LayerId id,
                                       const std::string& policy) {
    const workloads::Layer& layer = graph.layer(id);
    const auto channels = static_cast<std::size_t>(graph.tensor(layer.output).shape.channels);
    switch (ranking.by) {
        case RankingPart::By::random:
            return random_resilience(ranking.seed, id, channels);
        case RankingPart::By::magnitude:
            return weight_resilience(layer, channels);
        case RankingPart::By::values:
            break;
    }
    return given_resilience(*ranking.values, graph, layer, policy);
}

}  // namespace fluence::protect
