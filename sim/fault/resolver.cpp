#include "sim/fault/resolver.h"

#include <stdexcept>
#include <string>

#include "sim/fault/accumulator_sites.h"
#include "sim/fault/effects.h"
#include "sim/fault/machine_view.h"
#include "sim/fault/register_sites.h"
#include "sim/fault/sites.h"
#include "sim/fault/word_sites.h"

namespace fluence::fault {
namespace {

std::uint32_t low_32(const WordBits& bits) {
    return static_cast<std::uint32_t>((bits & WordBits(0xFFFFFFFFu)).to_ullong());
}

// The struck bits that the site has, of `width`.
WordBits present(const WordBits& bits, int width) {
    const auto cut = static_cast<std::size_t>(kMaxWordBits - width);
    return bits << cut >> cut;
}

}  // namespace

struct Resolver::Impl {
    MachineView machine;
    std::vector<SiteClass> sites;

    Impl(const workloads::Graph& graph, const AcceleratorConfig& config, const protect::Policy& policy,
         const traces::Timeline& timeline)
        : machine(graph, config, policy, timeline), sites(site_classes(graph, config, policy)) {}

    // Bits of a unit of the upset's site; 0 where the machine has no such site.
    int site_bits(const Upset& upset) const {
        if (upset.site == SiteKind::neuron) {
            const auto layer = static_cast<std::size_t>(upset.layer);
            if (upset.layer < 0 || layer >= machine.graph.layers.size()) {
                throw std::out_of_range("upset of a neuron: no layer " + std::to_string(upset.layer));
            }
            const workloads::TensorInfo& output = machine.graph.tensor(machine.graph.layers[layer].output);
            check_unit(upset, output.shape.elements());
            return workloads::width_bits(output.format);
        }
        for (const SiteClass& site : sites) {
            if (site.kind == upset.site) {
                check_unit(upset, site.units);
                return site.bits;
            }
        }
        return 0;
    }

    static void check_unit(const Upset& upset, std::int64_t units) {
        if (upset.unit < 0 || upset.unit >= units) {
            throw std::out_of_range(std::string("upset of ") + name_of(upset.site) + ": no unit " +
                                    std::to_string(upset.unit) + " (valid: 0 to " +
                                    std::to_string(units - 1) + ")");
        }
    }

    void strike(const Upset& upset, const WordBits& bits, Effects& effects, Resolution& result) const {
        RegisterSites registers(machine, effects);
        WordSites words(machine, effects);
        const std::uint32_t mask = low_32(bits);
        switch (upset.site) {
            case SiteKind::pe_weight:
                return registers.weight(upset.unit, upset.cycle, mask, result);
            case SiteKind::pe_weight_shadow:
                return registers.shadow_weight(upset.unit, upset.cycle, mask, result);
            case SiteKind::pe_activation:
                return registers.activation(upset.unit, upset.cycle, mask, result);
            case SiteKind::pe_psum:
                return registers.partial_sum(upset.unit, upset.cycle, mask, result);
            case SiteKind::weight_buffer:
                return words.buffer(Memory::weight_buffer, upset.unit, upset.cycle, bits, result);
            case SiteKind::activation_buffer:
                return words.buffer(Memory::activation_buffer, upset.unit, upset.cycle, bits, result);
            case SiteKind::output_buffer:
                return AccumulatorSites(machine, effects).word(upset.unit, upset.cycle, bits, result);
            case SiteKind::dram:
                return words.dram(upset.unit, upset.cycle, bits, result);
            case SiteKind::neuron:
                return neuron(upset, mask, effects, result);
            default:
                throw std::logic_error(std::string("the resolver does not know ") + name_of(upset.site));
        }
    }

    void neuron(const Upset& upset, std::uint32_t mask, Effects& effects, Resolution& result) const {
        const LayerId layer = layer_id(static_cast<std::size_t>(upset.layer));
        const TensorId output = machine.graph.layer(layer).output;
        const auto code = static_cast<std::uint32_t>(
            effects.golden().tensors[index_of(output)][static_cast<std::size_t>(upset.unit)]);
        const int width = workloads::width_bits(machine.graph.tensor(output).format);
        result.golden_bits = width == 32 ? code : code & ((std::uint32_t{1} << width) - 1);
        result.faulty_bits = result.golden_bits ^ mask;
        result.layer = upset.layer;
        effects.output_flips(layer, upset.unit, mask);
    }
};

Resolver::Resolver(const workloads::Graph& graph, const AcceleratorConfig& config,
                   const protect::Policy& policy, const traces::Timeline& timeline)
    : impl_(std::make_unique<Impl>(graph, config, policy, timeline)) {}

Resolver::~Resolver() = default;

Resolution Resolver::resolve(const Upset& upset, const arith::GoldenRun& golden) const {
    Resolution result;
    const WordBits bits = present(upset.bits, impl_->site_bits(upset));
    if (bits.none()) {
        result.dead = DeadReason::absent;
        return result;
    }
    Effects effects(impl_->machine, golden);
    impl_->strike(upset, bits, effects, result);
    result.faults = effects.take();
    if (!result.faults.empty()) {
        result.dead = DeadReason::none;
    } else if (result.dead == DeadReason::none) {
        result.dead = DeadReason::no_effect;
    }
    return result;
}

}  // namespace fluence::fault
