#include "sim/campaign/ledger.h"

#include <algorithm>
#include <map>
#include <optional>

#include "sim/arith/golden_sums.h"
#include "sim/arith/parameters.h"

namespace fluence::campaign {
namespace {

using arith::LayerFault;
using arith::Parameters;
using workloads::Graph;
using workloads::Layer;
using workloads::OpKind;
using workloads::Shape;

bool pools(const Layer& layer) {
    return layer.kind == OpKind::max_pool || layer.kind == OpKind::avg_pool;
}

// Of two places in one layer the one that a difference reaches later.
MaskedBy further(MaskedBy a, MaskedBy b) {
    const auto rank = [](MaskedBy by) {
        switch (by) {
            case MaskedBy::gemm:
                return 0;
            case MaskedBy::accumulate:
                return 1;
            case MaskedBy::requantise:
                return 2;
            case MaskedBy::relu:
                return 3;
            case MaskedBy::pool:
                return 4;
            default:
                return 5;
        }
    };
    return rank(a) < rank(b) ? b : a;
}

// What makes two codes equal that come from `right` and `wrong`, both in front of the clamp.
MaskedBy between(const Layer& layer, std::int64_t right, std::int64_t wrong) {
    const auto clamped = [&](std::int64_t code) {
        return std::clamp<std::int64_t>(code, layer.clamp_lo, layer.clamp_hi);
    };
    return right == wrong                     ? MaskedBy::requantise
           : clamped(right) == clamped(wrong) ? MaskedBy::relu
                                              : MaskedBy::suppressed;
}

// A struck conv or linear layer that gives the fault-free codes.
MaskedBy in_mac_layer(const Graph& graph, const arith::GoldenRun& golden, const LayerFault& fault) {
    const Layer& layer = graph.layer(fault.layer);
    const Shape& out = graph.tensor(layer.output).shape;
    const std::int64_t plane = out.plane(), group_channels = out.channels / layer.groups;
    Parameters right, wrong;
    right.assign(layer, nullptr);
    wrong.assign(layer, &fault);
    std::map<std::int64_t, std::uint32_t> deltas;  // by output element
    for (const arith::AccumulatorDelta& change : fault.accumulators) {
        deltas[change.index] += static_cast<std::uint32_t>(change.delta);
    }
    MaskedBy by = MaskedBy::gemm;
    for (const auto& [element, delta] : deltas) {
        by = delta == 0 ? further(by, MaskedBy::accumulate) : by;
    }
    for (const arith::ParameterChange& change : fault.parameters) {
        for (std::int64_t pixel = 0; pixel < plane; ++pixel) {
            deltas.try_emplace(change.index * plane + pixel, 0);
        }
    }
    const workloads::Codes& sums = golden.accumulators[index_of(fault.layer)];
    for (const auto& [element, delta] : deltas) {
        const auto n = static_cast<std::size_t>(element / plane);
        const std::int64_t at =
            arith::golden_sums_at(plane, group_channels, element / plane / group_channels, element % plane) +
            element / plane % group_channels;
        const std::int32_t sum = sums[static_cast<std::size_t>(at)];
        const std::uint32_t moved = static_cast<std::uint32_t>(sum) + delta +
                                    static_cast<std::uint32_t>(wrong.bias[n]) -
                                    static_cast<std::uint32_t>(right.bias[n]);
        const bool same_parameters =
            wrong.multiplier[n] == right.multiplier[n] && wrong.shift[n] == right.shift[n];
        if (moved == static_cast<std::uint32_t>(sum) && same_parameters) {
            continue;
        }
        by = further(by, between(layer, workloads::rescale(sum, right.multiplier[n], right.shift[n]),
                                 workloads::rescale(static_cast<std::int32_t>(moved), wrong.multiplier[n],
                                                    wrong.shift[n])));
    }
    return by;
}

// The code of an output of an add or concat in front of the clamp. `fault`: null for none.
std::int64_t unclamped(const Graph& graph, const arith::GoldenRun& golden, const Layer& layer,
                       const LayerFault* fault, std::int64_t out) {
    Parameters parameters;
    parameters.assign(layer, fault);
    const auto read = [&](std::size_t input, std::int64_t element) {
        std::int32_t code = golden.tensors[index_of(layer.inputs[input])][static_cast<std::size_t>(element)];
        if (fault != nullptr) {
            for (const arith::OperandChange& change : fault->operands) {
                if (change.input == static_cast<std::int32_t>(input) && change.element == element &&
                    out >= change.first_output && out < change.last_output) {
                    code = change.code;
                }
            }
        }
        return std::int64_t{code};
    };
    if (layer.kind == OpKind::concat) {
        std::size_t input = 0;
        std::int64_t element = out;
        while (element >= graph.tensor(layer.inputs[input]).shape.elements()) {
            element -= graph.tensor(layer.inputs[input++]).shape.elements();
        }
        return workloads::rescale(read(input, element), parameters.multiplier[input],
                                  parameters.shift[input]);
    }
    const std::int64_t sum =
        parameters.multiplier[0] * read(0, out) + parameters.multiplier[1] * read(1, out);
    return workloads::rescale(sum, 1, parameters.shift[0]);
}

// A struck add or concat that gives the fault-free codes.
MaskedBy in_joining_layer(const Graph& graph, const arith::GoldenRun& golden, const LayerFault& fault) {
    const Layer& layer = graph.layer(fault.layer);
    std::vector<std::int64_t> outputs;
    for (const arith::OperandChange& change : fault.operands) {
        std::int64_t first = 0;  // of the input in the output
        for (std::int32_t i = 0; layer.kind == OpKind::concat && i < change.input; ++i) {
            first += graph.tensor(layer.inputs[static_cast<std::size_t>(i)]).shape.elements();
        }
        outputs.push_back(first + change.element);
    }
    for (std::int64_t out = 0; !fault.parameters.empty() && out < graph.tensor(layer.output).shape.elements();
         ++out) {
        outputs.push_back(out);
    }
    MaskedBy by = MaskedBy::gemm;
    for (const std::int64_t out : outputs) {
        by = further(by, between(layer, unclamped(graph, golden, layer, nullptr, out),
                                 unclamped(graph, golden, layer, &fault, out)));
    }
    return by;
}

MaskedBy in_struck_layer(const Graph& graph, const LedgerCase& one, const LayerFault& fault) {
    const Layer& layer = graph.layer(fault.layer);
    if (!fault.outputs.empty()) {
        return MaskedBy::suppressed;  // a code was wrong, and it is right behind the policy's parts
    }
    if (!fault.disturbed.empty() && fault.accumulators.empty() && fault.parameters.empty()) {
        const bool altered = one.run.restricted_values > 0 || one.run.filtered_values > 0;
        return altered ? MaskedBy::suppressed
                       : MaskedBy::relu;  // outputs that were 0 drop out, or noise leaves the format
    }
    if (layer.has_macs()) {
        return in_mac_layer(graph, one.golden, fault);
    }
    if (pools(layer)) {
        return MaskedBy::pool;
    }
    const bool joins = layer.kind == OpKind::add || layer.kind == OpKind::concat;
    return joins ? in_joining_layer(graph, one.golden, fault) : MaskedBy::gemm;
}

// By layer: the last one that reads its output; itself where nobody does.
std::vector<std::int32_t> last_readers(const Graph& graph) {
    std::vector<std::int32_t> producer(graph.tensors.size(), -1), last(graph.layers.size());
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        last[i] = static_cast<std::int32_t>(i);
        for (const TensorId id : graph.layers[i].inputs) {
            if (const std::int32_t from = producer[index_of(id)]; from >= 0) {
                last[static_cast<std::size_t>(from)] = static_cast<std::int32_t>(i);
            }
        }
        producer[index_of(graph.layers[i].output)] = static_cast<std::int32_t>(i);
    }
    return last;
}

// The last layer that read a difference, or was struck.
std::int32_t last_touched(const LedgerCase& one, arith::Engine& engine) {
    const std::vector<std::int32_t> readers = last_readers(engine.graph());
    const auto first = static_cast<std::size_t>(one.run.first_changed_layer);
    const auto last = static_cast<std::size_t>(one.run.last_changed_layer);
    std::int32_t touched = std::max(readers[first], readers[last]);
    const auto most = std::max_element(readers.begin() + static_cast<std::ptrdiff_t>(first),
                                       readers.begin() + static_cast<std::ptrdiff_t>(last) + 1);
    if (*most > touched) {
        engine.propagate(one.golden, one.faults, [&](LayerId layer, const std::vector<arith::ValueChange>&) {
            touched = std::max(touched, readers[index_of(layer)]);
        });
    }
    return std::max(touched, static_cast<std::int32_t>(index_of(one.faults.back().layer)));
}

// Differences left the struck layers, and none is left in the logits.
LedgerEntry behind(const LedgerCase& one, arith::Engine& engine) {
    const Graph& graph = engine.graph();
    const std::int32_t number = last_touched(one, engine);
    const Layer& layer = graph.layers[static_cast<std::size_t>(number)];
    if (one.run.restricted_values > 0 || one.run.filtered_values > 0) {
        return {MaskedBy::suppressed, number};
    }
    return {layer.output == graph.logits ? MaskedBy::logits
            : pools(layer)               ? MaskedBy::pool
                                         : MaskedBy::later_layer,
            number};
}

// Nothing where something was read that is wrong.
std::optional<MaskedBy> before_use(fault::DeadReason dead) {
    using fault::DeadReason;
    switch (dead) {
        case DeadReason::absent:
            return MaskedBy::absent;
        case DeadReason::idle:
            return MaskedBy::idle;
        case DeadReason::overwritten:
            return MaskedBy::overwritten;
        case DeadReason::never_read:
            return MaskedBy::never_read;
        case DeadReason::padding:
            return MaskedBy::padding;
        case DeadReason::corrected:
            return MaskedBy::corrected;
        case DeadReason::none:
        case DeadReason::no_effect:
            break;
    }
    return std::nullopt;
}

// No layer was changed.
LedgerEntry without_change(const fault::Resolution& resolution, fault::DeadReason dead) {
    if (const std::optional<MaskedBy> by = before_use(dead)) {
        return {*by, -1};
    }
    return {resolution.zeroed          ? MaskedBy::suppressed
            : resolution.sums_absorbed ? MaskedBy::accumulate
                                       : MaskedBy::gemm,
            resolution.layer};
}

}  // namespace

LedgerEntry ledger_entry_of_state(Outcome outcome, fault::DeadReason dead) {
    if (outcome == Outcome::sdc || outcome == Outcome::due) {
        return {};
    }
    if (outcome == Outcome::benign) {
        return {MaskedBy::same_top1, -1};
    }
    return {before_use(dead).value_or(MaskedBy::rerun), -1};
}

LedgerEntry ledger_entry(const LedgerCase& one, arith::Engine& engine) {
    const Graph& graph = engine.graph();
    if (one.outcome == Outcome::sdc || one.outcome == Outcome::due) {
        return {};
    }
    if (one.outcome == Outcome::benign) {
        return {MaskedBy::same_top1, -1};
    }
    if (one.faults.empty()) {
        return without_change(one.resolution, one.dead);
    }
    if (one.run.first_changed_layer >= 0) {
        return behind(one, engine);
    }
    LedgerEntry entry{MaskedBy::gemm, -1};
    for (const LayerFault& fault : one.faults) {
        const MaskedBy by = in_struck_layer(graph, one, fault);
        if (entry.layer < 0 || further(entry.by, by) != entry.by) {
            entry = {by, static_cast<std::int32_t>(index_of(fault.layer))};
        }
    }
    return entry;
}

}  // namespace fluence::campaign
