#include <algorithm>
#include <map>

#include "sim/fault/vector_path.h"
#include "sim/protect/relu_check.h"

namespace fluence::fault {

using arith::Parameter;
using dataflow::StageHolds;

namespace {

struct StruckElement {
    VectorPath::Wrong wrong;
    std::uint32_t relu = 0, bounds = 0;
    std::uint32_t waiting = 0;  // bits of the finished code that are inverted behind restriction
};
using StruckElements = std::map<std::pair<std::int32_t, std::int64_t>, StruckElement>;  // by pass and index

// Elements that use a parameter at or behind the cycle in which it is struck.
void find_users(const MachineView& machine, const VectorPath& path, const arith::LayerFault& fault,
                const StruckVector& struck, StruckElements& elements) {
    const bool macs = machine.graph.layer(fault.layer).has_macs();
    for (std::size_t p = 0; p < machine.timeline.passes.size(); ++p) {
        const traces::VectorPass& pass = machine.timeline.passes[p];
        if (pass.layer != fault.layer) {
            continue;
        }
        for (const StruckParameterBits& parameter : struck.parameters) {
            std::int64_t first = 0, end = pass.elements;
            if (macs) {
                const MacLayer& layer = machine.mac_layer(pass.layer);
                const std::int64_t n = layer.position(parameter.index) - pass.first_n;
                const bool here = parameter.index / layer.gemm.n == pass.group && n >= 0 && n < pass.channels;
                first = n * pass.pixels;
                end = here ? first + pass.pixels : first;
            }
            for (std::int64_t i = std::max<std::int64_t>(first, 0); i < end; ++i) {
                const auto id = static_cast<std::int32_t>(p);
                const VectorPath::Place place = path.place_of(id, i);
                const Cycle used = parameter.parameter == Parameter::bias
                                       ? path.pipeline().bias_cycle(place.read, place.decode)
                                       : path.pipeline().rescale_cycle(place.read, place.decode);
                if (used >= parameter.cycle) {
                    elements[{id, i}];
                }
            }
        }
    }
}

// y of the first stage that holds the code, against x in the check's register beside it.
bool relu_differs(const workloads::Layer& layer, const VectorPath& path, const VectorPath::Place& place,
                  const StruckElement& element) {
    const std::int64_t x = std::clamp<std::int64_t>(path.in_front_of_clamp(place, element.wrong),
                                                    dataflow::kLeastReluOperand, layer.clamp_hi);
    const std::int64_t held = dataflow::relu_operand(static_cast<std::uint32_t>(x) ^ element.relu);
    const int stage = path.pipeline().first(StageHolds::code);
    return path.code_of(path.at(place, stage, element.wrong)) != std::max<std::int64_t>(held, layer.clamp_lo);
}

}  // namespace

LoadedBounds bounds_of(const VectorWork& work, LayerId layer, std::int64_t element) {
    const workloads::TensorInfo& output = work.machine.graph.tensor(work.machine.graph.layer(layer).output);
    if (work.bounds.empty() || work.bounds[index_of(layer)].lo.empty() ||
        output.format == workloads::NumberFormat::s32) {
        return {};
    }
    const arith::OutputBounds& bounds = work.bounds[index_of(layer)];
    const std::int64_t channel = element / output.shape.plane();
    const std::optional<protect::RangePart>& range = work.machine.policy.range;
    const bool by_channel = range && range->granularity == protect::RangePart::Granularity::channel;
    const auto c = static_cast<std::size_t>(channel);
    return {static_cast<std::int64_t>(index_of(layer)) << 32 | (by_channel ? channel : 0),
            dataflow::range_bound_bits(bounds.lo[c], bounds.hi[c])};
}

std::int32_t restricted(const VectorWork& work, LayerId layer, const LoadedBounds& bounds, std::int32_t code,
                        std::uint32_t inverted) {
    if (bounds.key < 0) {
        return code;
    }
    const workloads::TensorInfo& output = work.machine.graph.tensor(work.machine.graph.layer(layer).output);
    return dataflow::restricted_by(bounds.bits ^ inverted, output.format,
                                   work.bounds[index_of(layer)].zero_outside, code);
}

void add_vector_changes(const VectorWork& work, const StruckVector& struck, arith::LayerFault& fault) {
    if (!struck.any()) {
        return;
    }
    const VectorPath path(work.machine, work.sums, work.golden, fault);
    arith::LayerFault none;
    none.layer = fault.layer;
    const VectorPath golden(work.machine, work.golden_sums, &work.golden_run, none);
    const workloads::Layer& layer = work.machine.graph.layer(fault.layer);
    const workloads::NumberFormat format = work.machine.graph.tensor(layer.output).format;
    const int end = path.pipeline().stages();
    StruckElements elements;
    for (const StruckStage& stage : struck.stages) {
        std::vector<std::uint32_t>& stages = elements[{stage.pass, stage.index}].wrong.stages;
        stages.resize(static_cast<std::size_t>(end));
        stages[static_cast<std::size_t>(stage.stage)] ^= stage.mask;
    }
    for (const StruckCheck& check : struck.relu) {
        elements[{check.pass, check.index}].relu ^= check.mask;
    }
    for (const StruckCheck& check : struck.bounds) {
        elements[{check.pass, check.index}].bounds ^= check.mask;
    }
    for (const StruckCheck& code : struck.waiting) {
        elements[{code.pass, code.index}].waiting ^= code.mask;
    }
    find_users(work.machine, path, fault, struck, elements);
    const bool checked = work.machine.policy.relu_check && protect::has_relu(work.machine.graph, layer);
    std::vector<arith::OutputFlip> flips;
    for (auto& [at, element] : elements) {
        element.wrong.parameters = &struck.parameters;
        const VectorPath::Place place = path.place_of(at.first, at.second);
        const std::uint32_t right = path.at(place, end, {});
        std::uint32_t wrong = path.at(place, end, element.wrong);
        if (element.bounds != 0 || element.waiting != 0) {
            const LoadedBounds bounds = bounds_of(work, fault.layer, path.element_at(place));
            const std::int32_t code = path.code_of(wrong);
            const std::int32_t passed = restricted(work, fault.layer, bounds, code, element.bounds);
            if (element.waiting != 0 || passed != restricted(work, fault.layer, bounds, code)) {
                // In front of the true bounds the code is as without faults, so that they do nothing to it.
                wrong = golden.at(place, end, {});
                const bool suppressed = code != path.code_of(wrong) && code != passed;
                const std::int32_t held = workloads::flip_bits(format, passed, element.waiting);
                fault.restricted.push_back({path.element_at(place), held, suppressed});
            }
        }
        if (right != wrong) {
            flips.push_back({path.element_at(place), right ^ wrong, false});
        }
        fault.relu_alarm = fault.relu_alarm || (checked && relu_differs(layer, path, place, element));
    }
    fault.thresholds = struck.thresholds;
    fault.outputs.insert(fault.outputs.end(), flips.begin(), flips.end());
}

}  // namespace fluence::fault
