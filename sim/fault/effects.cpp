#include "sim/fault/effects.h"

#include <algorithm>
#include <utility>

#include "sim/arith/disturbed.h"
#include "sim/arith/parameters.h"
#include "sim/fault/checksum_changes.h"
#include "sim/protect/relu_check.h"

namespace fluence::fault {

using traces::Fold;

namespace {

// Returns whether deltas added up to zero and were dropped.
template <class Delta, class Key>
bool add_up(std::vector<Delta>& deltas, Key key) {
    const auto less = [&](const Delta& a, const Delta& b) { return key(a) < key(b); };
    if (!std::is_sorted(deltas.begin(), deltas.end(), less)) {
        std::sort(deltas.begin(), deltas.end(), less);
    }
    std::size_t kept = 0;
    bool cancelled = false;
    for (std::size_t i = 0; i < deltas.size();) {
        Delta sum = deltas[i];
        std::uint64_t total = 0;
        for (const auto first = key(sum); i < deltas.size() && key(deltas[i]) == first; ++i) {
            total += static_cast<std::uint64_t>(std::int64_t{deltas[i].delta});
        }
        sum.delta = static_cast<decltype(sum.delta)>(total);
        if (sum.delta != 0) {
            deltas[kept++] = sum;
        } else {
            cancelled = true;
        }
    }
    deltas.resize(kept);
    return cancelled;
}

// By how much an accumulator is off; `deltas` are in order, one a sum.
std::uint32_t accumulator_delta(const std::vector<arith::AccumulatorDelta>& deltas, std::int64_t element) {
    const auto at = std::lower_bound(
        deltas.begin(), deltas.end(), element,
        [](const arith::AccumulatorDelta& delta, std::int64_t index) { return delta.index < index; });
    return at != deltas.end() && at->index == element ? static_cast<std::uint32_t>(at->delta) : 0;
}

}  // namespace

StruckLayer& Effects::of(LayerId layer) {
    for (StruckLayer& struck : layers_) {
        if (struck.layer == layer) {
            return struck;
        }
    }
    layers_.emplace_back();
    layers_.back().layer = layer;
    return layers_.back();
}

const std::vector<StruckLayer>& Effects::layers() {
    std::sort(layers_.begin(), layers_.end(),
              [](const StruckLayer& a, const StruckLayer& b) { return a.layer < b.layer; });
    return layers_;
}

LayerChanges::LayerChanges(const MachineView& machine, const FoldSums& sums, const StruckLayer& struck,
                           bool joint)
    : machine_(machine), sums_(sums), struck_(struck) {
    fault_.layer = struck.layer;
    fault_.outputs = struck.outputs;
    if (joint || !sums.linear()) {
        add_up_folds();
    } else {
        add_one_by_one();
    }
    read_wrong();
    parameters_wrong();
}

void LayerChanges::accumulator_off(const Fold& f, std::int64_t m, std::int64_t n, std::uint32_t delta) {
    const MacLayer& layer = machine_.mac_layer(f.layer);
    output_off(layer.output_element(layer.channel(f.group, f.first_n + n), f.first_pixel + m),
               layer.is_copy(f.group, f.first_n + n) ? Copy::yes : Copy::no, delta);
}

void LayerChanges::output_off(std::int64_t element, Copy copy, std::uint32_t delta) {
    (copy == Copy::yes ? fault_.duplicates : fault_.accumulators)
        .push_back({element, static_cast<std::int32_t>(delta)});
}

void LayerChanges::add_up_folds() {
    const auto add = [&](const auto& all) {
        for (const auto& one : all) {
            struck_folds_.try_emplace(one.fold, sums_, machine_.fold(one.fold)).first->second.add(one);
        }
    };
    add(struck_.operands);
    add(struck_.products);
    add(struck_.sums);
    for (const auto& [id, fold] : struck_folds_) {
        folds_[id] = fold.evaluate();
        rows_[id] = fold.row_operand_changes();
    }
}

void LayerChanges::add_one_by_one() {
    for (const StruckOperand& struck : struck_.operands) {
        struck.weight ? weight_off(struck) : activation_off(struck);
    }
    for (const StruckProduct& struck : struck_.products) {
        const Fold& f = machine_.fold(struck.fold);
        const std::int32_t a = sums_.activation(f, struck.m, struck.k);
        const std::int32_t b = sums_.weight(f, struck.k, struck.n);
        const std::int64_t change = sums_.struck_product(a, b, struck.mask) - sums_.product(a, b);
        accumulator_off(f, struck.m, struck.n, static_cast<std::uint32_t>(change));
    }
    for (const StruckSum& struck : struck_.sums) {
        const Fold& f = machine_.fold(struck.fold);
        const std::uint32_t held = sums_.partial(f, struck.m, struck.n, struck.terms);
        accumulator_off(f, struck.m, struck.n, (held ^ static_cast<std::uint32_t>(struck.mask)) - held);
    }
}

void LayerChanges::weight_off(const StruckOperand& struck) {
    const Fold& f = machine_.fold(struck.fold);
    if (struck.k >= f.terms) {
        return;  // meets zeros alone
    }
    const MacLayer& layer = machine_.mac_layer(f.layer);
    const Codes& codes = sums_.tensors()[index_of(layer.layer->inputs[0])];
    const std::int64_t channel = layer.channel(f.group, f.first_n + struck.lane);
    const Copy copy = layer.is_copy(f.group, f.first_n + struck.lane) ? Copy::yes : Copy::no;
    const std::int32_t right = sums_.weight(f, struck.k, struck.lane);
    const std::int32_t wrong = sums_.struck_weight(right, struck.code, struck.mask);
    if (right == wrong) {
        return;
    }
    layer.im2col.for_each_pixel(f.group, f.first_k + struck.k, f.first_pixel + struck.first,
                                f.first_pixel + struck.last, [&](std::int64_t m, std::int64_t element) {
                                    const std::int32_t code = codes[static_cast<std::size_t>(element)];
                                    if (code != 0) {
                                        output_off(layer.output_element(channel, m), copy,
                                                   static_cast<std::uint32_t>(sums_.product(code, wrong) -
                                                                              sums_.product(code, right)));
                                    }
                                });
}

void LayerChanges::activation_off(const StruckOperand& struck) {
    const Fold& f = machine_.fold(struck.fold);
    const std::int32_t right = sums_.activation(f, struck.lane, struck.k);
    const std::int32_t wrong = sums_.struck_activation(f, right, struck.code, struck.mask);
    if (right == wrong || struck.k >= f.terms) {
        return;
    }
    for (std::int64_t n = struck.first; n < struck.last; ++n) {
        const std::int32_t weight = sums_.weight(f, struck.k, n);
        if (weight != 0) {
            accumulator_off(
                f, struck.lane, n,
                static_cast<std::uint32_t>(sums_.product(wrong, weight) - sums_.product(right, weight)));
        }
    }
    rows_[struck.fold][{struck.lane, struck.k}] += std::int64_t{wrong} - right;
}

void LayerChanges::read_wrong() {
    if (struck_.reads.empty()) {
        return;
    }
    const workloads::Layer& layer = machine_.graph.layer(struck_.layer);
    for (const StruckRead& read : struck_.reads) {
        const TensorId tensor = layer.inputs[static_cast<std::size_t>(read.input)];
        const std::int32_t right = sums_.tensors()[index_of(tensor)][static_cast<std::size_t>(read.element)];
        const std::int32_t wrong = workloads::flip_bits(machine_.graph.tensor(tensor).format, 0,
                                                        read.change.apply(static_cast<std::uint32_t>(right)));
        if (right != wrong) {
            fault_.operands.push_back({read.input, read.element, wrong, read.first_output, read.last_output});
        }
    }
}

void LayerChanges::parameters_wrong() {
    std::map<std::pair<arith::Parameter, std::int64_t>, BitChange> changes;
    for (const StruckParameter& struck : struck_.parameters) {
        BitChange& change = changes[{struck.parameter, struck.index}];
        change = change.then(struck.change);
    }
    const workloads::Layer& layer = machine_.graph.layer(struck_.layer);
    for (const auto& [which, change] : changes) {
        const auto index = static_cast<std::size_t>(which.second);
        std::uint32_t right = 0;
        std::uint32_t used = ~std::uint32_t{0};
        if (which.first == arith::Parameter::bias) {
            right = static_cast<std::uint32_t>(layer.bias[index]);
        } else if (which.first == arith::Parameter::multiplier) {
            right = static_cast<std::uint32_t>(layer.multiplier[index]);
        } else {
            right = layer.shift[index];
            used = 63;  // the bits of a shift that the vector unit looks at
        }
        const std::uint32_t wrong = change.apply(right);
        if (((right ^ wrong) & used) != 0) {
            fault_.parameters.push_back({which.first, which.second, static_cast<std::int32_t>(wrong)});
        }
    }
}

// Behind everything else that is wrong in the sums: `accumulators` are in order, one a sum.
void LayerChanges::flip_mac_outputs() {
    std::map<std::int64_t, std::uint32_t> masks;
    for (const StruckMacOutput& struck : struck_.mac_outputs) {
        masks[struck.element] ^= struck.mask;
    }
    const std::vector<arith::AccumulatorDelta> deltas = fault_.accumulators;
    for (const auto& [element, mask] : masks) {
        const std::uint32_t held =
            sums_.mac_output(struck_.layer, element) + accumulator_delta(deltas, element);
        output_off(element, Copy::no, (held ^ mask) - held);
    }
}

// What the comparison finds is kept ^ mask instead of kept; as if the copy were off by the opposite.
// `accumulators` are in order, one a sum.
void LayerChanges::flip_kept_sums() {
    std::map<std::int64_t, std::uint32_t> masks;
    for (const StruckKeptSum& struck : struck_.kept_sums) {
        masks[struck.element] ^= struck.mask;
    }
    for (const auto& [element, mask] : masks) {
        const std::uint32_t kept =
            sums_.mac_output(struck_.layer, element) + accumulator_delta(fault_.accumulators, element);
        output_off(element, Copy::yes, kept - (kept ^ mask));
    }
}

std::uint32_t LayerChanges::claim(std::int32_t fold, std::int64_t m, std::int64_t n) {
    const auto found = folds_.find(fold);
    if (found == folds_.end()) {
        return 0;
    }
    const std::pair<std::int64_t, std::int64_t> key(m, n);
    const auto at =
        std::lower_bound(found->second.begin(), found->second.end(), key,
                         [](const auto& delta, const auto& place) { return delta.first < place; });
    return at == found->second.end() || at->first != key ? 0 : std::exchange(at->second, 0);
}

arith::LayerFault LayerChanges::take() {
    for (const auto& [id, deltas] : folds_) {
        for (const auto& [at, delta] : deltas) {
            if (delta != 0) {  // nobody has claimed it
                accumulator_off(machine_.fold(id), at.first, at.second, delta);
            }
        }
    }
    const auto element = [](const arith::AccumulatorDelta& d) { return d.index; };
    cancelled_ = add_up(fault_.accumulators, element);
    if (!struck_.mac_outputs.empty()) {
        flip_mac_outputs();
        cancelled_ = add_up(fault_.accumulators, element) || cancelled_;
    }
    flip_kept_sums();
    if (machine_.policy.checksum) {
        ChecksumChanges(machine_, sums_, struck_.column, rows_, fault_).add();
    }
    add_up(fault_.duplicates, element);
    add_up(fault_.checksum,
           [](const arith::ChecksumDelta& d) { return std::pair(d.pixel, d.first_channel); });
    return std::move(fault_);
}

bool LayerChanges::absorbs() const {
    return cancelled_ || std::any_of(struck_folds_.begin(), struck_folds_.end(),
                                     [](const auto& entry) { return entry.second.absorbs(); });
}

void check_disturbed(const MachineView& machine, const FoldSums& sums, arith::LayerFault& fault) {
    const workloads::Layer& layer = machine.graph.layer(fault.layer);
    if (!protect::has_relu(machine.graph, layer)) {
        return;
    }
    const workloads::TensorInfo& output = machine.graph.tensor(layer.output);
    arith::Parameters parameters;
    parameters.assign(layer, &fault);
    for (const arith::DisturbedOutput& disturbed : fault.disturbed) {
        const auto n = static_cast<std::size_t>(disturbed.index / output.shape.plane());
        std::uint32_t sum =
            sums.mac_output(fault.layer, disturbed.index) + static_cast<std::uint32_t>(parameters.bias[n]);
        for (const arith::AccumulatorDelta& delta : fault.accumulators) {
            sum += delta.index == disturbed.index ? static_cast<std::uint32_t>(delta.delta) : 0;
        }
        const auto computed = static_cast<std::int32_t>(std::clamp<std::int64_t>(
            workloads::rescale(static_cast<std::int32_t>(sum), parameters.multiplier[n], parameters.shift[n]),
            layer.clamp_lo, layer.clamp_hi));
        std::int32_t code = computed;
        for (arith::OutputFlip& flip : fault.outputs) {
            if (flip.index == disturbed.index) {
                code = workloads::flip_bits(output.format, code, flip.mask);
                flip.checked = false;  // the comparator sees both together
            }
        }
        fault.relu_alarm =
            fault.relu_alarm || arith::disturbed_code(output.format, code, disturbed) != computed;
        if (fault.relu_alarm && fault.outputs.empty()) {
            return;
        }
    }
}

bool changes_anything(const arith::LayerFault& fault) {
    return !fault.accumulators.empty() || !fault.checksum.empty() || !fault.duplicates.empty() ||
           !fault.operands.empty() || !fault.parameters.empty() || !fault.outputs.empty() ||
           !fault.disturbed.empty() || !fault.restricted.empty() || !fault.thresholds.empty() ||
           fault.relu_alarm;
}

}  // namespace fluence::fault
