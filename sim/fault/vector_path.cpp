#include "sim/fault/vector_path.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "sim/arith/golden_sums.h"
#include "sim/fault/sites.h"
#include "sim/fault/vector_unit.h"
#include "sim/protect/relu_check.h"
#include "workloads/channel_order.h"

namespace fluence::fault {

using arith::Parameter;
using dataflow::StageHolds;
using workloads::OpKind;

namespace {

std::int32_t saturated(std::int64_t value) {
    return static_cast<std::int32_t>(std::clamp<std::int64_t>(value, std::numeric_limits<std::int32_t>::min(),
                                                              std::numeric_limits<std::int32_t>::max()));
}

}  // namespace

VectorPath::VectorPath(const MachineView& machine, const FoldSums& sums, const arith::GoldenRun* golden,
                       const arith::LayerFault& fault)
    : machine_(machine),
      sums_(sums),
      golden_(golden),
      fault_(fault),
      layer_(machine.graph.layer(fault.layer)),
      pipeline_(machine.config.vector_unit, unit_parts(machine.policy).added_stages) {
    parameters_.assign(layer_, &fault);
}

VectorPath::Place VectorPath::place_of(std::int32_t id, std::int64_t index) const {
    const traces::VectorPass& pass = machine_.timeline.passes[static_cast<std::size_t>(id)];
    return {id, index, pass.read_cycle(index), machine_.decode_cycles(source_of(machine_, pass.layer))};
}

std::int64_t VectorPath::element_at(const Place& place) const {
    return fault::element_at(machine_, machine_.timeline.passes[static_cast<std::size_t>(place.pass)],
                             place.index);
}

// Without the bias.
std::uint32_t VectorPath::accumulator(const Place& place) const {
    const traces::VectorPass& pass = machine_.timeline.passes[static_cast<std::size_t>(place.pass)];
    const MacLayer& layer = machine_.mac_layer(pass.layer);
    const std::int64_t element = element_at(place);
    const std::int64_t channel = element / layer.gemm.m, pixel = element % layer.gemm.m;
    std::uint32_t sum = 0;
    if (golden_ != nullptr) {
        const std::int64_t at =
            arith::golden_sums_at(layer.gemm.m, layer.gemm.n, channel / layer.gemm.n, pixel) +
            channel % layer.gemm.n;
        sum = static_cast<std::uint32_t>(
                  golden_->accumulators[index_of(pass.layer)][static_cast<std::size_t>(at)]) -
              static_cast<std::uint32_t>(layer_.bias[static_cast<std::size_t>(channel)]);
    } else {
        machine_.for_each_block(pass.accumulator + place.index,
                                [&](const AccumulatorBlock& block, std::int64_t position) {
                                    if (block.pass == place.pass) {
                                        for (const std::int32_t id : block.folds) {
                                            const traces::Fold& f = machine_.fold(id);
                                            sum += sums_.total(f, position % f.pixels, position / f.pixels);
                                        }
                                    }
                                });
    }
    for (const arith::AccumulatorDelta& delta : fault_.accumulators) {
        sum += delta.index == element ? static_cast<std::uint32_t>(delta.delta) : 0;
    }
    return sum;
}

std::int32_t VectorPath::read(std::size_t input, std::int64_t element, std::int64_t output) const {
    std::int32_t code = sums_.tensors()[index_of(layer_.inputs[input])][static_cast<std::size_t>(element)];
    for (const arith::OperandChange& change : fault_.operands) {
        if (change.input == static_cast<std::int32_t>(input) && change.element == element &&
            output >= change.first_output && output < change.last_output) {
            code = change.code;
        }
    }
    return code;
}

// The largest code of a max_pool's window, the sum of an avg_pool's, the one code of a subsample's.
std::uint32_t VectorPath::window(std::int64_t output) const {
    const workloads::Shape& in = machine_.graph.tensor(layer_.inputs[0]).shape;
    const workloads::Shape& out = machine_.graph.tensor(layer_.output).shape;
    const workloads::Window& w = layer_.window;
    std::int64_t channel = output / out.plane();
    if (layer_.kind == OpKind::subsample) {
        channel = workloads::subsample_source(layer_, in.channels, channel);
        if (channel < 0) {
            return 0;
        }
    }
    const std::int64_t row = output % out.plane() / out.width;
    const std::int64_t image = out.image_of(row);
    const std::int64_t top = (row - image * out.height) * w.stride_h - w.pad_h;
    const std::int64_t left = output % out.width * w.stride_w - w.pad_w;
    const bool one = layer_.kind == OpKind::subsample;
    std::int32_t best = std::numeric_limits<std::int32_t>::min(), sum = 0;
    for (int ky = 0; ky < (one ? 1 : w.kernel_h); ++ky) {
        for (int kx = 0; kx < (one ? 1 : w.kernel_w); ++kx) {
            const std::int64_t y = top + std::int64_t{ky} * w.dilation_h;
            const std::int64_t x = left + std::int64_t{kx} * w.dilation_w;
            if (y >= 0 && y < in.height && x >= 0 && x < in.width) {
                const std::int64_t element = (channel * in.rows() + image * in.height + y) * in.width + x;
                const std::int32_t code = read(0, element, output);
                best = std::max(best, code);
                sum += code;
            }
        }
    }
    return static_cast<std::uint32_t>(layer_.kind == OpKind::avg_pool ? sum : best & 0xFF);
}

std::size_t VectorPath::concat_source(std::int64_t& element) const {
    std::size_t input = 0;
    while (element >= machine_.graph.tensor(layer_.inputs[input]).shape.elements()) {
        element -= machine_.graph.tensor(layer_.inputs[input++]).shape.elements();
    }
    return input;
}

std::uint32_t VectorPath::operand(const Place& place) const {
    if (layer_.has_macs()) {
        return accumulator(place);
    }
    const std::int64_t output = element_at(place);
    if (layer_.kind == OpKind::add) {
        return static_cast<std::uint32_t>((read(0, output, output) & 0xFF) | (read(1, output, output) & 0xFF)
                                                                                 << 8);
    }
    if (layer_.kind == OpKind::concat) {
        std::int64_t element = output;
        const std::size_t input = concat_source(element);
        return static_cast<std::uint32_t>(read(input, element, output) & 0xFF);
    }
    return window(output);
}

std::uint32_t VectorPath::parameter(Parameter which, std::size_t index, Cycle used,
                                    const Wrong& wrong) const {
    std::uint32_t value = which == Parameter::bias ? static_cast<std::uint32_t>(parameters_.bias[index])
                          : which == Parameter::multiplier
                              ? static_cast<std::uint32_t>(parameters_.multiplier[index])
                              : std::uint32_t{parameters_.shift[index]};
    if (wrong.parameters != nullptr) {
        for (const StruckParameterBits& struck : *wrong.parameters) {
            if (struck.parameter == which && struck.index == static_cast<std::int64_t>(index) &&
                struck.cycle <= used) {
                value ^= struck.mask;
            }
        }
    }
    return value;
}

std::uint32_t VectorPath::biased(const Place& place, std::uint32_t bits, const Wrong& wrong) const {
    if (!layer_.has_macs()) {
        return bits;
    }
    const auto channel =
        static_cast<std::size_t>(element_at(place) / machine_.graph.tensor(layer_.output).shape.plane());
    return bits + parameter(Parameter::bias, channel, pipeline_.bias_cycle(place.read, place.decode), wrong);
}

std::int64_t VectorPath::rescaled(const Place& place, std::uint32_t bits, const Wrong& wrong) const {
    const Cycle used = pipeline_.rescale_cycle(place.read, place.decode);
    const auto multiplier = [&](std::size_t i) {
        return static_cast<std::int32_t>(parameter(Parameter::multiplier, i, used, wrong));
    };
    const auto shift = [&](std::size_t i) {
        return static_cast<std::uint8_t>(parameter(Parameter::shift, i, used, wrong) & 63);
    };
    const auto format = [&](std::size_t input) { return machine_.graph.tensor(layer_.inputs[input]).format; };
    switch (layer_.kind) {
        case OpKind::conv:
        case OpKind::linear: {
            const auto channel = static_cast<std::size_t>(element_at(place) /
                                                          machine_.graph.tensor(layer_.output).shape.plane());
            return workloads::rescale(static_cast<std::int32_t>(bits), multiplier(channel), shift(channel));
        }
        case OpKind::avg_pool:
            return workloads::rescale(static_cast<std::int32_t>(bits), multiplier(0), shift(0));
        case OpKind::add: {
            const std::int64_t sum =
                std::int64_t{multiplier(0)} * workloads::flip_bits(format(0), 0, bits & 0xFF) +
                std::int64_t{multiplier(1)} * workloads::flip_bits(format(1), 0, bits >> 8 & 0xFF);
            return workloads::rescale(sum, 1, shift(0));
        }
        case OpKind::concat: {
            std::int64_t element = element_at(place);
            const std::size_t input = concat_source(element);
            return workloads::rescale(workloads::flip_bits(format(input), 0, bits & 0xFF), multiplier(input),
                                      shift(input));
        }
        default:
            return static_cast<std::int32_t>(bits);
    }
}

std::uint32_t VectorPath::clamped(std::int64_t value) const {
    const bool moves = layer_.kind == OpKind::max_pool || layer_.kind == OpKind::subsample;
    const std::int64_t code =
        moves ? value : std::clamp<std::int64_t>(value, layer_.clamp_lo, layer_.clamp_hi);
    return static_cast<std::uint32_t>(code) &
           dataflow::VectorPipeline::used_bits(machine_.graph, layer_, StageHolds::code);
}

std::int32_t VectorPath::code_of(std::uint32_t bits) const {
    return workloads::flip_bits(machine_.graph.tensor(layer_.output).format, 0, bits);
}

std::uint32_t VectorPath::at(const Place& place, int stage, const Wrong& wrong) const {
    std::uint32_t bits = operand(place);
    StageHolds held = StageHolds::operand;
    for (int j = 0; j <= stage; ++j) {
        const StageHolds holds = j < pipeline_.stages() ? pipeline_.holds(j) : StageHolds::code;
        if (held < StageHolds::biased && holds >= StageHolds::biased) {
            bits = biased(place, bits, wrong);
        }
        if (held < StageHolds::requantised && holds >= StageHolds::requantised) {
            const std::int64_t value = rescaled(place, bits, wrong);
            bits = holds == StageHolds::code ? clamped(value) : static_cast<std::uint32_t>(saturated(value));
        } else if (held == StageHolds::requantised && holds == StageHolds::code) {
            bits = clamped(static_cast<std::int32_t>(bits));
        }
        held = holds;
        if (static_cast<std::size_t>(j) < wrong.stages.size()) {
            bits ^= wrong.stages[static_cast<std::size_t>(j)] &
                    dataflow::VectorPipeline::used_bits(machine_.graph, layer_, holds);
        }
    }
    return bits;
}

std::int64_t VectorPath::in_front_of_clamp(const Place& place, const Wrong& wrong) const {
    const int stage = pipeline_.first(StageHolds::code);
    const StageHolds held = stage > 0 ? pipeline_.holds(stage - 1) : StageHolds::operand;
    const std::uint32_t bits = stage > 0 ? at(place, stage - 1, wrong) : operand(place);
    if (held == StageHolds::requantised) {
        return static_cast<std::int32_t>(bits);
    }
    return rescaled(place, held < StageHolds::biased ? biased(place, bits, wrong) : bits, wrong);
}

}  // namespace fluence::fault
