// Mahmoud et al., FxP-Flip and FxP-Rand: one random bit of one random stored layer output inverted, or that
// output replaced by a uniform random code. A code that is uniform over all codes, whatever stood there,
// differs from it by a mask that is uniform over all masks: that is what is drawn.
#include "sim/fault/layer_choice.h"
#include "sim/fault/registry.h"

namespace fluence::fault {

std::vector<SiteClass> neuron_sites(const FaultModelConfig& config, const workloads::Graph& graph,
                                    const std::vector<SiteClass>&) {
    const auto stores_outputs = [](const workloads::Layer& layer) {
        return layer.kind != workloads::OpKind::flatten;
    };
    const auto hidden = [&](const workloads::Layer& layer) {
        return layer.has_macs() && layer.output != graph.logits;
    };
    std::vector<SiteClass> sites;
    for (const LayerId id : chosen_layers(config, graph, stores_outputs, hidden, "stores outputs")) {
        const workloads::TensorInfo& output = graph.tensor(graph.layer(id).output);
        const int width = workloads::width_bits(output.format);
        // A neuron is as likely as any other, however wide its code is.
        sites.push_back({SiteKind::neuron, output.shape.elements(), width,
                         static_cast<std::int32_t>(index_of(id)), 1.0 / width});
    }
    return sites;
}

void strike_random_code(const FaultModelConfig&, int bits, RandomStream& random, DrawnUpset& draw) {
    draw.upset.bits = WordBits(random.next64() >> (64 - bits));
}

}  // namespace fluence::fault
