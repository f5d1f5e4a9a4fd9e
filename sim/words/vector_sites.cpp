#include "sim/words/vector_sites.h"

#include <algorithm>

#include "sim/fault/live_value.h"
#include "sim/fault/vector_unit.h"

namespace fluence::words {

using fault::DeadReason;
using traces::SiteKind;
using traces::Upset;

namespace {

dataflow::VectorPipeline pipeline_of(const fault::MachineView& machine) {
    return {machine.config.vector_unit, static_cast<int>(machine.timing.vector_pipeline.count())};
}

// The outputs of a concat that come from an input; of other layers all.
struct Span {
    std::int64_t first = 0, end = 0;
};
Span copied_outputs(const fault::MachineView& machine, const workloads::Layer& layer, std::int64_t input) {
    const auto elements = [&](TensorId tensor) { return machine.graph.tensor(tensor).shape.elements(); };
    if (layer.kind != workloads::OpKind::concat || input >= static_cast<std::int64_t>(layer.inputs.size())) {
        return {0, elements(layer.output)};
    }
    Span span;
    for (std::size_t k = 0; k <= static_cast<std::size_t>(input); ++k) {
        span = {span.end, span.end + elements(layer.inputs[k])};
    }
    return span;
}

}  // namespace

WordVectorSites::WordVectorSites(const fault::MachineView& machine, const fault::StoredValues& golden,
                                 arith::WordValues& values, fault::Effects& effects)
    : machine_(machine),
      golden_(golden),
      values_(values),
      effects_(effects),
      pipeline_(pipeline_of(machine)) {}

void WordVectorSites::strike(const Upset& upset, const WordBits& bits, fault::Resolution& result) {
    result.dead = DeadReason::idle;
    if (upset.site == SiteKind::vector_pipeline) {
        pipeline(upset, wide_bits(bits), result);
    } else {
        parameter(upset, bits, result);
    }
}

void WordVectorSites::pipeline(const Upset& upset, WideBits mask, fault::Resolution& result) {
    const std::int64_t lanes = machine_.config.vector_unit.lanes;
    const auto stage = static_cast<int>(upset.unit / lanes);
    const StageHolds holds = pipeline_.holds(stage);
    const auto strike_element = [&](std::int32_t id, std::int64_t index) {
        const traces::VectorPass& pass = machine_.timeline.passes[static_cast<std::size_t>(id)];
        const int used = dataflow::VectorPipeline::used_word_bits(
            machine_.config.array.format, machine_.graph.layer(pass.layer).kind, holds);
        const WideBits struck = mask & low_wide_bits(used);
        result.layer = static_cast<std::int32_t>(pass.layer);
        if (struck == 0) {
            result.dead = DeadReason::padding;
            return;
        }
        const std::int64_t element = fault::element_at(machine_, pass, index);
        fault::note_live(pass.layer, static_cast<std::uint64_t>(values_.held(pass.layer, element, holds)),
                         static_cast<std::uint64_t>(struck), result);
        effects_.of(pass.layer);
        stages_.push_back({pass.layer, element, holds, struck});
    };
    fault::for_each_in(machine_, pipeline_, stage, upset.unit % lanes, upset.cycle, strike_element);
}

void WordVectorSites::parameter(const Upset& upset, const WordBits& bits, fault::Resolution& result) {
    const fault::ParameterWord word = fault::parameter_word(machine_, upset.unit, upset.cycle);
    if (word.owner < 0) {
        return;
    }
    const LayerId layer = layer_id(static_cast<std::size_t>(word.owner));
    result.layer = word.owner;
    result.dead = DeadReason::padding;
    for (const auto& [field, mask] : fault::struck_fields(machine_.memory.fields(word.dram_word), bits)) {
        if (result.dead == DeadReason::padding) {
            result.golden_bits = golden_.bits(field);
            result.faulty_bits = result.golden_bits ^ mask;
            result.dead = word.again ? DeadReason::overwritten : DeadReason::never_read;
        }
        const bool shift = field.kind == dataflow::FieldKind::shift;
        for (const ParameterUse& use : uses_of(machine_, layer, shift, field.index)) {
            if (use.cycle(use.end - 1) >= upset.cycle) {
                result.dead = DeadReason::none;
            }
        }
        effects_.of(layer);
        registers_.push_back({layer, shift, field.index, upset.cycle, mask});
    }
}

std::vector<ParameterUse> uses_of(const fault::MachineView& machine, LayerId id, bool shift,
                                  std::int64_t index) {
    const workloads::Layer& layer = machine.graph.layer(id);
    const dataflow::VectorPipeline pipeline = pipeline_of(machine);
    const int decode = machine.decode_cycles(fault::source_of(machine, id));
    const bool of_bias = layer.has_macs() && (!shift || index == 0);  // it, or its shift
    const Cycle behind = of_bias ? pipeline.bias_cycle(0, decode) : pipeline.rescale_cycle(0, decode);
    const Span copied = copied_outputs(machine, layer, index);
    std::vector<ParameterUse> uses;
    for (const traces::VectorPass& pass : machine.timeline.passes) {
        if (pass.layer != id) {
            continue;
        }
        ParameterUse use{&pass, 0, pass.elements, behind};
        if (!layer.has_macs()) {
            use.first = std::max<std::int64_t>(0, copied.first - pass.first_element);
            use.end = std::min(pass.elements, copied.end - pass.first_element);
        } else if (!shift) {
            const fault::MacLayer& mac = machine.mac_layer(id);
            const std::int64_t n = mac.position(index) - pass.first_n;
            const bool here = index / mac.gemm.n == pass.group && n >= 0 && n < pass.channels;
            use.first = here ? n * pass.pixels : 0;
            use.end = here ? use.first + pass.pixels : 0;
        }
        if (use.first < use.end) {
            uses.push_back(use);
        }
    }
    return uses;
}

}  // namespace fluence::words
