#include "sim/words/layer_changes.h"

namespace fluence::words {

using arith::WordLayerFault;
using fault::AccumulatorBlock;
using traces::Fold;

void WordLayerChanges::add(const fault::StruckLayer& struck) {
    add_folds(struck);
    add_reads(struck);
    add_parameters(struck);
}

void WordLayerChanges::add(const StruckStoredSum& struck) {
    outputs_[{struck.block, struck.position}].stored[struck.k_fold] = {struck.zero, struck.mask};
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
    const workloads::WordLayer& words = graph_.layers[index_of(struck.layer)];
    for (const auto& [which, change] : changes) {
        const Word right = parameter(words, struck.layer, which.first, which.second);
        const Word wrong = change.apply(right);
        if (wrong != right) {
            any_ = true;
            fault_.parameters.push_back({which.first, which.second, wrong});
        }
    }
}

Word WordLayerChanges::parameter(const workloads::WordLayer& words, LayerId layer, bool shift,
                                 std::int64_t index) const {
    return shift ? static_cast<Word>(
                       workloads::stored_shifts(graph_, index_of(layer))[static_cast<std::size_t>(index)]) &
                       0xFFU
                 : words.bias[static_cast<std::size_t>(index)];
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

WordLayerFault WordLayerChanges::take() {
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
    for (const auto& [element, change] : logits_) {
        any_ = any_ || !change.none();
        fault_.outputs.push_back({element, change.keep, change.flip});
    }
    return std::move(fault_);
}

}  // namespace fluence::words
