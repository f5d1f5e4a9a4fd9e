#include "sim/words/layer_changes.h"

#include <algorithm>

#include "sim/fault/vector_unit.h"

namespace fluence::words {

using fault::AccumulatorBlock;
using traces::Fold;

namespace {

bool same(const arith::WordLayerFault::Parameter& a, const arith::WordLayerFault::Parameter& b) {
    return a.shift == b.shift && a.index == b.index && a.word == b.word;
}

// Outputs, each with the index of a wrong parameter that it uses.
using Users = std::vector<std::pair<std::int64_t, std::size_t>>;

// Outputs with the same wrong parameters together.
std::vector<arith::WordLayerFault::Used> by_parameters(
    const std::vector<arith::WordLayerFault::Parameter>& wrong, Users users) {
    std::sort(users.begin(), users.end());
    std::map<std::vector<std::size_t>, std::vector<std::int64_t>> groups;
    for (auto user = users.begin(); user != users.end();) {
        const std::int64_t element = user->first;
        std::vector<std::size_t> of_element;
        for (; user != users.end() && user->first == element; ++user) {
            of_element.push_back(user->second);
        }
        groups[of_element].push_back(element);
    }
    std::vector<arith::WordLayerFault::Used> all;
    for (auto& [indices, elements] : groups) {
        arith::WordLayerFault::Used& used = all.emplace_back();
        for (const std::size_t i : indices) {
            used.parameters.push_back(wrong[i]);
        }
        used.elements = std::move(elements);
    }
    return all;
}

}  // namespace

void WordLayerChanges::add(const fault::StruckLayer& struck) {
    add_folds(struck);
    add_reads(struck);
    add_parameters(struck);
}

void WordLayerChanges::add(const StruckStoredSum& struck) {
    outputs_[{struck.block, struck.position}].stored[struck.k_fold] = {struck.zero, struck.mask};
}

void WordLayerChanges::add(const StruckStage& struck) {
    WordLayerFault::Held& held = held_[struck.element];
    held.element = struck.element;
    held.inverted[static_cast<std::size_t>(struck.holds)] ^= struck.mask;
}

void WordLayerChanges::add(const StruckRegister& struck) {
    registers_[{struck.shift, struck.index}].push_back(struck);
}

void WordLayerChanges::add(const fault::WordSites::StruckLogit& logit) {
    logits_[logit.element] = logits_[logit.element].then(logit.change);
}

void WordLayerChanges::add_folds(const fault::StruckLayer& struck) {
    std::map<std::int32_t, fault::StruckPoints<WordSums>> folds;
    const auto add_all = [&](const auto& all) {
        for (const auto& one : all) {
            folds.try_emplace(one.fold, sums_, machine_.fold(one.fold)).first->second.add(one);
        }
    };
    add_all(struck.operands);
    add_all(struck.products);
    add_all(struck.sums);
    for (const auto& [id, points] : folds) {
        const Fold& fold = machine_.fold(id);
        const AccumulatorBlock& block = machine_.block_of(fold);
        for (const auto& [at, point] : points.points()) {
            const auto [m, n] = at;
            outputs_[{&block, n * fold.pixels + m}].folds[fold.k_fold] = points.walk(at, point);
        }
    }
}

void WordLayerChanges::add_reads(const fault::StruckLayer& struck) {
    for (const fault::StruckRead& read : struck.reads) {
        const TensorId tensor =
            machine_.graph.layer(struck.layer).inputs[static_cast<std::size_t>(read.input)];
        const Word right = sums_.value(tensor, read.element);
        const Word wrong = read.change.apply(right);
        any_ = any_ || wrong != right;
        fault_.reads.push_back({read.input, read.element, wrong, read.first_output, read.last_output});
    }
}

void WordLayerChanges::add_parameters(const fault::StruckLayer& struck) {
    std::map<std::pair<bool, std::int64_t>, fault::BitChange> changes;
    for (const fault::StruckParameter& parameter : struck.parameters) {
        fault::BitChange& change = changes[{parameter.parameter == arith::Parameter::shift, parameter.index}];
        change = change.then(parameter.change);
    }
    for (const auto& [which, change] : changes) {
        const Word right = parameter(struck.layer, which.first, which.second);
        const Word wrong = change.apply(right);
        if (wrong != right) {
            any_ = true;
            fault_.parameters.push_back({which.first, which.second, wrong});
        }
    }
}

Word WordLayerChanges::parameter(LayerId layer, bool shift, std::int64_t index) const {
    const auto at = static_cast<std::size_t>(index);
    return shift ? static_cast<Word>(workloads::stored_shifts(graph_, index_of(layer))[at]) & 0xFFU
                 : graph_.layers[index_of(layer)].bias[at];
}

// Behind what DRAM delivered: each output finds the bits inverted that were struck up to its use.
void WordLayerChanges::use_registers() {
    std::vector<WordLayerFault::Parameter> wrong;
    Users users;
    for (const auto& [which, strikes] : registers_) {
        const auto [shift, index] = which;
        const LayerId layer = strikes.front().layer;
        Word loaded = parameter(layer, shift, index);
        for (const WordLayerFault::Parameter& of_layer : fault_.parameters) {
            loaded = of_layer.shift == shift && of_layer.index == index ? of_layer.word : loaded;
        }
        for (const ParameterUse& use : uses_of(machine_, layer, shift, index)) {
            for (std::int64_t i = use.first; i < use.end; ++i) {
                Word used = loaded;
                for (const StruckRegister& struck : strikes) {
                    used ^= struck.cycle <= use.cycle(i) ? struck.mask : 0;
                }
                if (used == loaded) {
                    continue;
                }
                const WordLayerFault::Parameter found{shift, index, used};
                if (wrong.empty() || !same(wrong.back(), found)) {
                    wrong.push_back(found);
                }
                users.emplace_back(fault::element_at(machine_, *use.pass, i), wrong.size() - 1);
            }
        }
    }
    fault_.used = by_parameters(wrong, std::move(users));
}

WordLayerChanges::Totals WordLayerChanges::totals(const AccumulatorBlock& block, std::int64_t position,
                                                  const Output& output) const {
    Totals totals;
    for (std::size_t j = 0; j < block.folds.size(); ++j) {
        const Fold& fold = machine_.fold(block.folds[j]);
        const auto add = [&](WideBits total, WideBits sum) {
            return j == 0 ? sums_.pe().stored(sum) : sums_.pe().accumulate(total, sum);
        };
        const auto k_fold = static_cast<std::int32_t>(j);
        const auto wrong = output.folds.find(k_fold);
        const WideBits right =
            sums_.partial(fold, position % fold.pixels, position / fold.pixels, fold.terms);
        totals.right = add(totals.right, right);
        totals.wrong = add(totals.wrong, wrong != output.folds.end() ? wrong->second : right);
        if (const auto struck = output.stored.find(k_fold); struck != output.stored.end()) {
            const auto [zero, mask] = struck->second;
            totals.wrong = (zero ? 0 : totals.wrong) ^ mask;
        }
    }
    return totals;
}

arith::WordLayerFault WordLayerChanges::take() {
    for (const auto& [place, output] : outputs_) {
        const auto& [block, position] = place;
        const Fold& fold = machine_.fold(block->folds[0]);
        const fault::MacLayer& layer = machine_.mac_layer(fold.layer);
        const std::int64_t element =
            layer.output_element(layer.channel(fold.group, fold.first_n + position / fold.pixels),
                                 fold.first_pixel + position % fold.pixels);
        const Totals sums = totals(*block, position, output);
        if (sums.wrong != sums.right) {
            any_ = true;
            fault_.totals.push_back({element, sums.wrong});
        }
    }
    use_registers();
    any_ = any_ || !fault_.used.empty();
    for (const auto& [element, held] : held_) {
        any_ = any_ || std::any_of(held.inverted.begin(), held.inverted.end(),
                                   [](WideBits mask) { return mask != 0; });
        fault_.held.push_back(held);
    }
    for (const auto& [element, change] : logits_) {
        any_ = any_ || !change.none();
        fault_.outputs.push_back({element, change.keep, change.flip});
    }
    return std::move(fault_);
}

}  // namespace fluence::words
