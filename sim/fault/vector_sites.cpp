#include "sim/fault/vector_sites.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "sim/fault/sites.h"
#include "sim/fault/vector_path.h"
#include "sim/fault/vector_unit.h"
#include "sim/protect/relu_check.h"

namespace fluence::fault {

using arith::Parameter;
using dataflow::FieldKind;
using dataflow::StageHolds;

VectorSites::VectorSites(const VectorWork& work, Effects& effects)
    : work_(work),
      machine_(work.machine),
      effects_(effects),
      pipeline_(machine_.config.vector_unit, unit_parts(machine_.policy).added_stages) {}

void VectorSites::strike(const Upset& upset, const WordBits& bits, Resolution& result) {
    result.dead = DeadReason::idle;
    switch (upset.site) {
        case SiteKind::vector_pipeline:
            return pipeline(upset, low_32(bits), result);
        case SiteKind::vector_parameter:
            return parameter(upset, bits, result);
        case SiteKind::relu_operand:
            return relu(upset, low_32(bits), result);
        case SiteKind::range_bound:
            return bound(upset, low_32(bits), result);
        default:
            throw std::logic_error(std::string("the vector unit has no ") + name_of(upset.site));
    }
}

void VectorSites::pipeline(const Upset& upset, std::uint32_t mask, Resolution& result) {
    const int lanes = machine_.config.vector_unit.lanes;
    const auto stage = static_cast<int>(upset.unit / lanes);
    const std::int64_t lane = upset.unit % lanes;
    for_each_in(machine_, pipeline_, stage, lane, upset.cycle, [&](std::int32_t pass, std::int64_t index) {
        const LayerId layer = machine_.timeline.passes[static_cast<std::size_t>(pass)].layer;
        const std::uint32_t used = dataflow::VectorPipeline::used_bits(
            machine_.graph, machine_.graph.layer(layer), pipeline_.holds(stage));
        result.layer = static_cast<std::int32_t>(layer);
        if ((mask & used) == 0) {
            result.dead = DeadReason::padding;
            return;
        }
        arith::LayerFault none;
        none.layer = layer;
        const VectorPath path(machine_, work_.sums, work_.golden, none);
        result.golden_bits = path.at(path.place_of(pass, index), stage, {});
        result.faulty_bits = result.golden_bits ^ (mask & used);
        result.dead = DeadReason::none;
        effects_.of(layer).vector.stages.push_back({pass, index, stage, mask & used});
    });
}

void VectorSites::relu(const Upset& upset, std::uint32_t mask, Resolution& result) {
    for_each_in(machine_, pipeline_, pipeline_.first(StageHolds::code), upset.unit, upset.cycle,
                [&](std::int32_t pass, std::int64_t index) {
                    const LayerId layer = machine_.timeline.passes[static_cast<std::size_t>(pass)].layer;
                    if (!protect::has_relu(machine_.graph, machine_.graph.layer(layer))) {
                        return;
                    }
                    arith::LayerFault none;
                    none.layer = layer;
                    const VectorPath path(machine_, work_.sums, work_.golden, none);
                    const std::int64_t x = std::clamp<std::int64_t>(
                        path.in_front_of_clamp(path.place_of(pass, index), {}), dataflow::kLeastReluOperand,
                        machine_.graph.layer(layer).clamp_hi);
                    result.golden_bits = static_cast<std::uint32_t>(x) & dataflow::kReluOperandMask;
                    result.faulty_bits = result.golden_bits ^ mask;
                    result.layer = static_cast<std::int32_t>(layer);
                    result.dead = DeadReason::none;
                    effects_.of(layer).vector.relu.push_back({pass, index, mask});
                });
}

// The lane's elements in the order in which they come into the last stage: whose bounds the register has when
// it is struck, and which elements come until it takes others.
void VectorSites::bound(const Upset& upset, std::uint32_t mask, Resolution& result) {
    struct User {
        std::int32_t pass = 0;
        std::int64_t index = 0;
        Cycle cycle = 0;
    };
    std::vector<User> users;
    LoadedBounds held;
    LayerId layer{};
    bool replaced = false;
    for (std::size_t p = 0; p < machine_.timeline.passes.size() && !replaced; ++p) {
        const traces::VectorPass& pass = machine_.timeline.passes[p];
        arith::LayerFault none;
        none.layer = pass.layer;
        const VectorPath path(machine_, work_.sums, work_.golden, none);
        for (std::int64_t i = upset.unit; i < pass.elements && !replaced; i += pass.lanes) {
            if (machine_.is_copy(pass, i)) {
                continue;
            }
            const VectorPath::Place place = path.place_of(static_cast<std::int32_t>(p), i);
            const Cycle cycle = pipeline_.cycle(place.read, place.decode, pipeline_.stages() - 1);
            const LoadedBounds own = bounds_of(work_, pass.layer, path.element_at(place));
            if (own.key < 0) {
                continue;
            }
            if (own.key != held.key) {
                // Elements of the same cycle find the other bounds in the register and do without it.
                users.erase(std::remove_if(users.begin(), users.end(),
                                           [&](const User& user) { return user.cycle == cycle; }),
                            users.end());
                if (cycle > upset.cycle) {
                    replaced = true;
                    continue;
                }
                held = own;
                layer = pass.layer;
            }
            if (cycle >= upset.cycle) {
                users.push_back({place.pass, i, cycle});
            }
        }
    }
    if (held.key < 0) {
        return;
    }
    result.golden_bits = held.bits;
    result.faulty_bits = held.bits ^ mask;
    result.layer = static_cast<std::int32_t>(layer);
    result.dead = !users.empty() ? DeadReason::none
                  : replaced     ? DeadReason::overwritten
                                 : DeadReason::never_read;
    for (const User& user : users) {
        effects_.of(layer).vector.bounds.push_back({user.pass, user.index, mask});
    }
}

void VectorSites::parameter(const Upset& upset, const WordBits& bits, Resolution& result) {
    const ParameterWord word = parameter_word(machine_, upset.unit, upset.cycle);
    if (word.owner < 0) {
        return;
    }
    const LayerId id = layer_id(static_cast<std::size_t>(word.owner));
    const workloads::Layer& layer = machine_.graph.layer(id);
    result.layer = word.owner;
    result.dead = DeadReason::padding;
    std::vector<StruckParameterBits>& struck = effects_.of(id).vector.parameters;
    for (const auto& [field, mask] : struck_fields(machine_.memory.fields(word.dram_word), bits)) {
        const auto index = static_cast<std::size_t>(field.index);
        const Parameter which = field.kind == FieldKind::bias         ? Parameter::bias
                                : field.kind == FieldKind::multiplier ? Parameter::multiplier
                                                                      : Parameter::shift;
        if (result.dead == DeadReason::padding) {
            result.golden_bits = which == Parameter::bias ? static_cast<std::uint32_t>(layer.bias[index])
                                 : which == Parameter::multiplier
                                     ? static_cast<std::uint32_t>(layer.multiplier[index])
                                     : layer.shift[index];
            result.faulty_bits = result.golden_bits ^ mask;
        }
        result.dead = DeadReason::none;
        struck.push_back({which, field.index, upset.cycle, mask});
    }
    Cycle last = -1;  // in which the layer uses any of them
    for (const traces::VectorPass& pass : machine_.timeline.passes) {
        if (pass.layer == id) {
            last = std::max(last, pipeline_.rescale_cycle(pass.read_cycle(pass.elements - 1),
                                                          machine_.decode_cycles(source_of(machine_, id))));
        }
    }
    if (result.dead == DeadReason::none && upset.cycle > last) {
        result.dead = word.again ? DeadReason::overwritten : DeadReason::never_read;
    }
}

}  // namespace fluence::fault
