// Errors of MAC outputs (Amarnath et al., §3): a neuron's sum of products, in front of the bias, is wrong by
// inverted bits of its 32-bit word.
//   mac-bits  six distinct random bits
//   mac-word  a random bit, and from there outward on each side every next bit with probability 0.75, until
//             one is not
// Each MAC output of an inference is wrong independently with probability `error_rate`; of n outputs the
// number that is wrong is taken as Poisson with mean n·rate, which differs from the binomial distribution by
// at most `error_rate` in total variation (Le Cam 1960).
#include "sim/fault/layer_choice.h"
#include "sim/fault/registry.h"
#include "sim/fault/upset_count.h"

namespace fluence::fault {
namespace {

constexpr int kSumBits = 32;
constexpr int kWrongBits = 6;
constexpr double kNextBit = 0.75;

}  // namespace

void parse_mac_errors(JsonObject& object, FaultModelConfig& config) {
    parse_error_count(object, config.upsets);
    parse_layers(object, config);
}

void write_mac_errors(const FaultModelConfig& config, nlohmann::json& value) {
    value["upsets"] = upsets_json(config.upsets);
    write_layers(config, value);
}

std::vector<SiteClass> mac_output_sites(const FaultModelConfig& config, const workloads::Graph& graph,
                                        const std::vector<SiteClass>&) {
    const auto has_macs = [](const workloads::Layer& layer) { return layer.has_macs(); };
    std::vector<SiteClass> sites;
    for (const LayerId id : chosen_layers(config, graph, has_macs, has_macs, "has MACs")) {
        sites.push_back({SiteKind::mac_output, graph.tensor(graph.layer(id).output).shape.elements(),
                         kSumBits, static_cast<std::int32_t>(index_of(id)), 1.0 / kSumBits});
    }
    return sites;
}

void strike_six_bits(const FaultModelConfig&, int bits, RandomStream& random, DrawnUpset& draw) {
    while (draw.upset.bits.count() < kWrongBits) {
        draw.upset.bits.set(static_cast<std::size_t>(random.below(static_cast<std::uint64_t>(bits))));
    }
}

void strike_word(const FaultModelConfig&, int bits, RandomStream& random, DrawnUpset& draw) {
    const auto centre = static_cast<int>(random.below(static_cast<std::uint64_t>(bits)));
    draw.upset.bits.set(static_cast<std::size_t>(centre));
    for (const int step : {-1, 1}) {
        for (int bit = centre + step; bit >= 0 && bit < bits && random.uniform() < kNextBit; bit += step) {
            draw.upset.bits.set(static_cast<std::size_t>(bit));
        }
    }
}

}  // namespace fluence::fault
