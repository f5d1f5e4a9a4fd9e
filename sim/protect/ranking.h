// How resilient the neurons of a network are, for policies that protect some of them (Schorn et
// al.). A column of the array computes a channel, so that resilience counts by output channel here.
//
// A file of kind "neurons" (docs/policies/ppe.md): by layer, one resilience r > 0 an output channel, or one a
// neuron (flat: channel, row, column), of which a channel's is the harmonic mean: that of its mean relevance.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sim/core/ids.h"
#include "sim/core/json.h"
#include "workloads/graph.h"

namespace fluence::protect {

// Resilience by layer name.
using NeuronResilience = std::map<std::string, std::vector<double>>;

// Throws InputError.
NeuronResilience read_neuron_resilience(const std::string& path);

struct RankingPart {
    // random     r = |N(0,1)|, from `seed` and the layer's place in the network
    // magnitude  r = 1 / Σ|w| over the channel's weights, as real numbers
    // values     as given
    enum class By { random, magnitude, values };
    By by = By::magnitude;
    std::uint64_t seed = 0;
    std::shared_ptr<const NeuronResilience> values;
};

// The value of a key "ranking": {"by": "random", "seed": …}, {"by": "magnitude"}, {"by": "file", "path": …}
// (a file of kind "neurons") or what became of that, {"by": "values", "layers": {…}}.
RankingPart parse_ranking(JsonObject& object);
nlohmann::json to_json(const RankingPart& ranking);

// r of each output channel of a layer with MACs, the least resilient having the smallest. Throws InputError,
// in the name of `policy`, where given values do not fit the layer.
std::vector<double> channel_resilience(const RankingPart& ranking, const workloads::Graph& graph,
                                       LayerId layer, const std::string& policy);

}  // namespace fluence::protect
