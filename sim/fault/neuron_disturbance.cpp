#include "sim/fault/neuron_disturbance.h"

#include <cmath>

#include "sim/core/random.h"
#include "sim/protect/register_code.h"

namespace fluence::fault {
namespace {

class Draws {
  public:
    explicit Draws(const Upset& upset)
        : random_(static_cast<std::uint64_t>(upset.unit), RandomPurpose::neuron_disturbance,
                  static_cast<std::uint64_t>(upset.layer)),
          drops_(upset.site == SiteKind::neuron_dropout),
          threshold_(upset.bits.to_ullong()),
          deviation_(level_of(upset)) {}

    // The next neuron's, on top of what others do to it.
    void next(arith::DisturbedOutput& output) {
        if (drops_) {
            output.zeroed = random_.next32() < threshold_ || output.zeroed;
        } else {
            output.shift += static_cast<std::int32_t>(std::lround(random_.normal() * deviation_));
        }
    }

  private:
    RandomStream random_;
    const bool drops_;
    const std::uint64_t threshold_;
    const double deviation_;
};

bool copies_all_pes(const protect::Policy& policy) {
    return protect::register_code(policy.registers[index_of(RegisterRole::psum)].code).whole_pe();
}

}  // namespace

NeuronDisturbance::NeuronDisturbance(const workloads::Graph& graph, const AcceleratorConfig& config,
                                     const protect::Policy& policy)
    : graph_(graph), neurons_(policy, graph, config), all_protected_(copies_all_pes(policy)) {}

bool NeuronDisturbance::reaches(LayerId layer) const {
    const int channels = graph_.tensor(graph_.layer(layer).output).shape.channels;
    for (int channel = 0; channel < channels; ++channel) {
        if (!is_protected(layer, channel)) {
            return true;
        }
    }
    return false;
}

std::vector<arith::DisturbedOutput> NeuronDisturbance::outputs(LayerId layer,
                                                               const std::vector<Upset>& upsets) const {
    const workloads::Shape& shape = graph_.tensor(graph_.layer(layer).output).shape;
    std::vector<Draws> draws(upsets.begin(), upsets.end());
    std::vector<arith::DisturbedOutput> disturbed;
    std::int64_t index = 0;
    for (std::int64_t channel = 0; channel < shape.channels && !draws.empty(); ++channel) {
        const bool spared = is_protected(layer, channel);
        for (std::int64_t pixel = 0; pixel < shape.plane(); ++pixel) {
            arith::DisturbedOutput output;
            output.index = index++;
            for (Draws& draw : draws) {
                draw.next(output);
            }
            if (!spared && (output.zeroed || output.shift != 0)) {
                disturbed.push_back(output);
            }
        }
    }
    return disturbed;
}

}  // namespace fluence::fault
